// Which system calls each kind of process may make, as seccomp filters (Linux's Documentation/userspace-api/seccomp_filter.rst).
#pragma once

// Confines this process, for good, to the calls of a review (the table in confinement.c): any other ends it by SIGSYS. The
// filter stacks on those that are there, such as a container runtime's. Needs PR_SET_NO_NEW_PRIVS. -1 with errno where the
// kernel or a filter refuses it, and then nothing has changed.
int posix_confine_review(void);
