"""What the groups that drive a running server share: the server as a process with its log, metrics and
descendants; clients that keep their connection or do not; load from several of them at once; and counting
checks."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback

# Nothing here asks for speed: a deadline only tells a hang from a slow machine.
PATIENCE = 30


def check(name, test, *arguments):
    """Runs one test: it fails by an exception, or by a list of what is wrong that is not empty."""
    try:
        wrong = test(*arguments)
    except Exception:  # whatever it is, it is a failure to be shown, and the next check runs
        wrong = traceback.format_exc().splitlines()
    print(("FAILED  " if wrong else "ok      ") + name, flush=True)
    for line in list(wrong or [])[:30]:
        print("        " + str(line), flush=True)
    return not wrong


def wait_until(condition, seconds=PATIENCE, pause=0.02):
    """The condition's first value that is true, or its last."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause)


def make_certificate(folder, name):
    """A self-signed certificate, which is its own authority: `folder`/cert.pem and key.pem."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=" + name,
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout",
            folder + "/key.pem",
            "-out",
            folder + "/cert.pem",
        ],
        check=True,
        capture_output=True,
    )
    return folder


def context(*folders):
    """A client that trusts the certificates in these folders."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.set_alpn_protocols(["http/1.1"])
    for folder in folders:
        trusting.load_verify_locations(folder + "/cert.pem")
    return trusting


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def processes():
    """Every process: its parent, state, start, and what tells it from a later one of the same id."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                    fields = stat.read().rpartition(") ")[2].split()
            except OSError:
                continue
            found[int(entry)] = {"state": fields[0], "parent": int(fields[1]), "start": int(fields[19])}
    return found


def descendants(root, of=None):
    """The processes below one: {id: start}."""
    of = of or processes()
    below, grown = {root}, True
    while grown:
        more = {pid for pid, process in of.items() if process["parent"] in below} - below
        grown = bool(more)
        below |= more
    return {pid: of[pid]["start"] for pid in below - {root}}


def parsed(line):
    """The JSON object of a line, if it is one."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


class Server:
    """A server that was started, and is killed with everything below it at the end of a `with`."""

    def __init__(self, command, log, **more):
        self.log_path = log
        self.log_start = os.path.getsize(log) if os.path.exists(log) else 0
        if "stderr" in more:
            self.process = subprocess.Popen(command, **more)
            return
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors, **more)
        self.pid = self.process.pid
        listening = wait_until(self.listening)
        if not listening:
            self.process.kill()
            raise RuntimeError("not listening: " + str(self.log()))
        self.port, self.admin = listening

    def listening(self):
        ports = {
            line["port"]: int(line["address"].rpartition(":")[2])
            for line in self.log()
            if line["message"] == "listening"
        }
        if self.process.poll() is not None:
            return None
        return (ports["webhook"], ports["admin"]) if len(ports) == 2 else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        below = descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid, start in below.items():
            if processes().get(pid, {}).get("start") == start:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def log_lines(self):
        with open(self.log_path, encoding="utf-8", errors="backslashreplace") as log:
            log.seek(self.log_start)
            return log.read().split("\n")[:-1]

    def log(self):
        """The lines of the log since the start. What is no JSON is left to `not_json`."""
        return [line for line in map(parsed, self.log_lines()) if line]

    def not_json(self):
        """Lines of the log that are no JSON objects."""
        return [line for line in self.log_lines() if not parsed(line)]

    def get(self, path):
        """(status, body) of the admin port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def metrics(self):
        """Samples by name and labels, as they are written."""
        samples = {}
        for line in self.get("/metrics")[1].splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                samples[name] = float(value)
        return samples

    def metric(self, name):
        return self.metrics().get(name, 0)

    def stop(self):
        """SIGTERM, and the exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


class Lost(Exception):
    """A request that was sent and not answered."""


class Client:
    """A connection that is kept, as the API server keeps its own."""

    def __init__(self, port, trusting, connect_now=True):
        self.port, self.trusting = port, trusting
        self.socket, self.rest = None, b""
        self.connections, self.local_port = 0, None
        if connect_now:
            self.connect()

    def connect(self):
        self.close()
        self.local_port = None
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        self.local_port = plain.getsockname()[1]
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = self.trusting.wrap_socket(plain, server_hostname="localhost")
        self.rest = b""
        self.connections += 1

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def is_closed(self):
        """Whether the server has closed this idle connection."""
        if not self.socket:
            return True
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1) == b""
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)

    def post(self, body, closing=False, path="/mutate"):
        """(status, body) of a review."""
        if isinstance(body, str):
            body = body.encode()
        self.send(
            b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
            % (path.encode(), len(body), b"Connection: close\r\n" if closing else b"")
            + body
        )
        return self.receive()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Lost("not sent: " + repr(error)) from error

    def receive(self):
        """(status, body); closes the connection if the server says so."""
        data = self.rest
        try:
            while b"\r\n\r\n" not in data:
                data += self.more(data)
            head, _, data = data.partition(b"\r\n\r\n")
            length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
            while len(data) < length:
                data += self.more(data)
        except OSError as error:
            raise Lost(f"after {len(data)} bytes: {error!r}") from error
        body, self.rest = data[:length], data[length:]
        if re.search(rb"(?i)connection: *close", head):
            self.close()
        return int(head.split()[1]), body

    def more(self, data):
        got = self.socket.recv(65536)
        if not got:
            raise Lost(f"closed after {len(data)} bytes")
        return got


class Load:
    """Clients that send reviews all the time, each in a thread, until told to stop; every answer is
    checked.

    `ask(n)` makes a body, and `judge(n, status, body)` says what is wrong with its answer. The first of the
    clients keep their connections; the `new` others take one for each request.
    """

    def __init__(self, port, trusting, ask, judge, kept=3, new=1, pause=0.0):
        self.port, self.trusting, self.ask, self.judge, self.pause = port, trusting, ask, judge, pause
        self.stopping = threading.Event()
        self.faults, self.done, self.slowest, self.connections = [], 0, 0.0, 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i, i < kept)) for i in range(kept + new)]
        self.by_client = [0] * len(self.threads)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    @property
    def wrong(self):
        return [
            f"request {fault['n']} over {fault['port']} at {fault['at']}, {fault['what']}: {fault['text']}"
            for fault in self.faults
        ]

    def run(self, number, keeps):
        client = Client(self.port, self.trusting, connect_now=False)
        n = number * 1_000_000
        while not self.stopping.is_set():
            n += 1
            start, what, text = time.monotonic(), "connecting", None
            try:
                # Who keeps a connection takes another only when the server has closed it between two
                # requests.
                if client.is_closed():
                    client.connect()
                what, port = "lost", client.local_port
                status, body = client.post(self.ask(n), closing=not keeps)
                what, text = f"status {status}", self.judge(n, status, body)
            except (Lost, OSError) as error:
                port, text = client.local_port, repr(error)
                client.close()
            took = time.monotonic() - start
            with self.lock:
                self.done += 1
                self.by_client[number] += 1
                self.slowest = max(self.slowest, took)
                if text:
                    self.faults.append(
                        {
                            "n": n,
                            "port": port,
                            "at": time.strftime("%X") + f" after {took:.2f} s",
                            "what": what,
                            "text": text,
                        }
                    )
            if self.pause:
                time.sleep(self.pause)
        with self.lock:
            self.connections += client.connections
        client.close()

    def more(self, count=1, seconds=PATIENCE):
        """Waits until every client has done so many further requests; whether they have."""
        target = [done + count for done in self.by_client]
        return bool(wait_until(lambda: all(map(int.__ge__, self.by_client, target)), seconds))


if __name__ == "__main__":
    sys.exit("to be imported")
