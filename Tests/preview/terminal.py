"""Runs a command on a terminal, and prints the command's output: terminal.py COMMAND..."""

import os
import pty
import sys

# The command must not read this program's standard input: the end of that input would end the run.
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], stdin_read=lambda descriptor: b"")))
