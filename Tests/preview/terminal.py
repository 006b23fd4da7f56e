"""Runs a command on a terminal, and prints what the terminal got: terminal.py COMMAND..."""

import os
import pty
import sys

# Standard input is not the command's: its end would be the end of the run.
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], stdin_read=lambda descriptor: b"")))
