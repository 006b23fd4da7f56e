#define _GNU_SOURCE
#include "CPOSIX.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

struct posix_option posix_next_option(int count, char *const arguments[], const char *short_options,
                                      const struct option *long_options) {
  struct posix_option found;
  found.code = getopt_long(count, arguments, short_options, long_options, 0);
  found.argument = optarg;
  found.next = optind;
  return found;
}

static void nothing(int signal) { (void)signal; }

int posix_take_signals(void) {
  struct sigaction quiet = {.sa_handler = nothing};
  sigset_t read, blocked;
  sigemptyset(&read);
  sigaddset(&read, SIGCHLD);
  sigaddset(&read, SIGTERM);
  sigaddset(&read, SIGINT);
  sigaddset(&read, SIGHUP);
  blocked = read;
  sigaddset(&blocked, SIGUSR1);
  signal(SIGPIPE, SIG_IGN);
  if (sigaction(SIGUSR1, &quiet, NULL) || sigprocmask(SIG_SETMASK, &blocked, NULL)) return -1;
  return signalfd(-1, &read, SFD_NONBLOCK | SFD_CLOEXEC);
}

int posix_next_signal(int descriptor) {
  struct signalfd_siginfo info;
  return read(descriptor, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : -1;
}

static sigset_t child_mask(int interruptible) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGINT);
  sigaddset(&mask, SIGHUP);
  if (!interruptible) sigaddset(&mask, SIGUSR1);
  return mask;
}

void posix_release_signals(void) {
  sigset_t mask = child_mask(0);
  sigprocmask(SIG_SETMASK, &mask, NULL);
}

int posix_wait(struct pollfd *entries, unsigned long count, int milliseconds, int interruptible) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  sigset_t mask = child_mask(1);
  return ppoll(entries, count, milliseconds < 0 ? NULL : &time, interruptible ? &mask : NULL);
}

int posix_listen(const struct sockaddr *address, socklen_t length, int deferred) {
  int one = 1, zero = 0;
  int s = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (s < 0) return -1;
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  // Where the system's default is IPv6 only, [::] still takes both.
  if (address->sa_family == AF_INET6) setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  setsockopt(s, IPPROTO_TCP, TCP_DEFER_ACCEPT, &deferred, sizeof deferred);
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // inherited by the sockets it accepts
  if (bind(s, address, length) || listen(s, 4096)) {
    int error = errno;
    close(s);
    errno = error;
    return -1;
  }
  return s;
}

int posix_accept(int listener, struct sockaddr_storage *peer) {
  socklen_t length = sizeof *peer;
  return accept4(listener, (struct sockaddr *)peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void posix_cork(int socket) {
  int one = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_CORK, &one, sizeof one);
}

int posix_pipe(int ends[2], int nonblocking, int capacity) {
  if (pipe2(ends, O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0))) return -1;
  if (capacity > 0) fcntl(ends[1], F_SETPIPE_SZ, capacity);
  return 0;
}

int posix_bytes_waiting(int descriptor) {
  int count = 0;
  return ioctl(descriptor, FIONREAD, &count) ? -1 : count;
}

int posix_harden(void) {
  struct rlimit none = {0, 0};
  return setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
                 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
             ? -1
             : 0;
}

int posix_die_with(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  return getppid() == parent;
}

void posix_close_from(int first) {
  if (!close_range((unsigned)first, ~0U, 0)) return;
  // Before Linux 5.9.
  for (long i = first, end = sysconf(_SC_OPEN_MAX); i < end; i++) close((int)i);
}

int posix_limit(uint64_t address_space, uint64_t cpu_seconds, int milliseconds, int without_files) {
  struct rlimit memory = {address_space, address_space}, cpu = {cpu_seconds, cpu_seconds}, files = {0, 0};
  struct itimerval timer = {{0, 0}, {milliseconds / 1000, milliseconds % 1000 * 1000}};
  return setrlimit(RLIMIT_AS, &memory) || setrlimit(RLIMIT_CPU, &cpu)
                 || (without_files && setrlimit(RLIMIT_FSIZE, &files)) || setitimer(ITIMER_REAL, &timer, NULL)
             ? -1
             : 0;
}

void posix_stop_timer(void) {
  struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
}

pid_t posix_reap(pid_t child, int wait, int *exit) {
  int status;
  pid_t ended;
  do ended = waitpid(child, &status, wait ? 0 : WNOHANG);
  while (ended < 0 && errno == EINTR);
  if (ended > 0) *exit = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return ended;
}

uint64_t *posix_shared_words(uintptr_t count) {
  void *words = mmap(NULL, count * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return words == MAP_FAILED ? NULL : words;
}

int posix_unshare_words(uint64_t *words, uintptr_t count) {
  return madvise(words, count * sizeof(uint64_t), MADV_DONTFORK);
}
