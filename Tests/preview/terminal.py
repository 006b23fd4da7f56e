"""Runs a command on a terminal, and prints the command's output: terminal.py COMMAND..."""

import os
import pty
import sys

# The terminal reads an empty standard input, because its end would end the run.
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], stdin_read=lambda descriptor: b"")))
