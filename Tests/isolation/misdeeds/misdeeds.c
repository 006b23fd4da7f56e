#define _GNU_SOURCE
#include "Misdeeds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t turns;

static _Noreturn void loop(void) {
  for (;;) turns++;
}

_Noreturn void leave(int status) {
  for (;;) syscall(SYS_exit, status);
}

void write_out(int descriptor, const void *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(descriptor, bytes, count);
    if (written < 0 && errno != EAGAIN) return;
    if (written > 0) {
      bytes = (const char *)bytes + written;
      count -= (size_t)written;
    }
  }
}

int is_open(int descriptor) {
  char nothing;
  return read(descriptor, &nothing, 0) >= 0 || errno != EBADF || write(descriptor, &nothing, 0) >= 0 || errno != EBADF;
}

// Exits and crashes.
static void null(int victim) { *(volatile int *)(intptr_t)(victim & 0) = 1; }
static void divide(int victim) {
  volatile int zero = victim & 0;
  turns = (uint64_t)(1000 / zero);
}
static void jump(int victim) { ((void (*)(void))(intptr_t)(16 + (victim & 0)))(); }
static void abortion(int victim) { (void)victim, abort(); }
static void library_exit(int victim) { exit(victim & 0); }
static void quiet_exit(int victim) { leave(victim & 0); }
static void exit_3(int victim) { leave(3 | (victim & 0)); }

// Too much memory, time or output.
static void forever(int victim) { (void)victim, loop(); }
static void allocate(int victim) {
  for (size_t size = 1 << 20;; ) {
    char *volatile piece = malloc(size);
    if (!piece) abort();
    memset(piece, victim, size);
  }
}
static void map_memory(int victim) {
  for (;;) {
    char *piece = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) return;
    memset(piece, victim, 1 << 20);
  }
}
static void write_without_end(int victim) {
  char block[4096];
  memset(block, victim, sizeof block);
  for (;;) write_out(1, block, sizeof block);
}
static void complain_without_end(int victim) {
  (void)victim;
  for (;;) write_out(2, "again and again\n", 16);
}
static void ask_for_parent(int victim) { (void)victim, getppid(); }
static void sleep_long(int victim) {
  struct timespec minute = {60 | (victim & 0), 0};
  nanosleep(&minute, NULL);
}

// Other processes.
static void forked(int victim) {
  (void)victim;
  if (!fork()) loop();
}
static void vforked(int victim) {
  (void)victim;
  static char sleep[] = "sleep", minute[] = "60";
  char *arguments[] = {sleep, minute, NULL}, *environment[] = {NULL};
  if (!vfork()) {
    execve("/bin/sleep", arguments, environment);
    _exit(127);
  }
}
static void spawned(int victim) {
  (void)victim;
  static char sleep[] = "sleep", minute[] = "60";
  char *arguments[] = {sleep, minute, NULL}, *environment[] = {NULL};
  pid_t child;
  posix_spawn(&child, "/bin/sleep", NULL, NULL, arguments, environment);
}
static void replaced(int victim) {
  (void)victim;
  static char sleep[] = "sleep", minute[] = "60";
  char *arguments[] = {sleep, minute, NULL}, *environment[] = {NULL};
  execve("/bin/sleep", arguments, environment);
}
static void *thread(void *nothing) { (void)nothing, loop(); }
static void threaded(int victim) {
  (void)victim;
  pthread_t other;
  pthread_create(&other, NULL, thread, NULL);
}
static void kill_victim(int victim) { kill(victim, SIGKILL); }
// With signal 0, so that the machine survives where nothing prevents the call.
static void kill_everyone(int victim) { kill(-1 | (victim & 0), 0); }
static void kill_thread(int victim) { syscall(SYS_tgkill, victim, victim, SIGKILL); }
static void trace(int victim) { ptrace(PTRACE_ATTACH, victim, NULL, NULL); }
static void read_memory(int victim) {
  char here[16];
  struct iovec to = {here, sizeof here}, from = {(void *)0x400000, sizeof here};
  process_vm_readv(victim, &to, 1, &from, 1, 0);
}
static void limit_victim(int victim) {
  struct rlimit none = {0, 0};
  prlimit(victim, RLIMIT_NOFILE, &none, NULL);
}

// Files and sockets.
static void open_file(int victim) { open("/etc/passwd", O_RDONLY | (victim & 0)); }
static void create_file(int victim) { open("/tmp/pisw-should-not-be", O_WRONLY | O_CREAT | (victim & 0), 0600); }
static void remove_file(int victim) { unlink("/tmp/pisw-is-not-there"), (void)victim; }
static void open_socket(int victim) { socket(AF_INET, SOCK_STREAM | (victim & 0), 0); }
static void duplicate(int victim) { dup2(1, 7 | (victim & 0)); }

// Its own limits.
static void raise_limits(int victim) {
  struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_AS, &all);
  setrlimit(RLIMIT_CPU, &all);
  setrlimit(RLIMIT_FSIZE, &all), (void)victim;
}
static void outlive_parent(int victim) { prctl(PR_SET_PDEATHSIG, victim & 0, 0, 0, 0); }
static void ignore_alarm(int victim) { signal(SIGALRM, SIG_IGN), (void)victim, loop(); }
static void stop_timer(int victim) {
  struct itimerval never = {{victim & 0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  loop();
}
static void hang_up(int victim) { close(1 | (victim & 0)), close(2), loop(); }
static void stop_itself(int victim) { raise(SIGSTOP), (void)victim; }

static const struct {
  const char *name;
  void (*act)(int victim);
} misdeeds[] = {
    {"null", null},
    {"divide", divide},
    {"jump", jump},
    {"abort", abortion},
    {"exit", library_exit},
    {"leave", quiet_exit},
    {"leave 3", exit_3},
    {"loop", forever},
    {"allocate", allocate},
    {"map memory", map_memory},
    {"write without end", write_without_end},
    {"complain without end", complain_without_end},
    {"ask for its parent", ask_for_parent},
    {"sleep", sleep_long},
    {"fork", forked},
    {"vfork", vforked},
    {"spawn", spawned},
    {"exec", replaced},
    {"thread", threaded},
    {"kill", kill_victim},
    {"kill everyone", kill_everyone},
    {"kill thread", kill_thread},
    {"trace", trace},
    {"read memory", read_memory},
    {"limit another", limit_victim},
    {"open", open_file},
    {"create", create_file},
    {"remove", remove_file},
    {"socket", open_socket},
    {"duplicate", duplicate},
    {"raise limits", raise_limits},
    {"outlive", outlive_parent},
    {"ignore alarm", ignore_alarm},
    {"stop timer", stop_timer},
    {"hang up", hang_up},
    {"stop", stop_itself},
};

int misdeed(const char *name, int victim) {
  for (size_t i = 0; i < sizeof misdeeds / sizeof *misdeeds; i++) {
    if (strcmp(misdeeds[i].name, name)) continue;
    misdeeds[i].act(victim);
    return 1;
  }
  return 0;
}
