// seccomp filters: which system calls each kind of process may make. One table serves x86-64 and arm64, because the
// kernel's headers use the same names for both.
#define _GNU_SOURCE
#include "confinement.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

// A review reads what it inherited, writes its answer and its crash report, and exits. abort(3) needs other system
// calls, so it ends by SIGSYS instead of SIGABRT.
static const int review_calls[] = {SYS_read, SYS_write, SYS_exit, SYS_exit_group};

// System call numbers depend on the calling convention, and a kernel may support several. The filter accepts only this
// one.
#if defined(__x86_64__)
enum { convention = AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
enum { convention = AUDIT_ARCH_AARCH64 };
#else
enum { convention = 0 };
#endif

enum { most_calls = 16, other_instructions = 5 };

// Allows the listed calls. Any other call kills the process.
static int confine(const int *calls, size_t count) {
  if (!convention || count > most_calls) {
    errno = ENOSYS;
    return -1;
  }
  const struct sock_filter end_process = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  struct sock_filter program[most_calls + other_instructions] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      // Jump over everything else, to the instruction that kills the process.
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, convention, 0, (unsigned char)(count + 1)),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
  };
  size_t next = 3;
  for (size_t i = 0; i < count; i++)
    program[next++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i],
                                                   (unsigned char)(count - i), 0);
  program[next++] = end_process;
  program[next++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog filter = {(unsigned short)next, program};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

int posix_confine_review(void) { return confine(review_calls, sizeof review_calls / sizeof *review_calls); }
