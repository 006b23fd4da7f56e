# Slow clients have 10 seconds for the head and 10 for the body, however much arrives meanwhile. All checks wait at the
# same time.

import os
import json
import socket
import subprocess
import threading
import time

from harness.checks import check, expect, finish
from oneshot import Exchange, Response, answer, post, program, review

HEAD = post()[:-len(review)]


def drip(exchange, data, every=0.5):
    """Sends single bytes with pauses, until everything is sent or the program closes the connection."""
    def run():
        for byte in data:
            try:
                exchange.client.send(bytes([byte]))
            except OSError:
                return
            time.sleep(every)
    threading.Thread(target=run, daemon=True).start()


def times_out(part, first=b"", rest=b""):
    start = time.monotonic()
    exchange = Exchange()
    exchange.send(first)
    drip(exchange, rest)
    body = Response(exchange.receive()).expect(408).body
    seconds = time.monotonic() - start
    exchange.end()
    if part not in body:
        raise AssertionError(body)
    if not 9.5 < seconds < 12:
        raise AssertionError(f"after {seconds} s, not 10")


def patient():
    """The head takes 6 seconds, and the body 6 more. Both deadlines hold."""
    exchange = Exchange()
    for part in [HEAD[:20], HEAD[20:] + review[:100], review[100:]]:
        exchange.send(part)
        time.sleep(6 if part[-1:] != review[-1:] else 0)
    expect("answer", Response(exchange.receive()).expect(200).body, answer)
    exchange.end()


def endless_sender():
    """A refused client that never stops sending cannot keep the process alive."""
    start = time.monotonic()
    exchange = Exchange()
    exchange.send(b"POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n")
    drip(exchange, b" " * 100)
    exchange.process.wait(timeout=30)
    if not time.monotonic() - start < 13:
        raise AssertionError(f"kept for {time.monotonic() - start} s")
    exchange.end()


def refused_and_silent():
    """A refused client that neither sends nor closes keeps the process for one second."""
    start = time.monotonic()
    exchange = Exchange()
    exchange.send(b"POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n")
    Response(exchange.receive()).expect(413)
    exchange.process.wait(timeout=30)
    if time.monotonic() - start > 3:
        raise AssertionError(f"kept for {time.monotonic() - start} s")
    exchange.end()


def reader_that_never_reads():
    """The program gives up a client that never reads a large answer after 10 seconds: exit status 71."""
    pod = {"containers": [{"name": f"c{i}", "image": "nginx"} for i in range(9000)]}
    request = post(json.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "1", "resource": {"group": "", "version": "v1", "resource": "pods"}, "operation": "CREATE",
            "object": {"apiVersion": "v1", "kind": "Pod", "spec": pod}}}).encode())
    mine, its = socket.socketpair()
    process = subprocess.Popen([program, "--mirror", "docker.io=p.io", "--http"], stdin=its, stdout=its,
                               stderr=subprocess.DEVNULL)
    its.close()
    start = time.monotonic()
    mine.sendall(request)
    expect("exit status", process.wait(timeout=30), 71)
    if not 9.5 < time.monotonic() - start < 13:
        raise AssertionError(f"after {time.monotonic() - start} s, not 10")
    mine.close()


def cgi():
    start = time.monotonic()
    variables = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(len(review))}
    process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=os.environ | variables)
    process.stdin.write(review[:-1])
    process.stdin.flush()
    # Standard input stays open.
    watch = threading.Timer(30, process.kill)
    watch.start()
    output = process.stdout.read()
    watch.cancel()
    seconds = time.monotonic() - start
    expect("exit status", process.wait(timeout=30), 0)
    expect("status", output.split(b"\r\n")[0], b"Status: 408 Request Timeout")
    if not 9.5 < seconds < 12:
        raise AssertionError(f"after {seconds} s, not 10")


CHUNKED = b"POST /mutate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
tests = [
    ("a silent client gets a 408 after 10 s", lambda: times_out(b"head")),
    ("half a head gets a 408 after 10 s", lambda: times_out(b"head", HEAD[:30])),
    ("a head byte by byte gets a 408 after 10 s", lambda: times_out(b"head", b"", HEAD)),
    ("half a body gets a 408 after 10 s", lambda: times_out(b"body", HEAD + review[:100])),
    ("a body byte by byte gets a 408 after 10 s", lambda: times_out(b"body", HEAD, review)),
    ("endless chunks get a 408 after 10 s", lambda: times_out(b"body", CHUNKED, b"1\r\nx\r\n" * 50)),
    ("a client within both deadlines is answered", patient),
    ("the program gives up a refused client that goes on sending after 10 s", endless_sender),
    ("the program gives up a silent refused client after a second", refused_and_silent),
    ("the program gives up a client that never reads its answer after 10 s", reader_that_never_reads),
    ("CGI: a body that does not come is a 408 after 10 s", cgi),
]
threads = [threading.Thread(target=check, args=("deadlines: " + name, test)) for name, test in tests]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
finish()
