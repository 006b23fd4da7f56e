"""A server under test, as a process."""

import atexit
import contextlib
import os
import re
import signal
import socket
import subprocess
import threading

from harness.checks import PATIENCE, eventually, expect
from harness.log import PipeLog
from harness.processes import CONFINED, children, descendants, processes


class Server:
    """A running server with its log and its metrics, confined as in a container. A `with` kills it, and every process
    below it, at its end."""

    running = []

    def __init__(self, command, log=None, confined=CONFINED, environment=None, sockets=2):
        """Starts the command, and waits until it listens on that number of sockets."""
        self.log = log or PipeLog()
        self.process = subprocess.Popen(
            [*confined, *map(str, command)], stdin=subprocess.DEVNULL, stderr=self.log.target,
            env=os.environ | (environment or {}))
        self.pid = self.process.pid
        Server.running.append(self)
        self.log.attach(self.process)
        watch = threading.Timer(PATIENCE, self.process.kill)
        watch.start()
        while len(self.addresses) < sockets:
            if not self.log.advance():
                raise AssertionError(f"it ended with {self.process.wait()}: {self.log.data.decode(errors='replace')}")
        watch.cancel()
        ports = {name: int(address.rpartition(":")[2]) for name, address in self.addresses}
        self.port, self.admin = ports["webhook"], ports.get("admin")
        self.log.follow()

    @property
    def addresses(self):
        """The names and addresses of its sockets, from the log in either format."""
        text = self.log.data.decode(errors="replace")
        return re.findall(r'listening"?,?\s?"?port"?[:=]"(\w+)",?\s?"?address"?[:=]"([^"]+)"', text)

    def records(self, message=None):
        """The lines of the log as objects: all, or those with this message."""
        return self.log.records(message)

    def logged(self, message, count=1):
        """Waits for the count-th line with this message, and returns it."""
        return eventually(f"a log line {message!r}: {self.log.data[-600:]}",
                          lambda: self.records(message)[count - 1:count])[0]

    def get(self, path, port=None, method="GET"):
        """A request without TLS to the admin port: status, fields, body."""
        with socket.create_connection(("127.0.0.1", port or self.admin), timeout=PATIENCE) as plain:
            plain.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            data = b"".join(iter(lambda: plain.recv(65536), b""))
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        return int(first.split(" ")[1]), dict(line.split(": ", 1) for line in lines), body

    def metrics(self):
        """Every sample, by its name and labels as written."""
        status, _, body = self.get("/metrics")
        expect("status of /metrics", status, 200)
        samples = [line.rpartition(" ") for line in body.decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in samples}

    def metric(self, sample):
        return self.metrics().get(sample, 0)

    def counted(self, sample, value):
        """Waits until a sample has a value, because the listener counts a child's report only when it reads it."""
        try:
            eventually(sample, lambda: self.metric(sample) == value, 10)
        except AssertionError:
            raise AssertionError(f"{sample} is {self.metrics().get(sample)}, expected {value}") from None

    def connections(self):
        """The processes of connections."""
        return children(self.pid)

    def send(self, number):
        os.kill(self.pid, number)

    def terminate(self):
        """Sends SIGTERM, and returns the exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def ends(self, status=0):
        """Waits for the server's end, and that of all its processes if a pipe is the log."""
        expect("exit status", self.process.wait(timeout=PATIENCE), status)
        self.log.expect_end()
        Server.running.remove(self)

    def stop(self):
        """Ends the server at once, by a second signal. The status must be 0."""
        self.send(signal.SIGTERM)
        eventually("draining", lambda: self.records("draining"))
        self.send(signal.SIGTERM)
        self.ends()

    def kill(self):
        """Kills the server and every process below it."""
        below = descendants(self.pid)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid, start in below.items():
            if processes().get(pid, {}).get("start") == start:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self in Server.running:
            Server.running.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.kill()


@atexit.register
def kill_all():
    """Kills the servers that failed checks left running."""
    for server in list(Server.running):
        server.kill()


def free_ports(count):
    """Free ports of 127.0.0.1."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
