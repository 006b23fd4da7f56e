// libseccomp, as the system ships it: the filter of a review process, made once and installed in each.
#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { sandbox_room = 512 };

// A filter as the kernel takes it. It lives in one place: a process forked later has it at the same address.
struct sandbox {
  int length;
  struct sock_filter program[sandbox_room];
};

// Stands in the filter for the id of the process that installs it.
static const unsigned sandbox_own_process = 0x7A5EED01;

// Makes the filter: a process under it may work on its memory, read, write, look at the clock, and end; anything else ends
// it with SIGSYS. With `talks` it may also wait for, shut and close the sockets it has. 0, or an errno.
static inline int sandbox_make(struct sandbox *sandbox, int talks) {
  static const int calls[] = {
      SCMP_SYS(read),   SCMP_SYS(write),         SCMP_SYS(mmap),          SCMP_SYS(munmap),       SCMP_SYS(mremap),
      SCMP_SYS(brk),    SCMP_SYS(madvise),       SCMP_SYS(exit_group),    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
      SCMP_SYS(getpid), SCMP_SYS(gettid),        SCMP_SYS(rt_sigreturn),
  };
  static const int talking[] = {SCMP_SYS(ppoll), SCMP_SYS(poll), SCMP_SYS(shutdown), SCMP_SYS(setsockopt), SCMP_SYS(setitimer)};
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (!filter) return ENOMEM;
  int failed = 0, ends[2];
  for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
  if (talks)
    for (unsigned i = 0; i < sizeof talking / sizeof *talking; i++)
      failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, talking[i], 0);
  // abort(3): unblock SIGABRT and send it to oneself.
  failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigprocmask), 1, SCMP_A0(SCMP_CMP_EQ, SIG_UNBLOCK));
  failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2, SCMP_A0(SCMP_CMP_EQ, sandbox_own_process),
                             SCMP_A2(SCMP_CMP_EQ, SIGABRT));
  if (failed || pipe(ends)) {
    seccomp_release(filter);
    return failed ? EINVAL : errno;
  }
  failed = seccomp_export_bpf(filter, ends[1]);
  close(ends[1]);
  long length = failed ? -1 : read(ends[0], sandbox->program, sizeof sandbox->program);
  close(ends[0]);
  seccomp_release(filter);
  if (length <= 0 || length == sizeof sandbox->program) return EINVAL;
  sandbox->length = (int)(length / (long)sizeof *sandbox->program);
  return 0;
}

// Puts this process under the filter, for good. Needs no-new-privileges. 0, or -1 with errno.
static inline int sandbox_enter(struct sandbox *sandbox) {
  for (int i = 0; i < sandbox->length; i++)
    if (sandbox->program[i].k == sandbox_own_process) sandbox->program[i].k = (unsigned)getpid();
  struct sock_fprog program = {(unsigned short)sandbox->length, sandbox->program};
  return prctl(PR_SET_SECCOMP, 2 /* SECCOMP_MODE_FILTER */, &program, 0, 0);
}
