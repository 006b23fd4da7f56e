"""Clients that send nothing, too little or nonsense, and clients that leave at any stage, while good reviews run."""

import os
import random
import socket
import struct
import threading
import time

from harness.checks import PATIENCE, check, finish, report, wait_until
from harness.client import Client, Lost
from harness.processes import descendants, processes
from common import REVIEWS, TRUSTING, judge, load, serve

HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(
    range(60)
)  # a record that announces 200 bytes, and breaks off
HEAD = b"POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LARGE = REVIEWS[0].rstrip()[:-1] + b" " * 200_000 + b"}"
RESET = struct.pack("ii", 1, 0)


def plain(port, data=b""):
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    if data:
        connection.sendall(data)
    return connection


def encrypted(port, data=b""):
    connection = TRUSTING.wrap_socket(
        socket.create_connection(("127.0.0.1", port), PATIENCE), server_hostname="localhost"
    )
    if data:
        connection.sendall(data)
    return connection


SILENT = {
    "sends no byte": plain,
    "sends one byte": lambda port: plain(port, b"\x16"),
    "sends half a ClientHello": lambda port: plain(port, HELLO),
    "is silent after the handshake": encrypted,
    "sends half a head": lambda port: encrypted(port, HEAD),
}


class Crowd:
    """A number of connections that are silent in these ways. Those that the server closes are opened again."""

    def __init__(self, port, ways, count):
        self.port, self.stopping, self.opened, self.held = port, threading.Event(), 0, 0
        self.lock = threading.Lock()
        each = 20
        self.threads = [
            threading.Thread(
                target=self.hold, args=([ways[(each * i + j) % len(ways)] for j in range(each)],)
            )
            for i in range(count // each)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def hold(self, ways):
        held = [None] * len(ways)
        while not self.stopping.is_set():
            for i, way in enumerate(ways):
                if self.stopping.is_set():
                    break
                if held[i] is not None and is_over(held[i]):
                    held[i].close()
                    held[i] = None
                    with self.lock:
                        self.held -= 1
                if held[i] is None:
                    try:
                        held[i] = way(self.port)
                    except OSError:
                        continue
                    with self.lock:
                        self.opened += 1
                        self.held += 1
            self.stopping.wait(0.05)
        for connection in held:
            if connection:
                connection.close()


def is_over(connection):
    connection.setblocking(False)
    try:
        return connection.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError as error:
        return "want" not in str(error).lower() and "did not complete" not in str(error)


def goes_on(ways, count, seconds):
    with serve("silent") as server, load(server, kept=2, new=2) as good, Crowd(
        server.port, ways, count
    ) as crowd:
        wait_until(lambda: crowd.held >= count, 10)
        good.more(1)
        before = good.done
        time.sleep(seconds)
        hangs = [] if good.more(2) else ["reviews hang"]
        good.stop()
        report(
            f"{good.done - before} good reviews, the slowest {good.slowest:.2f} s, with {crowd.held} silent "
            f"connections; {crowd.opened} were opened in all"
        )
        if crowd.held < count * 0.8:
            hangs.append(f"only {crowd.held} silent connections")
        if good.slowest > 10:
            hangs.append(f"a review took {good.slowest:.2f} s")
    return hangs + good.wrong


def nonsense(server):
    """Random bytes, alone and after the beginning of TLS or HTTP, with and without TLS."""
    seed = int(os.environ.get("PISW_SEED", time.time_ns() % 1_000_000))
    report(f"PISW_SEED={seed}")
    chance = random.Random(seed)
    openings = [
        b"",
        b"\x16\x03\x01",
        b"\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03",
        HELLO,
        b"GET ",
        HEAD,
        HEAD + b"\r\n",
    ]
    with load(server) as good:
        for i in range(300):
            data = chance.choice(openings) + chance.randbytes(chance.choice([1, 10, 100, 1000, 20_000]))
            try:
                connection = chance.choice([plain, encrypted])(server.port)
                connection.settimeout(0.02)
                connection.sendall(data)
                connection.recv(1000)
            except OSError:
                pass
            finally:
                connection.close()
        if not good.more(3):
            return ["reviews hang"]
    return good.wrong


def body_of(n):
    return REVIEWS[n % len(REVIEWS)]


def whole(n):
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body_of(n)) + body_of(n)


STAGES = {
    "after connecting": (plain, lambda n: b""),
    "after one byte": (plain, lambda n: b"\x16"),
    "in the ClientHello": (plain, lambda n: HELLO),
    "after the handshake": (encrypted, lambda n: b""),
    "in the head": (encrypted, lambda n: HEAD),
    "after the head": (encrypted, lambda n: HEAD + b"Content-Length: 100000\r\n\r\n"),
    "in the body": (encrypted, lambda n: HEAD + b"Content-Length: 100000\r\n\r\n" + bytes(50_000)),
    "after the request": (encrypted, whole),
    "after many requests": (encrypted, lambda n: whole(n) * 20),
}
LEAVINGS = {
    "closed": lambda connection: None,
    "half-closed": lambda connection: connection.shutdown(socket.SHUT_WR),
    "reset": lambda connection: connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET),
}


def leavings(server, stage, leaving):
    connect, data = STAGES[stage]
    held = []
    for n in range(20):
        connection = connect(server.port)
        held.append(connection)
        connection.sendall(data(n))
        # Half of the clients leave before the server has read anything.
        if n % 2:
            time.sleep(0.002)
        LEAVINGS[leaving](connection)
        if leaving != "half-closed":
            connection.close()
    time.sleep(0.1)
    for connection in held:
        connection.close()


def left(server):
    """Clients leave in every way at every stage, while good reviews run."""
    with load(server, pause=0.005) as good:
        for stage in STAGES:
            for leaving in LEAVINGS:
                leavings(server, stage, leaving)
        if not good.more(3):
            return ["reviews hang"]
    return good.wrong


def large(server):
    """A review of more than 64 KiB is answered soon, although only two such bodies are held at the same time."""
    client, start = Client(server.port, TRUSTING), time.monotonic()
    status, body = client.ask(LARGE)
    client.close()
    took = time.monotonic() - start
    return [] if status == 200 and took < 5 else [f"{status} {body[:200]} after {took:.2f} s"]


def half_closed_answer(server):
    """A client that half-closes its connection after a request gets the answer."""
    wrong = []
    for n, review in enumerate(REVIEWS):
        client = Client(server.port, TRUSTING)
        client.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(review) + review)
        # Only the TCP socket: SSLSocket.shutdown would end TLS.
        socket.socket.shutdown(client.tls, socket.SHUT_WR)
        try:
            fault = judge(n, *client.receive())
        except Lost as error:
            fault = str(error)
        if fault:
            wrong.append(fault)
        client.close()
    return wrong


def nothing_remains(server):
    below = wait_until(lambda: not descendants(server.pid), 20)
    now = processes()
    return [] if below else [f"{pid} {now[pid]}" for pid in descendants(server.pid, now) if pid in now]


def main():
    check(
        "500 clients that are silent in every way do not hold up good reviews",
        goes_on,
        list(SILENT.values()),
        500,
        8,
    )
    # More than --max-connections, and none would be closed for two minutes.
    silent = SILENT["is silent after the handshake"]
    check("300 clients that are silent after the handshake give way to good reviews", goes_on, [silent], 300, 3)
    for name in os.environ.get("PISW_SILENT", "").split(",") if os.environ.get("PISW_SILENT") else []:
        check(f"500 clients, each of which {name}, do not hold up good reviews", goes_on, [SILENT[name]], 500, 15)
    with serve("left", "--max-reviews", "2") as server:
        check("random bytes do not hold up good reviews", nonsense, server)
        check("clients that close, half-close or reset at any stage do not hold up good reviews", left, server)
        check("a client that half-closes after a request gets the answer", half_closed_answer, server)
        check("a large review is answered within 5 s afterwards", large, server)
        check("no process of these connections is left", nothing_remains, server)
        check("every line of the log is JSON", server.log.not_json)
        check("the exit status is 0", lambda: [] if server.terminate() == 0 else ["it is not"])
    finish()


main()
