"""A client of the webhook's port, which sees every byte."""

import os
import re
import select
import socket
import ssl
import time
from pathlib import Path

from harness.checks import PATIENCE, eventually, expect


class Lost(Exception):
    """A request got no answer."""


class Closed(Exception):
    """The server closed the connection cleanly where a response was expected."""


class Client:
    """A TLS connection, kept as the API server keeps its own. An end without close_notify is an error."""

    def __init__(self, port, tls, host="127.0.0.1", connect_now=True):
        self.port, self.context, self.host = port, tls, host
        self.tls, self.data, self.local_port, self.connections = None, b"", None, 0
        if connect_now:
            self.connect()

    def connect(self):
        self.close()
        self.local_port = None
        plain = socket.create_connection((self.host, self.port), timeout=PATIENCE)
        self.local_port = plain.getsockname()[1]
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = self.context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
        self.data = b""
        self.connections += 1

    def close(self):
        if self.tls:
            self.tls.close()
        self.tls = None

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    # Sending and receiving.

    def send(self, data):
        self.tls.sendall(data)
        return self

    def more(self):
        part = self.tls.recv(65536)
        if not part:
            raise Closed(f"closed by the server after {self.data[:200]!r}")
        self.data += part

    def response(self, to_head=False, more=None):
        """The next response: status, fields, body."""
        more = more or self.more
        while b"\r\n\r\n" not in self.data:
            more()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines)
        expect("number of fields", len(fields), len(lines))
        length = 0 if to_head or first == "HTTP/1.1 100 Continue" else int(fields["Content-Length"])
        while len(self.data) < length:
            more()
        body, self.data = self.data[:length], self.data[length:]
        version, status, _ = first.split(" ", 2)
        expect("version", version, "HTTP/1.1")
        return int(status), fields, body

    def feed(self, data, every=0):
        """Sends while it reads, so that neither side waits for the other. Yields when something arrives.

        With `every`, it sends single bytes, that many seconds apart. One thread does both, because an SSL object serves
        only one.
        """
        self.tls.settimeout(0)
        position, size, next_time = 0, 1 if every else 16384, time.monotonic()
        deadline = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < deadline:
                writes = position < len(data) and time.monotonic() >= next_time
                if writes:
                    try:
                        position += self.tls.send(data[position:position + size])
                        next_time = time.monotonic() + every
                    except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                        pass
                    except OSError:
                        position = len(data)  # What can still be read is what matters.
                try:
                    self.more()
                    yield
                except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    select.select([self.tls], [self.tls] if writes else [], [], every or 0.5)
            raise AssertionError("nothing more arrives")
        finally:
            self.tls.settimeout(PATIENCE)

    def answers(self, data, count=1, every=0):
        """Sends while it reads, until that number of responses has arrived, and returns them."""
        responses = []
        feed = self.feed(data, every)
        while len(responses) < count:
            kept = self.data
            try:
                responses.append(self.response(more=lambda: next(feed)))
            except StopIteration:
                raise AssertionError(f"closed after {kept[:200]!r}") from None
        feed.close()
        return responses

    # Requests.

    def get(self, path, method="GET"):
        self.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return self.response(to_head=method == "HEAD")

    def post(self, body, *fields):
        """Sends a review: status, fields, body."""
        self.send(post(body, *fields))
        return self.response()

    def ask(self, body, closing=False):
        """Sends a review: status and body. Raises Lost if there is no answer."""
        try:
            self.send(post(body.encode() if isinstance(body, str) else body, *["Connection: close"] * closing))
        except OSError as error:
            raise Lost(f"not sent: {error!r}") from error
        return self.receive()

    def receive(self):
        """Status and body of the next response. Closes the connection if the server says so. Raises Lost."""
        try:
            status, fields, body = self.response()
        except (OSError, Closed) as error:
            raise Lost(f"after {len(self.data)} bytes: {error!r}") from error
        if fields.get("Connection") == "close":
            self.close()
        return status, body

    # The connection.

    def expect_closed(self):
        """The server must end the connection cleanly, without another byte."""
        expect("bytes before the end", self.data + self.tls.recv(65536), b"")

    def was_closed(self):
        """Whether the server has ended this idle connection."""
        if not self.tls:
            return True
        self.tls.setblocking(False)
        try:
            return self.tls.recv(1) == b""
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError:
            return True
        finally:
            self.tls.settimeout(PATIENCE)

    def certificate(self):
        """The server's certificate, DER."""
        return self.tls.getpeercert(binary_form=True)

    def process(self, server):
        """The process of this connection: the one that has a socket with this client's port as its peer."""
        return eventually("the connection's process", lambda: self._process(server))

    def _process(self, server):
        mine = f"0100007F:{self.local_port:04X}"
        inodes = {row.split()[9] for row in Path("/proc/net/tcp").read_text().splitlines()[1:]
                  if row.split()[2] == mine}
        for child in server.connections():
            for link in Path(f"/proc/{child}/fd").iterdir():
                try:
                    found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
                except FileNotFoundError:
                    continue
                if found and found[1] in inodes:
                    return child
        return None


def post(body, *fields, target="/mutate?timeout=5s", version="HTTP/1.1"):
    """A request with a review as the API server sends it, with further fields."""
    lines = [f"POST {target} {version}", "Host: pisw.kube-system.svc:8443", "User-Agent: kube-apiserver-admission",
             f"Content-Length: {len(body)}", "Accept: application/json, */*", "Content-Type: application/json",
             "Accept-Encoding: gzip", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
