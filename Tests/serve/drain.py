# SIGTERM drains the server within its time, so that no request is lost. A second signal ends it at once.

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
    """A whole drain, with a connection of each kind."""
    server = PiswServe("--drain-delay", 3, "--drain-timeout", 20)
    idle, asked, half = server.connect(), server.connect(), server.connect()
    for client in (idle, asked):
        expect("Connection", client.review().get("Connection"), None)
    half.send(post()[:100])
    start = time.monotonic()
    server.send(number)
    server.logged("draining")
    # /readyz changes at once, on both ports.
    status, _, body = server.get("/readyz")
    expect("/readyz of the admin port", (status, json.loads(body)), (503, {"error": "shutting down"}))
    expect("/healthz of the admin port", server.get("/healthz")[0], 200)
    with server.connect() as client:
        status, fields, body = client.get("/readyz")
        expect("/readyz", (status, fields["Connection"], json.loads(body)), (503, "close", {"error": "shutting down"}))
        client.expect_closed()
    with server.connect() as client:
        expect("/livez", client.get("/livez")[0], 200)
    # Answers say Connection: close, and new connections are served.
    expect("Connection", asked.review()["Connection"], "close")
    asked.expect_closed()
    with server.connect() as client:
        expect("Connection", client.review("1MB")["Connection"], "close")
        client.expect_closed()
    half.send(post()[100:])
    expect("status", half.response()[0], 200)
    # During the delay an idle connection stays open, because a request may be in flight.
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
    """A request on an idle connection, late in the delay, is answered."""
    with PiswServe("--drain-delay", 3) as server, server.connect() as client:
        client.review()
        server.send(signal.SIGTERM)
        time.sleep(1.5)
        expect("Connection", client.review()["Connection"], "close")
        server.ends(0)


def review_finishes():
    """A review that is stopped until long after the delay is answered before the server ends."""
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
    """The server waits for a slow body, too."""
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
    """Without connections the delay holds, too, because the API server may not know yet."""
    with PiswServe("--drain-delay", 2) as server:
        start = time.monotonic()
        server.send(signal.SIGTERM)
        server.logged("draining")
        server.post()
        server.ends(0)
        seconds_between(start, 1.9, 10)


def port_is_free():
    """Another server can take the port as soon as the first one no longer listens."""
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
    """A silent client in its handshake keeps the server no longer than --handshake-timeout."""
    with PiswServe("--drain-delay", 0, "--handshake-timeout", 2) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            plain.sendall(b"\x16\x03\x01")
            eventually("a process", server.connections)
            start = time.monotonic()
            server.send(signal.SIGTERM)
            server.ends(0)
            seconds_between(start, 0, 10)


check("SIGTERM: not ready at once, serves during the delay, then closes, exit status 0", lambda: drain(signal.SIGTERM))
check("SIGINT: the same", lambda: drain(signal.SIGINT))
check("an idle connection can be used once more during the delay", idle_is_used)
check("the server waits for a running review", review_finishes)
check("the server waits for a body that is still arriving", body_under_way)
check("--drain-timeout cuts off unfinished requests", cut_off)
check("a second SIGTERM ends the server at once", lambda: second_signal(signal.SIGTERM, signal.SIGTERM))
check("SIGINT after SIGTERM ends the server at once", lambda: second_signal(signal.SIGTERM, signal.SIGINT))
check("--drain-delay 0 closes idle connections at once", at_once)
check("the delay holds without connections, too", nothing_to_drain)
check("the port is free while the last review finishes", port_is_free)
check("an unfinished handshake does not hold up the end", handshake_under_way)
finish()
