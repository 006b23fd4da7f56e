# What the Python programs of this group share: pisw-mutate on a TCP connection or as a CGI program, HTTP requests and
# responses. test.sh sets PISW_MUTATE and WORK.

import atexit
import json
import os
import socket
import subprocess
import threading

from harness.checks import expect

program = os.environ["PISW_MUTATE"]
work = os.environ["WORK"]
review = open(f"{work}/small.json", "rb").read()
answer = open(f"{work}/small.answer", "rb").read()
large_review = open(f"{work}/large.json", "rb").read()
large_answer = open(f"{work}/large.answer", "rb").read()
# A pod whose containers are not a list. pisw allows it without a patch, and reports it on standard error.
odd_review = json.dumps(
    {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
     "request": {"uid": "1", "resource": {"group": "", "version": "v1", "resource": "pods"}, "operation": "CREATE",
                 "object": {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": {}}}}}).encode()


@atexit.register
def kill_all():
    """Kills the programs that failed checks left running."""
    for process in Exchange.running:
        process.kill()


class Exchange:
    """pisw-mutate --http with one end of a TCP connection as descriptors 0 and 1, as inetd passes it.

    errors: descriptor 2 is a "pipe", the "connection" (as with inetd and stunnel), or another "socket".
    """

    running = []

    def __init__(self, options=("--explain",), errors="pipe", environment=None):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.create_connection(listener.getsockname())
            self.client.settimeout(30)
            self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection, _ = listener.accept()
        near = far = None
        if errors == "socket":
            near, far = socket.socketpair()
        descriptor = {"pipe": subprocess.PIPE, "connection": connection, "socket": far}[errors]
        self.process = subprocess.Popen(
            [program, "--http", *options], stdin=connection, stdout=connection, stderr=descriptor,
            env=os.environ | (environment or {}))
        Exchange.running.append(self.process)
        connection.close()
        self._near = near
        if far:
            far.close()

    def send(self, data):
        """Sends data. Ignores a reset, because `receive` checks how the program ended the connection."""
        try:
            self.client.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def send_aside(self, data):
        """Sends data in a thread."""
        thread = threading.Thread(target=self.send, args=(data,), daemon=True)
        thread.start()
        return thread

    def end_sending(self):
        self.client.shutdown(socket.SHUT_WR)

    def receive(self, may_be_reset=False):
        """Everything that arrives until the program closes the connection, which must not be reset."""
        data = b""
        try:
            while part := self.client.recv(65536):
                data += part
        except ConnectionResetError:
            if not may_be_reset:
                raise AssertionError(f"the connection was reset after {len(data)} bytes") from None
        return data

    def end(self, status=0):
        """Closes the connection, and waits for the program's end. Returns its standard error."""
        self.client.close()
        try:
            if self._near:
                self._near.settimeout(30)
                errors = b"".join(iter(lambda: self._near.recv(65536), b""))
            else:
                errors = self.process.communicate(timeout=30)[1] or b""
            got = self.process.wait(timeout=30)
        finally:
            self.process.kill()
        Exchange.running.remove(self.process)
        expect("exit status", got, status)
        return errors


class Response:
    """An HTTP response. The bytes must be exactly one valid response."""

    def __init__(self, data, to_head=False):
        head, blank, self.body = data.partition(b"\r\n\r\n")
        if not blank:
            raise AssertionError(f"no response: {data[:300]!r}")
        first, *lines = head.decode("ascii").split("\r\n")
        version, status, _ = first.split(" ", 2)
        expect("version", version, "HTTP/1.1")
        self.status = int(status)
        self.fields = dict(line.split(": ", 1) for line in lines)
        expect("number of fields", len(self.fields), len(lines))
        expect("Connection", self.fields.get("Connection"), "close")
        if to_head:
            expect("body", self.body, b"")
        else:
            expect("length of the body", len(self.body), int(self.fields["Content-Length"]))

    def expect(self, status):
        expect("status", (self.status, self.body if self.status != status else b""), (status, b""))
        if status != 200:
            expect("Content-Type", self.fields["Content-Type"], "application/json")
            expect("members", list(json.loads(self.body)), ["error"])
        return self


def post(body=review, *fields, target="/mutate", version="HTTP/1.1"):
    """The bytes of a POST request with further fields."""
    lines = [f"POST {target} {version}", "Host: localhost", "Content-Type: application/json",
             f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
