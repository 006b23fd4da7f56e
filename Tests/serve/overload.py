# Overload: more connections than the limit, silent connections, more reviews than turns, and many large bodies at once.
# All answers are right, and memory stays bounded.

import fcntl
import os
import re
import select
import signal
import socket
import struct
import termios
import threading
import time
from pathlib import Path

from harness.checks import PATIENCE, check, eventually, expect, finish
from harness.client import Closed
from harness.processes import children, run
from common import PiswServe, post, review, reviews, work
from memory import stop_review


def at_once(count, action):
    """Runs an action in that number of threads at once. Each must succeed."""
    failures = []

    def run(i):
        try:
            action(i)
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect("failures", failures, [])


def idle_gives_way():
    for _ in range(5):
        with PiswServe("--max-connections", 8) as server:
            clients = []
            for _ in range(8):
                clients.append(server.connect())
                clients[-1].review()
                time.sleep(0.02)
            # The oldest connection is not the one that has been idle for longest. The second is.
            clients[0].review()
            with server.connect() as ninth:
                ninth.review()
                clients[1].expect_closed()
                for i in (0, 2, 3, 4, 5, 6, 7):
                    clients[i].review()


def none_gives_way():
    """At the limit, and not above it, no connection is closed."""
    with PiswServe("--max-connections", 8) as server:
        clients = [server.connect() for _ in range(8)]
        for _ in range(3):
            time.sleep(0.5)
            for client in clients:
                client.review()


def many_in_turn():
    """Fifty clients connect one after the other, and keep their connections. All are served."""
    with PiswServe("--max-connections", 8) as server:
        clients = []
        for _ in range(50):
            clients.append(server.connect())
            clients[-1].review()
        closed = 0
        for client in clients:
            try:
                client.review()
            except (Closed, OSError):
                closed += 1
        expect("those that gave way", 42 <= closed <= 50, True)


def busy_does_not():
    """Eight connections are in the middle of a request. A ninth waits, and none of the eight is closed."""
    request = post()
    with PiswServe("--max-connections", 8, "--header-timeout", 20) as server:
        clients = [server.connect() for _ in range(8)]
        for client in clients:
            client.send(request[:-10])
        time.sleep(0.3)
        served = []

        def ninth():
            with server.connect() as client:
                client.review()
                served.append(time.monotonic())

        waiting = threading.Thread(target=ninth)
        waiting.start()
        time.sleep(1)
        expect("the ninth was served meanwhile", served, [])
        finished = time.monotonic()
        for client in clients:
            client.send(request[-10:])
            expect("status", client.response()[0], 200)
        waiting.join()
        expect("the ninth was served afterwards", len(served) == 1 and served[0] > finished, True)


def silent_ones(first):
    """Sixty silent clients, with a limit of eight. Reviews go on."""
    with PiswServe("--max-connections", 8) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) for _ in range(60)]
        for client in silent:
            client.sendall(first)
        start = time.monotonic()
        with server.connect() as client:
            for _ in range(20):
                client.review()
        server.post()
        if time.monotonic() - start > 20:
            raise AssertionError(f"it took {time.monotonic() - start} s")
        for client in silent:
            client.close()


check("as many connections as the limit allows stay open", none_gives_way)
check("one more: only the connection that has been idle for longest is closed, cleanly", idle_gives_way)
check("fifty keep-alive clients at a limit of eight are all served", many_in_turn)
check("busy connections stay open; the next one waits, and is served", busy_does_not)
check("sixty silent connections do not hold up reviews", lambda: silent_ones(b""))
check("sixty unfinished handshakes do not hold up reviews", lambda: silent_ones(b"\x16\x03\x01"))


def one_at_a_time():
    with PiswServe("--max-reviews", 1) as server:
        def client(i):
            with server.connect() as connection:
                for _ in range(10):
                    connection.review("1MB" if i % 4 == 0 else "job-pod")

        at_once(16, client)
        server.counted('pisw_reviews_total{result="patched"}', 160)


def waits_its_turn():
    """A stopped review has the only turn. The next review waits, and is answered afterwards."""
    large = post(review + b" " * ((8 << 20) - len(review)))
    with PiswServe("--max-reviews", 1, "--review-timeout", 60) as server:
        with server.connect() as first, server.connect() as second:
            at_work = stop_review(first.process(server), first, large)
            second.send(post())
            expect("an answer meanwhile", select.select([second.tls], [], [], 0.5)[0], [])
            os.kill(at_work, signal.SIGCONT)
            expect("status", (first.response()[0], second.response()[0]), (200, 200))


check("--max-reviews 1: simultaneous reviews of sixteen connections are all answered", one_at_a_time)
check("--max-reviews 1: a second review waits for the first", waits_its_turn)


def memory(server):
    """The memory of the server's processes. Shared memory counts once."""
    total, waiting = 0, [server.pid]
    while waiting:
        pid = waiting.pop()
        waiting += children(pid)
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1]) << 10
        except (OSError, TypeError):
            continue
    return total


def large_bodies():
    with PiswServe("--header-timeout", 60) as server:
        # All clients connect first, so that the bodies arrive at the same time.
        clients = [server.connect() for _ in range(20)]
        highest, done = [0], threading.Event()

        def watch():
            while not done.wait(0.005):
                highest[0] = max(highest[0], memory(server))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            at_once(20, lambda i: clients[i].review("8MiB"))
        finally:
            done.set()
            watcher.join()
        for client in clients:
            client.close()
        if not 16 << 20 < highest[0] < 120 << 20:
            raise AssertionError(f"at most {highest[0] >> 20} MB")


def dirty(process):
    """The memory of a process that it does not share, in kB, without pages of files."""
    total, is_file = 0, False
    for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-", line):
            is_file = "/" in line
        elif line.startswith("Private_Dirty:") and not is_file:
            total += int(line.split()[1])
    return total


def small_again():
    """After a large body, a connection has at most 1 MB of its own memory, as any other."""
    with PiswServe() as server, server.connect() as client:
        process = client.process(server)
        for name in ("8MiB", "job-pod"):
            client.review(name)
            # The process frees it after the response.
            end = time.monotonic() + 5
            while (own := dirty(process)) > 1024 and time.monotonic() < end:
                time.sleep(0.02)
            expect(f"at most 1024 kB after {name}, {own} kB", own <= 1024, True)


def middle_bodies():
    """Bodies just below the size that needs a turn. Every connection can hold one."""
    body = review + b" " * (65_000 - len(review))
    with PiswServe() as server:
        clients = [server.connect() for _ in range(100)]
        for client in clients:
            client.send(post(body)[:-1])
        for client in clients:
            client.send(b" ")
        for client in clients:
            expect("status", client.response()[0], 200)


check("twenty simultaneous bodies of 8 MiB are all answered, within 120 MB", large_bodies)
check("a connection frees the memory of a large body", small_again)
check("a hundred slow bodies of 65 KB are all answered", middle_bodies)


# A request that breaks off gives its turn back: afterwards as many large bodies are accepted as before.
def gives_back(action):
    with PiswServe("--header-timeout", 1) as server:
        for _ in range(4):
            action(server)
        start = time.monotonic()
        for _ in range(3):
            server.post("8MiB")
        if time.monotonic() - start > 15:
            raise AssertionError(f"the next took {time.monotonic() - start} s")


def goes_away(server):
    with server.connect() as client:
        client.send(post(reviews["1MB"])[:-1000])


def stops(server):
    with server.connect() as client:
        client.send(post(reviews["1MB"])[:-1000])
        expect("status", client.response()[0], 408)


def too_large(server):
    with server.connect() as client:
        try:
            client.send(b"POST /mutate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + (b"300000\r\n%s\r\n" % bytes(0x300000)) * 3)
        except OSError:
            pass
        expect("status", client.response()[0], 413)


def is_killed(server):
    with server.connect() as client:
        client.send(post(reviews["1MB"])[:-1000])
        time.sleep(0.1)
        os.kill(client.process(server), signal.SIGKILL)


for name, action in [("that goes away", goes_away), ("that stops", stops), ("that turns out too large", too_large),
                     ("whose process is killed", is_killed)]:
    check(f"a large body {name} gives its turn back", lambda: gives_back(action))


def killed_reviews():
    """The turn of a review comes back when its connection is killed."""
    large = post(review + b" " * ((8 << 20) - len(review)))
    with PiswServe("--max-reviews", 1, "--review-timeout", 60) as server:
        for i in range(3):
            with server.connect() as client:
                connection = client.process(server)
                stop_review(connection, client, large)
                os.kill(connection, signal.SIGKILL)
        start = time.monotonic()
        server.post()
        if time.monotonic() - start > 15:
            raise AssertionError(f"the next took {time.monotonic() - start} s")
        eventually("that it was put back is counted", lambda: server.metrics()["pisw_tokens_restored_total"] > 0, 5)


check("a review whose connection is killed gives its turn back", killed_reviews)


def stolen_turns():
    """A process takes every turn from its pipe and gives none back. The listener restores them within two seconds."""
    with PiswServe("--max-reviews", 3) as server:
        # The pipe of reports has 1 MiB. The pipes of turns contain a byte for each turn.
        turns = {}
        for link in Path(f"/proc/{server.pid}/fd").iterdir():
            if os.readlink(link).startswith("pipe:"):
                try:
                    pipe = os.open(link, os.O_RDONLY | os.O_NONBLOCK)
                except PermissionError:
                    continue
                turns[os.readlink(link)] = pipe
        pipes = [pipe for pipe in turns.values() if waiting(pipe) in (2, 3)]
        expect("pipes of turns", sorted(map(waiting, pipes)), [2, 3])
        with server.connect() as kept:
            kept.review()
            for round_ in (1, 2):
                expect("turns taken", sorted(len(os.read(pipe, 16)) for pipe in pipes), [2, 3])
                start = time.monotonic()
                kept.review()
                took = time.monotonic() - start
                expect("the next review came within two seconds", took < 2, True)
                server.counted("pisw_tokens_restored_total", 5 * round_)
        for pipe in turns.values():
            os.close(pipe)


def closing_after_large_body():
    """A connection that ends after a large body returns its token itself: none is lost, and the next can be read."""
    large = post(review + b" " * 90_000, "Connection: close")
    with PiswServe() as server:
        for _ in range(10):
            with server.connect() as client:
                client.send(large)
                expect("status", client.response()[0], 200)
        expect("tokens restored", server.metrics()["pisw_tokens_restored_total"], 0)


def busy_connections():
    """Many connections that take turns all the time: no turn counts as lost."""
    with PiswServe("--max-reviews", 4) as server:
        (work / "post.lua").write_text('wrk.method = "POST"\nwrk.path = "/mutate"\nwrk.body = [[' + review.decode() + ']]\n'
                                       'wrk.headers["Content-Type"] = "application/json"\n')
        done = run("wrk", "-t2", "-c240", "-d10s", "--timeout", "30s", "-s", work / "post.lua",
                   f"https://127.0.0.1:{server.port}")
        expect("wrk", (done.returncode, b"Non-2xx" in done.stdout), (0, False))
        expect("tokens restored", server.metrics()["pisw_tokens_restored_total"], 0)
        expect("reviews were answered", server.metrics()['pisw_reviews_total{result="patched"}'] > 100, True)


check("a connection that closes after a large body returns its turn", closing_after_large_body)
check("turns of 240 busy connections are never taken for lost ones", busy_connections)


def waiting(pipe):
    """The number of bytes in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


check("the listener restores turns that were taken and not given back", stolen_turns)
finish()
