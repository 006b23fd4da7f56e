#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct posix_option posix_next_option(int count, char *const arguments[], const char *short_options,
                                      const struct option *long_options) {
  struct posix_option found;
  found.code = getopt_long(count, arguments, short_options, long_options, 0);
  found.argument = optarg;
  found.next = optind;
  return found;
}

static void ignore_signal(int signal) { (void)signal; }

int posix_take_signals(void) {
  struct sigaction interrupt_only = {.sa_handler = ignore_signal};
  sigset_t read, blocked;
  sigemptyset(&read);
  sigaddset(&read, SIGCHLD);
  sigaddset(&read, SIGTERM);
  sigaddset(&read, SIGINT);
  sigaddset(&read, SIGHUP);
  blocked = read;
  sigaddset(&blocked, SIGUSR1);
  signal(SIGPIPE, SIG_IGN);
  // The program that started this one may have ignored these signals, and ignored signals stay ignored after exec.
  // Ignored SIGCHLD would leave no children to reap, and ignored SIGALRM would leave reviews without a timeout.
  signal(SIGCHLD, SIG_DFL);
  signal(SIGALRM, SIG_DFL);
  if (sigaction(SIGUSR1, &interrupt_only, NULL) || sigprocmask(SIG_SETMASK, &blocked, NULL)) return -1;
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
  sigaddset(&mask, SIGCHLD);
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
  // Even if the system's default is IPv6 only, [::] must accept IPv4, too.
  if (address->sa_family == AF_INET6) setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  setsockopt(s, IPPROTO_TCP, TCP_DEFER_ACCEPT, &deferred, sizeof deferred);
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // accepted sockets inherit it
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

void posix_make_blocking(int socket) { fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) & ~O_NONBLOCK); }

void posix_cork(int socket) {
  int one = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_CORK, &one, sizeof one);
}

int posix_pipe(int ends[2], int capacity) {
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) return -1;
  if (capacity > 0) fcntl(ends[1], F_SETPIPE_SZ, capacity);
  return 0;
}

int posix_pipe_capacity(int end) { return fcntl(end, F_GETPIPE_SZ); }

int posix_bytes_waiting(int descriptor) {
  int count = 0;
  return ioctl(descriptor, FIONREAD, &count) ? -1 : count;
}

void posix_open_standard(void) {
  for (int i = 0; i < 3; i++)
    if (fcntl(i, F_GETFD) < 0) open("/dev/null", O_RDWR);
}

int posix_reopen(int descriptor) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  return open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
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

// CLONE_FILES once posix_share_descriptors has found that a child can leave a shared descriptor table; 0 before.
static int shared_table;

void posix_share_descriptors(void) {
  if (!close_range(~0U, ~0U, CLOSE_RANGE_UNSHARE)) shared_table = CLONE_FILES;
}

int posix_close_all_but_standard(void) {
  if (!close_range(3, ~0U, CLOSE_RANGE_UNSHARE)) return 0;
  if (shared_table) return -1;
  // Linux before 5.9 has no close_range(2).
  for (long i = 3, end = sysconf(_SC_OPEN_MAX); i < end; i++) close((int)i);
  return 0;
}

uint64_t posix_cpu_seconds(void) {
  struct timespec used = {0, 0};
  // A real system call, so that the vDSO page need not be mapped.
  syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec;
}

// Lowers a resource limit, permanently. A lower limit that was set by the parent stays, because it may not be raised.
static int lower_limit(int resource, rlim_t value) {
  struct rlimit limit;
  if (getrlimit(resource, &limit)) return -1;
  if (value < limit.rlim_max) limit.rlim_max = value;
  if (value < limit.rlim_cur) limit.rlim_cur = value;
  return setrlimit(resource, &limit);
}

int posix_limit(uint64_t memory, uint64_t cpu_seconds) {
  return lower_limit(RLIMIT_AS, memory) || lower_limit(RLIMIT_CPU, cpu_seconds) ? -1 : 0;
}

int posix_limit_files(int descriptor, uint64_t more) {
  struct stat status;
  rlim_t size = 0;
  if (descriptor >= 0 && !fstat(descriptor, &status) && S_ISREG(status.st_mode)) size = (rlim_t)status.st_size + more;
  return lower_limit(RLIMIT_FSIZE, size);
}

int posix_start_stopwatch(void) {
  struct itimerspec every_microsecond = {{0, 1000}, {0, 1000}};
  int stopwatch = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (stopwatch >= 0 && timerfd_settime(stopwatch, 0, &every_microsecond, NULL)) {
    close(stopwatch);
    return -1;
  }
  return stopwatch;
}

uint64_t posix_read_stopwatch(int stopwatch) {
  uint64_t microseconds;
  return read(stopwatch, &microseconds, sizeof microseconds) == sizeof microseconds ? microseconds : 0;
}

int posix_set_timer(int milliseconds) {
  struct itimerval timer = {{0, 0}, {milliseconds / 1000, milliseconds % 1000 * 1000}};
  return setitimer(ITIMER_REAL, &timer, NULL);
}

pid_t posix_reap(pid_t child, int wait, int *exit) {
  int status;
  pid_t ended;
  do ended = waitpid(child, &status, wait ? 0 : WNOHANG);
  while (ended < 0 && errno == EINTR);
  if (ended > 0) *exit = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return ended;
}

pid_t posix_reap_soon(pid_t child, int milliseconds, int *exit) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  sigset_t ended;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  // The first SIGCHLD may be about a child that was reaped before. Others may come from outside, so do not wait for
  // more than two.
  for (int is_notified = 1, i = 0; is_notified && i < 2; i++) {
    is_notified = sigtimedwait(&ended, NULL, &time) > 0;
    pid_t reaped = posix_reap(child, 0, exit);
    if (reaped) return reaped;
  }
  return 0;
}

pid_t posix_fork_alone(void) { return (pid_t)syscall(SYS_clone, SIGCHLD | shared_table, 0, 0, 0, 0); }

uint64_t *posix_shared_words(uintptr_t count) {
  void *words = mmap(NULL, count * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return words == MAP_FAILED ? NULL : words;
}

void posix_unmap_words(uint64_t *words, uintptr_t count) { munmap(words, count * sizeof(uint64_t)); }

int posix_exclude_words_from_forks(uint64_t *words, uintptr_t count) {
  return madvise(words, count * sizeof(uint64_t), MADV_DONTFORK);
}
