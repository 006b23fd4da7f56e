# What the tables share: pisw-serve as a process with its log and metrics, a client that sees every byte, and telling
# results in the form of Tests/lib.sh. test.sh sets PISW_SERVE and WORK.

import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

program = os.environ["PISW_SERVE"]
# As in a container: under a filter of the runtime's.
CONFINED = (sys.executable, str(Path(__file__).parent.parent / "confined.py"), "all")
work = Path(os.environ["WORK"])
reviews = {file.stem: file.read_bytes() for file in sorted((work / "reviews").glob("*.json"))}
answers = {name: (work / "answers" / f"{name}.json").read_bytes() for name in reviews}
review, answer = reviews["job-pod"], answers["job-pod"]
captured = [name for name in reviews if name not in ("1MB", "8MiB")]

# Long enough for a machine that does other things; who waits so long has failed.
PATIENCE = 30
_failures = 0


def check(name, test):
    """Runs a test, which raises when something is not as it should be, and tells."""
    global _failures
    start = time.monotonic()
    try:
        test()
        seconds = time.monotonic() - start
        print(f"ok      {name}" + (f" ({seconds:.0f} s)" if seconds >= 2 else ""), flush=True)
    except Exception as error:  # Whatever it is, the table goes on.
        where = error.__traceback__
        while where.tb_next:
            where = where.tb_next
        place = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}"
        print(f"FAILED  {name}: {type(error).__name__} at {place}: {str(error)[:900]}", flush=True)
        _failures += 1


def finish():
    for server in list(Server.running):
        server.kill()
    sys.exit(1 if _failures else 0)


def expect(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r:.400}, expected {wanted!r:.400}")


def eventually(what, condition, patience=PATIENCE):
    """Waits until a condition holds, and returns what it gave."""
    deadline = time.monotonic() + patience
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.02)


class Server:
    """A running pisw-serve on free ports of 127.0.0.1, with all it logs."""

    running = []

    def __init__(self, *options, certificate="ec", mirror="docker.io=proxy.example.com", environment=None,
                 reads_log=True, confined=CONFINED, before=(), listen=("--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")):
        self.lines = []
        self._log = b""
        arguments = [*listen]
        if certificate:
            arguments += ["--tls-cert", f"{work}/{certificate}.pem", "--tls-key", f"{work}/{certificate}.key"]
        if mirror:
            arguments += ["--mirror", mirror]
        self.process = subprocess.Popen([*confined, *before, program, *arguments, *map(str, options)], stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, env=os.environ | (environment or {}))
        self.pid = self.process.pid
        Server.running.append(self)
        # An address for each --listen, or the default; and one for the admin port, unless it is off.
        sockets = max(1, listen.count("--listen")) + ("off" not in listen)
        watch = threading.Timer(PATIENCE, self.process.kill)
        watch.start()
        while len(self.addresses) < sockets:
            if not self._read():
                raise AssertionError(f"ended with {self.process.wait()}: {self._log.decode()}")
        watch.cancel()
        ports = {name: int(address.rpartition(":")[2]) for name, address in self.addresses}
        self.port, self.admin = ports["webhook"], ports.get("admin")
        self._reader = threading.Thread(target=self._read_on, daemon=True) if reads_log else None
        if self._reader:
            self._reader.start()

    def _read(self):
        part = self.process.stderr.read1(65536)
        self._log += part
        *whole, self._log_rest = self._log.split(b"\n")
        self.lines = whole
        return part

    def _read_on(self):
        while self._read():
            pass

    @property
    def addresses(self):
        """Where it listens, in either format of the log."""
        return re.findall(r'listening"?,?\s?"?port"?[:=]"(\w+)",?\s?"?address"?[:=]"([^"]+)"', self._log.decode())

    @property
    def log(self):
        return self._log

    def records(self, message=None):
        """The log's lines, of one message or all."""
        records = [json.loads(line) for line in self.lines]
        return [record for record in records if message in (None, record["message"])]

    def logged(self, message, count=1):
        """Waits for the count-th line with a message, and returns it."""
        return eventually(f"a log line {message!r}: {self._log[-600:]}",
                          lambda: self.records(message)[count - 1:count])[0]

    def connect(self, **options):
        return Client(self.port, **options)

    def post(self, name="job-pod", **options):
        """Sends a review over a connection of its own; the answer must be right."""
        with self.connect(**options) as client:
            client.review(name)

    def get(self, path, port=None, method="GET"):
        """A request without TLS to the admin port: status, fields, body."""
        with socket.create_connection(("127.0.0.1", port or self.admin), timeout=PATIENCE) as plain:
            plain.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            data = b"".join(iter(lambda: plain.recv(65536), b""))
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        return int(first.split(" ")[1]), dict(line.split(": ", 1) for line in lines), body

    def metrics(self):
        """Every sample, by name and labels as they are written."""
        status, _, body = self.get("/metrics")
        expect("status of /metrics", status, 200)
        samples = [line.rpartition(" ") for line in body.decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in samples}

    def counted(self, sample, value):
        """Waits until a sample has a value: what a child reports is counted when the listener reads it."""
        try:
            eventually(sample, lambda: self.metrics().get(sample, 0) == value, 10)
        except AssertionError:
            raise AssertionError(f"{sample} is {self.metrics().get(sample)}, expected {value}") from None

    def connections(self):
        """The processes of connections."""
        return children(self.pid)

    def send(self, number):
        os.kill(self.pid, number)

    def ends(self, status=0):
        """Waits for its end and, where the log is read, for that of the log: the last of its processes has gone."""
        expect("exit status", self.process.wait(timeout=PATIENCE), status)
        if self._reader:
            self._reader.join(PATIENCE)
            expect("a process is left that holds the log", self._reader.is_alive(), False)
        Server.running.remove(self)

    def stop(self):
        """Ends it at once, by the second signal; the status must be 0."""
        self.send(signal.SIGTERM)
        eventually("draining", lambda: self.records("draining"))
        self.send(signal.SIGTERM)
        self.ends()

    def kill(self):
        if self in Server.running:
            self.process.kill()
            self.process.wait()
            Server.running.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.kill()


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def context(version=None, alpn=("http/1.1",), client=None):
    """A client's TLS that trusts the root alone."""
    tls = ssl.create_default_context(cafile=str(work / "root.pem"))
    if version:
        tls.minimum_version = tls.maximum_version = version
    if alpn:
        tls.set_alpn_protocols(list(alpn))
    if client:
        tls.load_cert_chain(work / f"{client}.leaf.pem", work / f"{client}.key")
    return tls


class Closed(Exception):
    """The server closed the connection cleanly, where a response was expected."""


class Client:
    """A TLS connection that takes apart what arrives; an end without close_notify is an error."""

    def __init__(self, port, host="127.0.0.1", **options):
        plain = socket.create_connection((host, port), timeout=PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local_port = plain.getsockname()[1]
        self.tls = context(**options).wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
        self.data = b""

    def send(self, data):
        self.tls.sendall(data)
        return self

    def feed(self, data, every=0):
        """Sends while reading, so that neither side waits for the other; yields as responses arrive.

        With `every`, a byte at a time, so many seconds apart. One thread does both: an SSL object serves only one.
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
                        position = len(data)  # What matters is what can still be read.
                try:
                    self.more()
                    yield
                except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    select.select([self.tls], [self.tls] if writes else [], [], every or 0.5)
            raise AssertionError("nothing more arrives")
        finally:
            self.tls.settimeout(PATIENCE)

    def answers(self, data, count=1, every=0):
        """Sends while reading, until so many responses are there, and returns them."""
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

    def get(self, path, method="GET"):
        self.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return self.response(to_head=method == "HEAD")

    def post(self, body, *fields):
        self.send(post(body, *fields))
        return self.response()

    def review(self, name="job-pod", *fields):
        """Sends a review; the answer must be right. Returns the response's fields."""
        status, got, body = self.post(reviews[name], *fields)
        expect("status", (status, body if status != 200 else b""), (200, b""))
        expect("answer", body, answers[name])
        return got

    def is_closed(self):
        """The server ends the connection, cleanly, without another byte."""
        expect("bytes before the end", self.data + self.tls.recv(65536), b"")
        return True

    def certificate(self):
        return self.tls.getpeercert(binary_form=True)

    def process(self, server):
        """The process of this connection: the one whose socket has our port as its peer."""
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

    def close(self):
        self.tls.close()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()


def post(body=review, *fields, target="/mutate?timeout=5s", version="HTTP/1.1"):
    """A request as the API server sends it, with more fields."""
    lines = [f"POST {target} {version}", "Host: pisw.kube-system.svc:8443", "User-Agent: kube-apiserver-admission",
             f"Content-Length: {len(body)}", "Accept: application/json, */*", "Content-Type: application/json",
             "Accept-Encoding: gzip", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def leaf(name):
    """A certificate as `Client.certificate` returns it."""
    return ssl.PEM_cert_to_DER_cert((work / f"{name}.leaf.pem").read_text())


def pod(metadata=None, spec=None, **request):
    """A review of a pod of our own."""
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "operation": "CREATE", "namespace": "shop", "name": "web",
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "object": {"apiVersion": "v1", "kind": "Pod", "metadata": metadata or {},
                   "spec": spec or {"containers": [{"name": "web", "image": "nginx"}]}}} | request}


def run(*command, **options):
    """Runs a program to its end."""
    return subprocess.run([str(word) for word in command], capture_output=True, timeout=PATIENCE * 2, **options)
