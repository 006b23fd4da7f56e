"""Runs a program under a seccomp filter, as a container runtime does: confined.py FILTER COMMAND...

Sets no_new_privs, installs the filter, and executes the command. With FILTER `all`, every system call is allowed, but
the process has a filter, as under RuntimeDefault. With `no-filters`, the process cannot install another filter.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06
# prctl(2) and seccomp(2).
CALLS = {"x86_64": (157, 317), "aarch64": (167, 277)}[platform.machine()]

FILTERS = {
    "all": [(RETURN, 0, 0, ALLOW)],
    "no-filters": [
        (LOAD, 0, 0, 0),  # the number of the call
        (EQUALS, 4, 0, CALLS[1]),
        (EQUALS, 0, 2, CALLS[0]),
        (LOAD, 0, 0, 16),  # its first argument
        (EQUALS, 1, 0, PR_SET_SECCOMP),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ],
}


def confine(name):
    """Installs a filter. It can never be removed, and programs that the process executes keep it."""
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in FILTERS[name])
    memory = ctypes.create_string_buffer(program)
    filter_ = struct.pack("HxxxxxxP", len(FILTERS[name]), ctypes.addressof(memory))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for arguments in [(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0)]:
        if prctl(*arguments):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    confine(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])
