// seccomp filters: which system calls each kind of process may make (Linux's
// Documentation/userspace-api/seccomp_filter.rst).
#pragma once

// Confines this process, permanently, to the system calls of a review (see the table in confinement.c). Any other call
// kills it with SIGSYS. The filter is added to those already installed, such as a container runtime's. Needs
// PR_SET_NO_NEW_PRIVS. Returns -1 with errno set if the kernel or another filter refuses it; nothing has changed then.
int posix_confine_review(void);
