# The end: SIGTERM drains, so that no call is lost, and within its time; a second signal ends it now.

import json
import os
import signal
import socket
import time

from harness.checks import check, eventually, expect, finish
from common import PiswServe, post, review, reviews
from memory import stop_review

large = post(review + b" " * ((8 << 20) - len(review)))


def seconds_between(start, low, high):
    seconds = time.monotonic() - start
    if not low <= seconds <= high:
        raise AssertionError(f"after {seconds} s, not {low} to {high}")


def drain(number):
    """The whole of it, with a connection of each kind."""
    server = PiswServe("--drain-delay", 3, "--drain-timeout", 20)
    idle, asked, half = server.connect(), server.connect(), server.connect()
    for client in (idle, asked):
        expect("Connection", client.review().get("Connection"), None)
    half.send(post()[:100])
    start = time.monotonic()
    server.send(number)
    server.logged("draining")
    # At once, on both ports.
    status, _, body = server.get("/readyz")
    expect("/readyz of the admin port", (status, json.loads(body)), (503, {"error": "shutting down"}))
    expect("/healthz of the admin port", server.get("/healthz")[0], 200)
    with server.connect() as client:
        status, fields, body = client.get("/readyz")
        expect("/readyz", (status, fields["Connection"], json.loads(body)), (503, "close", {"error": "shutting down"}))
        client.expect_closed()
    with server.connect() as client:
        expect("/livez", client.get("/livez")[0], 200)
    # Answers say that the connection ends; new connections are served.
    expect("Connection", asked.review()["Connection"], "close")
    asked.expect_closed()
    with server.connect() as client:
        expect("Connection", client.review("1MB")["Connection"], "close")
        client.expect_closed()
    half.send(post()[100:])
    expect("status", half.response()[0], 200)
    # Before the delay is over an idle connection is there for the call that may be under way.
    idle.tls.settimeout(0.2)
    try:
        if time.monotonic() - start < 2:
            idle.more()
            raise AssertionError("an idle connection was closed or written to at once")
    except TimeoutError:
        pass
    idle.tls.settimeout(30)
    idle.expect_closed()
    seconds_between(start, 2.9, 10)
    server.ends(0)
    expect("last line", server.records()[-1]["message"], "drained")
    expect("signals", server.records("process ended by a signal"), [])


def idle_is_used():
    """A call on an idle connection, late in the delay, is answered."""
    with PiswServe("--drain-delay", 3) as server, server.connect() as client:
        client.review()
        server.send(signal.SIGTERM)
        time.sleep(1.5)
        expect("Connection", client.review()["Connection"], "close")
        server.ends(0)


def review_finishes():
    """A review at work, stopped until long after the delay, is answered before the server ends."""
    with PiswServe("--drain-delay", 0, "--review-timeout", 60) as server, server.connect() as client:
        at_work = stop_review(client.process(server), client, large)
        server.send(signal.SIGTERM)
        time.sleep(1)
        expect("it waits", server.process.poll(), None)
        try:
            socket.create_connection(("127.0.0.1", server.port)).close()
            raise AssertionError("it still listens")
        except ConnectionRefusedError:
            pass
        os.kill(at_work, signal.SIGCONT)
        expect("status", client.response()[0], 200)
        server.ends(0)


def body_under_way():
    """A body that comes slowly is waited for, too."""
    with PiswServe("--drain-delay", 0, "--header-timeout", 10) as server, server.connect() as client:
        request = post(reviews["1MB"])
        client.send(request[:300_000])
        server.send(signal.SIGTERM)
        time.sleep(1)
        client.send(request[300_000:])
        status, fields, _ = client.response()
        expect("answer", (status, fields["Connection"]), (200, "close"))
        server.ends(0)


def cut_off():
    options = ["--drain-delay", 0, "--drain-timeout", 2, "--review-timeout", 60]
    with PiswServe(*options) as server, server.connect() as client:
        stop_review(client.process(server), client, large)
        processes = server.connections()
        start = time.monotonic()
        server.send(signal.SIGTERM)
        server.ends(0)
        seconds_between(start, 1.9, 15)
        expect("connections that were cut off", server.logged("not drained in time, connections are cut off")
               ["connections"], 1)
        eventually("its processes are gone", lambda: not any(os.path.exists(f"/proc/{pid}") for pid in processes))


def second_signal(first, second):
    with PiswServe("--drain-delay", 20, "--review-timeout", 60) as server, server.connect() as client:
        stop_review(client.process(server), client, large)
        start = time.monotonic()
        server.send(first)
        server.logged("draining")
        server.send(second)
        server.ends(0)
        seconds_between(start, 0, 10)
        server.logged("ended by a second signal")


def at_once():
    with PiswServe("--drain-delay", 0) as server:
        with server.connect() as client:
            client.review()
            start = time.monotonic()
            server.send(signal.SIGTERM)
            client.expect_closed()
        server.ends(0)
        seconds_between(start, 0, 2.5)


def nothing_to_drain():
    """Without any connection the delay is kept all the same: the API server may not know yet."""
    with PiswServe("--drain-delay", 2) as server:
        start = time.monotonic()
        server.send(signal.SIGTERM)
        server.logged("draining")
        server.post()
        server.ends(0)
        seconds_between(start, 1.9, 10)


def port_is_free():
    """A second instance may take the port as soon as the first does not listen any more."""
    with PiswServe("--drain-delay", 0, "--review-timeout", 60) as server, server.connect() as client:
        at_work = stop_review(client.process(server), client, large)
        server.send(signal.SIGTERM)
        time.sleep(0.5)
        with PiswServe(listen=["--listen", f"127.0.0.1:{server.port}", "--admin-listen", "off"]) as successor:
            successor.post()
        os.kill(at_work, signal.SIGCONT)
        expect("status", client.response()[0], 200)
        server.ends(0)


def handshake_under_way():
    """A client that is silent in its handshake does not keep the server longer than its time."""
    with PiswServe("--drain-delay", 0, "--handshake-timeout", 2) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            plain.sendall(b"\x16\x03\x01")
            eventually("a process", server.connections)
            start = time.monotonic()
            server.send(signal.SIGTERM)
            server.ends(0)
            seconds_between(start, 0, 10)


check("SIGTERM: not ready at once, served through the delay, then closed, status 0", lambda: drain(signal.SIGTERM))
check("SIGINT: the same", lambda: drain(signal.SIGINT))
check("an idle connection is used once more during the delay", idle_is_used)
check("a review at work is waited for", review_finishes)
check("a body that is under way is waited for", body_under_way)
check("--drain-timeout cuts off what has not finished", cut_off)
check("a second SIGTERM ends it now", lambda: second_signal(signal.SIGTERM, signal.SIGTERM))
check("SIGINT after SIGTERM, too", lambda: second_signal(signal.SIGTERM, signal.SIGINT))
check("--drain-delay 0 closes at once", at_once)
check("the delay is kept without connections, too", nothing_to_drain)
check("the port is free while the last review finishes", port_is_free)
check("a handshake under way does not hold it up", handshake_under_way)
finish()
