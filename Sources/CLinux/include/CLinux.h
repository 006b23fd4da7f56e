// What Swift cannot import from POSIX and Linux: macros, enumerations as arguments, variadic functions, globals such as
// optarg that Swift 6 rejects as shared mutable state, and declarations that need _GNU_SOURCE.
#pragma once
#include "confinement.h"
#include "secret_heap.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>

// The result of getopt_long for one option, with the globals that it sets.
struct posix_option {
  int code;        // the return value of getopt_long; -1 at the end
  char *argument;  // optarg
  int next;        // optind
};

struct posix_option posix_next_option(int count, char *const arguments[], const char *short_options,
                                      const struct option *long_options);

// Unless stated otherwise, every function below returns -1 with errno set if it fails.

// Blocks SIGCHLD, SIGTERM, SIGINT, SIGHUP and SIGUSR1, and returns a signalfd(2) that reads all of them but SIGUSR1.
// SIGUSR1 gets an empty handler: its only purpose is to interrupt posix_wait.
int posix_take_signals(void);
// Returns the number of the next pending signal, or -1 if there is none.
int posix_next_signal(int descriptor);
// Sets the signal mask of a child. SIGTERM ends it again. SIGINT and SIGHUP stay blocked, because a terminal sends them
// to the whole process group. SIGCHLD stays blocked for posix_reap_soon.
void posix_release_signals(void);
// ppoll(2) with a timeout in milliseconds, or -1 for none. If `interruptible`, SIGUSR1 ends it with EINTR.
int posix_wait(struct pollfd *entries, unsigned long count, int milliseconds, int interruptible);

// Returns a non-blocking TCP listening socket with TCP_NODELAY, bound to the address. A client that connects but sends
// nothing stays in the kernel for `deferred` seconds (TCP_DEFER_ACCEPT).
int posix_listen(const struct sockaddr *address, socklen_t length, int deferred);
// accept4(2): the socket is non-blocking, closed on exec, and inherits TCP_NODELAY.
int posix_accept(int listener, struct sockaddr_storage *peer);
// Clears O_NONBLOCK.
void posix_make_blocking(int socket);
// Sets TCP_CORK: small writes are held back until the socket is closed, so that they leave in one packet.
void posix_cork(int socket);
// Creates a non-blocking pipe that is closed on exec. If `capacity` is not 0, requests that many bytes of capacity,
// which the system may refuse.
int posix_pipe(int ends[2], int capacity);
// Returns the capacity of a pipe, in bytes.
int posix_pipe_capacity(int end);
// Returns how many bytes are in a pipe (FIONREAD).
int posix_bytes_waiting(int descriptor);

// Opens /dev/null as each of the descriptors 0, 1 and 2 that is closed, so that no other file gets their numbers.
void posix_open_standard(void);
// Opens what a descriptor refers to once more, for writing: non-blocking, append, closed on exec.
int posix_reopen(int descriptor);

// Hardens this process: no core dumps, no new privileges, memory not readable by other processes of the same user. Also
// makes it the parent of its orphaned descendants.
int posix_harden(void);
// Makes the kernel kill this process when its parent ends. Returns 0 if `parent` has already ended.
int posix_die_with(pid_t parent);
// Closes all descriptors but 0, 1 and 2 in a child of posix_fork_alone, in a descriptor table of its own.
int posix_close_all_but_standard(void);
// Returns the CPU time that this process has used, in seconds.
uint64_t posix_cpu_seconds(void);
// Limits the memory that this process may map, in bytes, and the CPU time that it may use, in seconds.
int posix_limit(uint64_t memory, uint64_t cpu_seconds);
// Lowers RLIMIT_FSIZE to the size of a descriptor's regular file plus `more` bytes, or to 0 if it is not a regular file
// or `descriptor` is -1. A write beyond that ends the process by SIGXFSZ.
int posix_limit_files(int descriptor, uint64_t more);
// Starts a stopwatch, and reads the microseconds since its start. A confined process can use it, because it needs only
// read(2), not the clock. It costs nothing while nobody reads: the kernel computes the value on demand.
int posix_start_stopwatch(void);
uint64_t posix_read_stopwatch(int stopwatch);
// Makes SIGALRM end this process after `milliseconds`; 0 cancels that.
int posix_set_timer(int milliseconds);
// Makes malloc take all memory from the heap, keep freed memory, and grow the heap by `bytes` more than needed each
// time: a confined process cannot ask for memory. Untouched pages cost nothing. Returns -1 if the heap cannot grow that
// much.
int posix_keep_heap(uintptr_t bytes);
// Returns free heap memory to the system, except for the reserve.
void posix_trim_heap(void);
// waitpid(2) for one child, or for any if `child` is -1. Returns the process ID, or 0 if none has ended. Sets `*exit`
// to the exit status, or to minus the signal number.
pid_t posix_reap(pid_t child, int wait, int *exit);
// Like posix_reap for one child, but waits for at most `milliseconds`, or twice that if the first SIGCHLD was about
// another child. SIGCHLD must be blocked.
pid_t posix_reap_soon(pid_t child, int milliseconds, int *exit);
// fork(2) without the work of the C library, which takes the locks of all its parts and rebuilds its list of threads,
// and so writes to pages that every fork would have to copy. Only for a process with one thread, and for a child that
// only computes and exits.
//
// After posix_share_descriptors, parent and child share one descriptor table until the child calls
// posix_close_all_but_standard, which copies only the descriptors that stay open. Until then neither may open or close
// a descriptor.
pid_t posix_fork_alone(void);
// Lets posix_fork_alone share the descriptor table instead of copying it, if the kernel has close_range(2) (Linux 5.9).
// Valgrind does not support such children.
void posix_share_descriptors(void);

// Prepares memory for cheap forks. Drops pages of the program's file that only its start needed. Moves code and
// constants that are always needed into huge pages where the kernel has them: a fork copies one entry for each, and the
// child finds them mapped. Fills all free pieces of the heap for good, so that later allocations lie together: each
// page that is written between two forks costs more than a system call. May be called again.
void posix_forget_startup(void);

// Excludes the pages of the kernel's clock (vDSO and vvar) from processes forked from now on, which saves copying three
// mappings. Only for children that become confined and cannot read the clock. Call after posix_forget_startup.
void posix_keep_clock_from_children(void);

// Maps zeroed memory that this process shares with those forked from now on; NULL if that fails.
uint64_t *posix_shared_words(uintptr_t count);
// Excludes the shared memory from processes forked from now on.
int posix_exclude_words_from_forks(uint64_t *words, uintptr_t count);
// Unmaps the shared memory in this process.
void posix_unmap_words(uint64_t *words, uintptr_t count);
static inline uint64_t posix_load(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static inline void posix_store(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }
