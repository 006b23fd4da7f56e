# HTTP/1.1 over TLS: every captured review, kept connections, pipelining, bodies of every form and size, refused
# requests, and slow clients.

import http.client
import json
import re
import socket
import time

from harness.checks import check, eventually, expect, finish
from harness.processes import run
from common import PiswServe, answer, answers, captured, post, review, reviews, tls_context, work

server = PiswServe()
CHUNKED = "POST /mutate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


def alone(name):
    with server.connect() as client:
        fields = client.review(name)
        expect("fields", fields, {"Content-Type": "application/json", "Content-Length": str(len(answers[name]))})


for name in reviews:
    check(f"the answer is that of pisw-mutate, byte for byte: {name}", lambda: alone(name))


def kept_alive():
    with server.connect() as client:
        process = client.process(server)
        for i in range(1000):
            name = captured[i % len(captured)]
            expect("Connection", client.review(name).get("Connection"), None)
        expect("process", client.process(server), process)


def python_http_client():
    connection = http.client.HTTPSConnection("localhost", server.port, context=tls_context(), timeout=30)
    connection.connect()
    socket = connection.sock
    for name in [*captured, "1MB", "8MiB"]:
        connection.request("POST", "/mutate", reviews[name], {"Content-Type": "application/json"})
        response = connection.getresponse()
        expect(f"answer to {name}", (response.status, response.read() == answers[name]), (200, True))
    # An iterator has no length, so http.client sends the body in chunks.
    connection.request("POST", "/mutate", iter([review[:100], review[100:]]), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})
    expect("answer", connection.getresponse().read(), answer)
    expect("still the same connection", connection.sock is socket, True)
    connection.close()


def curl_keeps_alive():
    url = f"https://localhost:{server.port}/mutate"
    result = run("curl", "-sv", "--cacert", work / "root.pem", "--data-binary", f"@{work}/reviews/job-pod.json", "-H",
                 "Content-Type: application/json", url, url, url)
    expect("answers", result.stdout, answer * 3)
    expect("handshakes", result.stderr.count(b"SSL connection using"), 1)


def pipelined(names):
    with server.connect() as client:
        got = client.answers(b"".join(post(reviews[name]) for name in names), len(names))
        expect("statuses", [status for status, _, _ in got], [200] * len(names))
        expect("answers are in order", [body == answers[name] for (_, _, body), name in zip(got, names)],
               [True] * len(names))
        client.review()


def pipelined_close():
    """Requests after one with Connection: close are not answered, and do not cut off its answer."""
    for _ in range(10):
        with server.connect() as client:
            client.send(post(review, "Connection: close") + post(reviews["dry-run"]) * 50)
            status, fields, body = client.response()
            expect("answer", (status, fields["Connection"], body), (200, "close", answer))
            client.expect_closed()


def chunks(body, *sizes):
    data, rest = CHUNKED, body
    for size in [*sizes, len(body) - sum(sizes)]:
        data += b"%x;name=value\r\n%s\r\n" % (size, rest[:size])
        rest = rest[size:]
    return data + b"0\r\nX-Checksum: 1\r\n\r\n"


def in_chunks():
    with server.connect() as client:
        for sizes in [(), (1, 2, 3), (500, 1, 500)]:
            client.send(chunks(review, *sizes))
            expect("answer", client.response()[2], answer)
        client.send(chunks(reviews["1MB"], *[1000] * 900))
        expect("answer", client.response()[2] == answers["1MB"], True)
        client.review()


def expects_continue(name):
    with server.connect() as client:
        head, _, body = post(reviews[name], "Expect: 100-continue").partition(b"\r\n\r\n")
        client.send(head + b"\r\n\r\n")
        expect("interim response", client.response(), (100, {}, b""))
        client.send(body)
        expect("answer", client.response()[2] == answers[name], True)
        client.review()


def curl_expects_continue():
    result = run("curl", "-sv", "--cacert", work / "root.pem", "--data-binary", f"@{work}/reviews/1MB.json", "-H",
                 "Content-Type: application/json", "-H", "Expect: 100-continue", "-w", "%{time_total}",
                 f"https://localhost:{server.port}/mutate")
    expect("interim response", result.stderr.count(b"< HTTP/1.1 100 Continue"), 1)
    body, _, seconds = result.stdout.rpartition(b"\n")
    expect("answer", body + b"\n" == answers["1MB"], True)
    # curl waits for the interim response for a second, and then sends the body.
    expect("the interim response came before curl stopped waiting", float(seconds) < 1, True)


def closes(request, status=200, body=answer):
    with server.connect() as client:
        client.send(request)
        got, fields, data = client.response()
        expect("answer", (got, fields.get("Connection"), data), (status, "close", body))
        client.expect_closed()


def head(path, status, length):
    with server.connect() as client:
        got, fields, _ = client.get(path, "HEAD")
        expect("answer", (got, fields["Content-Length"]), (status, length))
        # If a body had followed, the next response would be invalid.
        client.review()


check("one process answers a thousand reviews over one connection", kept_alive)
check("Python's http.client keeps its connection, also with 8 MiB and with chunks", python_http_client)
check("curl keeps its connection", curl_keeps_alive)
check("320 pipelined requests are answered in order", lambda: pipelined(captured * 20))
check("pipelined requests of 1 MB are answered in order",
      lambda: pipelined(["1MB", "job-pod", "1MB", "1MB", "dry-run"]))
check("pipelined requests after Connection: close are not answered", pipelined_close)
check("bodies in chunks with extensions and trailers are accepted", in_chunks)
check("Expect: 100-continue gets an interim response", lambda: expects_continue("job-pod"))
check("Expect: 100-continue gets an interim response, 8 MiB", lambda: expects_continue("8MiB"))
check("curl gets the 100 Continue that it waits for", curl_expects_continue)
check("Connection: close closes the connection after the answer", lambda: closes(post(review, "Connection: close")))
check("Connection: Keep-Alive, close closes, too", lambda: closes(post(review, "Connection: Keep-Alive, CLOSE")))
check("HTTP/1.0 closes the connection", lambda: closes(post(version="HTTP/1.0")))
check("HTTP/1.0 with keep-alive closes the connection, too",
      lambda: closes(post(review, "Connection: keep-alive", version="HTTP/1.0")))
check("HEAD /healthz gets the length and no body", lambda: head("/healthz", 200, "3"))
check("HEAD /mutate gets a 405 without a body", lambda: head("/mutate", 405, "46"))


def probes():
    with server.connect() as client:
        for path in ("/healthz", "/livez", "/readyz", "/readyz?verbose"):
            expect(path, client.get(path)[::2], (200, b"ok\n"))


def no_metrics():
    with server.connect() as client:
        expect("status", client.get("/metrics")[0], 404)


check("the webhook's port answers probes", probes)
check("the webhook's port has no /metrics", no_metrics)


# Valid requests that cannot be served. The connection goes on.
def refused(status, request, reason):
    with server.connect() as client:
        client.send(request)
        got, fields, body = client.response()
        expect("answer", (got, fields["Content-Type"]), (status, "application/json"))
        if not re.search(reason, json.loads(body)["error"]):
            raise AssertionError(body)
        client.review()


get = "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
for status, name, request, reason in [
    (400, "a body that is not JSON", post(b"hello"), "^body:1:1: "),
    (400, "an empty body", post(b""), "^body:1:1: "),
    (400, "JSON that is not a review", post(b"{}"), "^body:1:1: not an AdmissionReview"),
    (404, "another path", (get % "/other").encode(), "no such path"),
    (404, "the root", (get % "/").encode(), "no such path"),
    (405, "GET /mutate", (get % "/mutate").encode(), "expected POST"),
    (405, "POST /healthz", post(target="/healthz"), "expected GET, HEAD"),
    (415, "another Content-Encoding", post(review, "Content-Encoding: gzip"), "Content-Encoding"),
    (415, "another Content-Type", post().replace(b"application/json\r\nAccept-", b"text/plain\r\nAccept-"),
     "Content-Type"),
]:
    check(f"{status}: {name}; the connection goes on", lambda: refused(status, request, reason))


# Requests after which the next one cannot be found. The answer arrives, and the connection ends.
def fatal(status, request, reason, body=b""):
    for _ in range(5):
        with server.connect() as client:
            try:
                client.send(request + body)
            except OSError:
                pass  # The answer must be readable all the same.
            got, fields, data = client.response()
            expect("answer", (got, fields["Connection"]), (status, "close"))
            if not re.search(reason, json.loads(data)["error"]):
                raise AssertionError(data)
            client.expect_closed()


lengthy = post().replace(f"Content-Length: {len(review)}".encode(), b"Content-Length: 8388609")
for status, name, request, reason, body in [
    (400, "bytes that are not HTTP", b"\x00\x01\x02\r\n\r\n", "", b""),
    (400, "two lengths", post(review, "Content-Length: 1"), "Content-Length", b""),
    (400, "length and chunks", post(review, "Transfer-Encoding: chunked"), "", b""),
    (411, "no length", b"POST /mutate HTTP/1.1\r\nHost: localhost\r\n\r\n", "", b""),
    (413, "a length over 8 MiB", lengthy, "8388608|8 MiB|large", b""),
    (413, "a length over 8 MiB, and the body", lengthy, "8388608|8 MiB|large", bytes(8 << 20)),
    (413, "chunks that exceed 8 MiB together", CHUNKED, "8388608|8 MiB|large", (b"300000\r\n%s\r\n" % bytes(0x300000)) * 3),
    (417, "another expectation", post(review, "Expect: a-miracle"), "", b""),
    (431, "a head over 16 KiB", post(review, "X: " + "y" * 16384), "", b""),
    (501, "another coding", CHUNKED.replace(b"chunked", b"gzip, chunked"), "", b""),
    (505, "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", b""),
]:
    check(f"{status}: {name}; the connection ends", lambda: fatal(status, request, reason, body))


def large_body(size, status):
    body = reviews["8MiB"]
    body += b" " * (size - len(body))
    with server.connect() as client:
        try:
            client.send(post(body))
        except OSError:
            pass
        expect("status", client.response()[0], status)


check("200: a body of exactly 8 MiB", lambda: large_body(8 << 20, 200))
check("413: a body of 8 MiB and one byte", lambda: large_body((8 << 20) + 1, 413))


def byte_by_byte():
    """Each byte is its own TLS record and packet."""
    with server.connect() as client:
        for byte in post():
            client.send(bytes([byte]))
        expect("answer", client.response()[2], answer)
        client.review()


check("a request that arrives byte by byte is answered", byte_by_byte)

# Deadlines. They hold for clients that send slowly as for silent ones.
hasty = PiswServe("--header-timeout", 1, "--idle-timeout", 2, "--handshake-timeout", 1)


def late(first, drip, reason):
    with hasty.connect() as client:
        client.send(first)
        start = time.monotonic()
        [(status, fields, body)] = client.answers(drip, every=0.2)
        expect("answer", (status, fields["Connection"], json.loads(body)["error"]), (408, "close", reason))
        seconds = time.monotonic() - start
        if not 0.9 < seconds < 10:
            raise AssertionError(f"after {seconds} s")


whole = post()
cut = whole.index(b"\r\n\r\n") + 4
for name, first, drip, reason in [
    ("half a head", whole[:20], b"", "the request head did not arrive in time"),
    ("a head byte by byte", whole[:1], whole[1:], "the request head did not arrive in time"),
    ("half a body", whole[:-100], b"", "the request body did not arrive in time"),
    ("a body byte by byte", whole[:cut], whole[cut:], "the request body did not arrive in time"),
]:
    check(f"408: {name}", lambda: late(first, drip, reason))


def late_second():
    with hasty.connect() as client:
        client.review()
        client.send(whole[:20])
        expect("answer", client.response()[0], 408)
        client.expect_closed()


check("408: half of a second head", late_second)


def patient():
    """Head and body each have their own deadline."""
    with hasty.connect() as client:
        client.send(whole[:20])
        time.sleep(0.7)
        client.send(whole[20:cut])
        time.sleep(0.7)
        client.send(whole[cut:])
        expect("answer", client.response()[2], answer)


def idle():
    with hasty.connect() as client:
        client.review()
        start = time.monotonic()
        client.expect_closed()
        seconds = time.monotonic() - start
        if not 1.8 < seconds < 10:
            raise AssertionError(f"after {seconds} s")


def never_reads():
    """A client never reads its answers. Its process ends."""
    with hasty.connect() as client:
        process = client.process(hasty)
        try:
            while True:
                client.send(post() * 50)
        except OSError:
            pass
        eventually("the process has ended", lambda: process not in hasty.connections())


def half_closed():
    """A client that half-closes after the request, without close_notify, is answered."""
    with server.connect() as client:
        client.send(post())
        socket.socket.shutdown(client.tls, socket.SHUT_WR)
        expect("answer", client.response()[2], answer)


def breaks_off():
    """A client half-closes in the middle of a request. Its process ends."""
    with server.connect() as client:
        process = client.process(server)
        client.send(whole[:-1])
        socket.socket.shutdown(client.tls, socket.SHUT_WR)
        eventually("the process has ended", lambda: process not in server.connections())


check("a client within both deadlines is answered", patient)
check("an idle connection is closed cleanly after --idle-timeout", idle)
check("the server gives up a client that never reads", never_reads)
check("a client that half-closes after the request is answered", half_closed)
check("a client that half-closes in a request leaves no process", breaks_off)


def load():
    """wrk gets only 200s over 8 connections."""
    (work / "post.lua").write_text(
        f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
        f'local file = io.open("{work}/reviews/job-pod.json", "rb")\nwrk.body = file:read("*a")\n')
    before = server.metrics()['pisw_reviews_total{result="patched"}']
    result = run("wrk", "-t", 1, "-c", 8, "-d", 2, "-s", work / "post.lua", f"https://127.0.0.1:{server.port}/mutate")
    text = result.stdout.decode()
    if "Non-2xx" in text or "Socket errors" in text:
        raise AssertionError(text)
    requests = int(re.search(r"(\d+) requests in", text)[1])
    expect("a number of requests", requests > 100, True)
    served = server.metrics()['pisw_reviews_total{result="patched"}'] - before
    # The server also answers requests that wrk abandons at its end.
    if not requests <= served <= requests + 8:
        raise AssertionError(f"wrk counts {requests}, the server {served}")


check("wrk gets only 200s over 8 connections", load)
for each in (server, hasty):
    def ends():
        expect("signals", [record for record in each.records() if "signal" in record["message"]], [])
        each.stop()
    check("the exit status is 0, and no process died of a signal", ends)
finish()
