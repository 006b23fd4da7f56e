// What Swift cannot import from POSIX and Linux: macros, enumerations as arguments, variadic functions, globals such as
// optarg that Swift 6 rejects as shared state, and what only _GNU_SOURCE declares.
#pragma once
#include "confinement.h"
#include "secret_heap.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>

// getopt_long's answer for one option, with the globals it leaves behind.
struct posix_option {
  int code;        // as getopt_long returns it; -1 at the end
  char *argument;  // optarg
  int next;        // optind
};

struct posix_option posix_next_option(int count, char *const arguments[], const char *short_options,
                                      const struct option *long_options);

// Every function below returns -1 with errno where it fails, unless it says otherwise.

// A descriptor that reads the blocked signals SIGCHLD, SIGTERM, SIGINT and SIGHUP, and blocks them and SIGUSR1. SIGUSR1
// gets a handler that does nothing: it only ends the waiting of posix_wait.
int posix_take_signals(void);
// The number of the next signal, or -1.
int posix_next_signal(int descriptor);
// For a child: SIGTERM ends it again; SIGINT and SIGHUP, which a terminal sends to all, stay blocked, and SIGCHLD for
// posix_reap_soon.
void posix_release_signals(void);
// ppoll(2); with `interruptible`, SIGUSR1 ends it with EINTR. Milliseconds; -1 for ever.
int posix_wait(struct pollfd *entries, unsigned long count, int milliseconds, int interruptible);

// A TCP listener bound to an address, not blocking, without TCP's wait for nobody; `deferred` seconds, a connection
// whose client is silent stays in the kernel (TCP_DEFER_ACCEPT).
int posix_listen(const struct sockaddr *address, socklen_t length, int deferred);
// accept4(2), not blocking, closed on exec, TCP_NODELAY.
int posix_accept(int listener, struct sockaddr_storage *peer);
// Has a socket's calls wait from now on.
void posix_make_blocking(int socket);
// Holds small writes back until the socket closes, so that they leave in one packet.
void posix_cork(int socket);
// A pipe, closed on exec, not blocking; of `capacity` bytes if more than 0 and allowed.
int posix_pipe(int ends[2], int capacity);
// How many bytes a pipe has room for.
int posix_pipe_capacity(int end);
// How many bytes a pipe holds.
int posix_bytes_waiting(int descriptor);

// Opens /dev/null for those of the standard descriptors that are closed: no other file is to get their numbers.
void posix_open_standard(void);
// Another descriptor for writing to what one refers to: not blocking, closed on exec.
int posix_reopen(int descriptor);

// No core dumps, no gaining of privileges, memory closed to other processes of the same user; orphans come to us.
int posix_harden(void);
// The kernel kills this process when its parent ends; 0 if `parent` has ended already.
int posix_die_with(pid_t parent);
// Leaves a child of posix_fork_alone the descriptors 0, 1 and 2, in a table of its own.
int posix_keep_standard(void);
// The CPU time that this process has used.
uint64_t posix_cpu_seconds(void);
// Bounds what this process may map (bytes in all), and the CPU time that it may use (seconds in all).
int posix_limit(uint64_t memory, uint64_t cpu_seconds);
// Has SIGXFSZ end this process where it writes to a regular file; to that of the descriptor, if it is one, `more` bytes
// may be added. -1 for no descriptor.
int posix_limit_files(int descriptor, uint64_t more);
// A stopwatch, and the microseconds since it was started: read(2) tells them in a sandbox too, where the clock is out of
// reach. The kernel counts when it is asked; nothing ticks.
int posix_start_stopwatch(void);
uint64_t posix_read_stopwatch(int stopwatch);
// Has SIGALRM end this process after so many milliseconds; with 0, no more.
int posix_set_timer(int milliseconds);
// Has malloc take all memory from the heap, keep what is freed, and ask for so many bytes more than it needs each time:
// a process in a sandbox cannot ask. Pages that are not touched cost nothing. -1 where the heap cannot grow that much.
int posix_keep_heap(uintptr_t bytes);
// Gives back what is free of the heap, but for the reserve.
void posix_trim_heap(void);
// waitpid(2) for any child (-1) or one: the process, 0 for none. `*exit` is its exit status, or minus the signal's number.
pid_t posix_reap(pid_t child, int wait, int *exit);
// The same for one child, after waiting for its end for at most so many milliseconds, or twice that where it is told of
// another's. SIGCHLD must be blocked.
pid_t posix_reap_soon(pid_t child, int milliseconds, int *exit);
// fork(2) without what the C library does around it, that is, with a lock for each of its parts and new lists of its
// threads, pages that every child would have to copy. For a process of one thread, with a child that only computes and ends.
// After posix_share_descriptors, parent and child have one table of descriptors until posix_keep_standard, which makes a
// copy to close most of it: neither may open or close any before.
pid_t posix_fork_alone(void);
// Has posix_fork_alone do without a copy of the table of descriptors, where the kernel knows close_range(2) (Linux 5.9).
// Valgrind knows no such children.
void posix_share_descriptors(void);

// Drops from memory what of the program's file is there only because starting it needed it, and moves the code that is
// needed all the time, and constants, into huge pages where the kernel has them: forking copies one entry for each, and what
// is forked finds it mapped. Takes every free piece of the heap for good, so that what is allocated from now on lies
// together: each page that is written between one fork and the next costs more than a system call. May be called again.
void posix_forget_startup(void);

// Leaves out of processes forked from now on the pages by which the kernel tells the time, three mappings to copy: for those
// that go into a sandbox, where the time cannot be told. After posix_forget_startup.
void posix_keep_clock_from_children(void);

// Memory that the processes forked from now on share, all zeros; null where there is none.
uint64_t *posix_shared_words(uintptr_t count);
// Leaves the shared memory out of processes forked from now on.
int posix_unshare_words(uint64_t *words, uintptr_t count);
// Takes it from this process.
void posix_drop_words(uint64_t *words, uintptr_t count);
static inline uint64_t posix_load(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static inline void posix_store(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }
