"""one_socket.py PROGRAM: gives the program one socket as descriptors 0, 1 and 2, as inetd does. No message may reach
the client."""

import socket
import subprocess
import sys

for options in (["--http", "--bogus"], ["--http", "--mirror", "x"], ["--http", "file"], ["--http", "--config"]):
    mine, its = socket.socketpair()
    process = subprocess.Popen([sys.argv[1], *options], stdin=its, stdout=its, stderr=its)
    its.close()
    received = mine.makefile("rb").read()
    assert process.wait(timeout=10) == 64, (options, process.returncode)
    assert received == b"", (options, received)
