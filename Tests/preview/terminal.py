"""A run of `pisw preview` on a terminal: terminal.py COMMAND... prints what the terminal got."""

import os
import pty
import sys

got = []


def read(descriptor):
    data = os.read(descriptor, 65536)
    got.append(data)
    return b""


# pty.spawn copies to our standard output what `read` returns; what the program wrote is printed at the end.
status = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], read, lambda descriptor: b""))
sys.stdout.buffer.write(b"".join(got))
sys.exit(status)
