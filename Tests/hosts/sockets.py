# pisw-mutate --http on a TCP connection: requests that no client library sends, clients that misbehave, and exit
# statuses.

import os
import json
import subprocess
import time

from harness.checks import check, expect, finish
from oneshot import Exchange, Response, answer, large_answer, large_review, odd_review, post, program, review

SIZE = len(review)


def request(*lines, body=review):
    """The lines, each with CR LF, an empty line, and a body that would get a 200."""
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def with_length(*lines, start=b"POST /mutate HTTP/1.1", body=review):
    return request(start, b"Host: localhost", b"Content-Length: %d" % len(body), *lines, body=body)


def with_coding(*lines, body):
    return request(b"POST /mutate HTTP/1.1", b"Host: localhost", *lines, body=body)


def chunks(*sizes, extension=b"", end=b"0\r\n\r\n"):
    """The review in chunks of these sizes, and one chunk for the rest."""
    body, rest = b"", review
    for size in [*sizes, SIZE - sum(sizes)]:
        body += b"%x%s\r\n%s\r\n" % (size, extension, rest[:size])
        rest = rest[size:]
    return body + end


CHUNKED = b"Transfer-Encoding: chunked"
START = b"POST /mutate HTTP/1.1"
HOST = b"Host: localhost"
LENGTH = b"Content-Length: %d" % SIZE

# Each body is a review that would get a 200 if the program read the request in another way.
table = [
    # Valid requests.
    (200, "Content-Length", with_length()),
    (200, "field names in any case", request(START, b"hOST: localhost", b"CONTENT-length: %d" % SIZE)),
    (200, "blanks and tabs around a value", request(START, HOST, b"Content-Length:\t %d \t" % SIZE)),
    (200, "no blank after the colon", request(START, b"Host:localhost", b"Content-Length:%d" % SIZE)),
    (200, "the same Content-Length twice", request(START, HOST, LENGTH, LENGTH)),
    (200, "an empty line before the request", b"\r\n" + with_length()),
    (200, "absolute form", with_length(start=b"POST https://pisw.kube-system.svc:443/mutate?timeout=5s HTTP/1.1")),
    (200, "a query", with_length(start=b"POST /mutate?timeout=1s HTTP/1.1")),
    (200, "chunks", with_coding(CHUNKED, body=chunks(1, 2, 300))),
    (200, "chunks with extensions and trailers",
     with_coding(CHUNKED, body=chunks(5, extension=b';a="b"', end=b"0\r\nX-Sum: 1\r\n\r\n"))),
    (200, "chunk sizes with leading zeros and capitals",
     with_coding(CHUNKED, body=b"000%X\r\n%s\r\n0\r\n\r\n" % (SIZE, review))),
    (200, "the coding in capitals", with_coding(b"Transfer-Encoding: CHUNKED", body=chunks())),
    (200, "HTTP/1.0 without Host", request(b"POST /mutate HTTP/1.0", LENGTH)),
    (200, "a charset", with_length(b"Content-Type: Application/JSON; charset=utf-8")),
    (200, "100 fields", with_length(*[b"X-%d: y" % i for i in range(98)])),
    # Requests that two servers could read differently (request smuggling).
    (400, "both Content-Length and Transfer-Encoding", with_coding(LENGTH, CHUNKED, body=chunks())),
    (400, "both, the other way round", with_coding(CHUNKED, LENGTH, body=chunks())),
    (400, "two Content-Lengths that differ", request(START, HOST, LENGTH, b"Content-Length: 1")),
    (400, "two that differ, the other way round", request(START, HOST, b"Content-Length: 1", LENGTH)),
    (400, "two in one field", request(START, HOST, b"Content-Length: %d, 1" % SIZE)),
    (400, "two in one field, the other way round", request(START, HOST, b"Content-Length: 1, %d" % SIZE)),
    (400, "Content-Length: +N", request(START, HOST, b"Content-Length: +%d" % SIZE)),
    (400, "Content-Length: -1", request(START, HOST, b"Content-Length: -1")),
    (400, "Content-Length in hexadecimal", request(START, HOST, b"Content-Length: 0x%x" % SIZE)),
    (400, "Content-Length: N N", request(START, HOST, b"Content-Length: %d %d" % (SIZE, SIZE))),
    (400, "an empty Content-Length", request(START, HOST, b"Content-Length:")),
    (400, "a bare LF after a field", START + b"\r\n" + HOST + b"\n" + LENGTH + b"\r\n\r\n" + review),
    (400, "bare LFs everywhere", with_length().replace(b"\r\n", b"\n", 4)),
    (400, "a bare LF before the body", request(START, HOST, LENGTH).replace(b"\r\n\r\n", b"\r\n\n", 1)),
    (400, "a bare CR inside a field", with_length(b"X: a\rContent-Length: 0")),
    (400, "a bare LF inside a field", with_length(b"X: a\nContent-Length: 0")),
    (400, "a NUL inside a field", with_length(b"X: a\0b")),
    (400, "a control byte inside a field", with_length(b"X: a\x0bb")),
    (400, "DEL inside a field", with_length(b"X: a\x7fb")),
    (400, "obsolete folding", with_length(b"X: a", b" b: c")),
    (400, "folding with a tab", with_length(b"X: a", b"\tb: c")),
    (400, "folding of the first field", request(START, b" " + HOST, LENGTH)),
    (400, "a space before the colon", request(START, HOST, b"Content-Length : %d" % SIZE)),
    (400, "a tab before the colon", request(START, HOST, b"Transfer-Encoding\t: chunked", body=chunks())),
    (400, "a field without a colon", with_length(b"nothing")),
    (400, "a field without a name", with_length(b": a")),
    (400, "no Host in HTTP/1.1", request(START, LENGTH)),
    (400, "two Hosts", with_length(b"Host: other")),
    (400, "an invalid Host", request(START, b"Host: a/b@c d", LENGTH)),
    (400, "chunked twice", with_coding(CHUNKED, CHUNKED, body=chunks())),
    (400, "chunked, but not last", with_coding(b"Transfer-Encoding: chunked, gzip", body=chunks())),
    (400, "a coding that only looks like chunked", with_coding(b"Transfer-Encoding: xchunked", body=chunks())),
    (400, "an empty Transfer-Encoding", with_coding(b"Transfer-Encoding:", body=chunks())),
    (400, "identity", with_coding(b"Transfer-Encoding: identity", body=chunks())),
    (400, "Transfer-Encoding in HTTP/1.0", request(b"POST /mutate HTTP/1.0", HOST, CHUNKED, body=chunks())),
    (501, "gzip, chunked", with_coding(b"Transfer-Encoding: gzip, chunked", body=chunks())),
    # Chunks.
    (400, "a chunk without a size", with_coding(CHUNKED, body=b"\r\n" + review)),
    (400, "a chunk's size with 0x", with_coding(CHUNKED, body=b"0x" + chunks())),
    (400, "a chunk's negative size", with_coding(CHUNKED, body=b"-1\r\n")),
    (400, "blanks after a chunk's size", with_coding(CHUNKED, body=chunks(extension=b" "))),
    (400, "a bare LF after a chunk's size", with_coding(CHUNKED, body=b"%x\n%s\r\n0\r\n\r\n" % (SIZE, review))),
    (400, "a chunk longer than its size", with_coding(CHUNKED, body=b"%x\r\n%s\r\n0\r\n\r\n" % (SIZE - 1, review))),
    (400, "a chunk that ends without CR LF", with_coding(CHUNKED, body=b"%x\r\n%s0\r\n\r\n" % (SIZE, review))),
    (400, "a broken trailer", with_coding(CHUNKED, body=chunks(end=b"0\r\nX : y\r\n\r\n"))),
    (400, "a chunk's extension of 2 KB", with_coding(CHUNKED, body=chunks(extension=b";" + b"a" * 2048))),
    (413, "a chunk over the limit", with_coding(CHUNKED, body=b"fffffff\r\n" + review)),
    (413, "a chunk's size past 64 bits", with_coding(CHUNKED, body=b"10000000000000001\r\n" + review)),
    (413, "chunks that exceed the limit together",
     with_coding(CHUNKED, body=b"300000\r\n%s\r\n" % (b"x" * 0x300000) * 3)),
    # The request line.
    (400, "a request line of one word", request(b"POST", HOST, LENGTH)),
    (400, "HTTP/0.9", request(b"POST /mutate", HOST, LENGTH)),
    (400, "two spaces", with_length(start=b"POST  /mutate HTTP/1.1")),
    (400, "a space at the end", with_length(start=b"POST /mutate HTTP/1.1 ")),
    (400, "a tab between", with_length(start=b"POST\t/mutate HTTP/1.1")),
    (400, "a method that is not a token", with_length(start=b"PO(ST /mutate HTTP/1.1")),
    (400, "a target with a fragment", with_length(start=b"POST /mutate#a HTTP/1.1")),
    (400, "a target that is not ASCII", with_length(start="POST /mutaté HTTP/1.1".encode())),
    (400, "a relative target", with_length(start=b"POST mutate HTTP/1.1")),
    (400, "an absolute target without a host", with_length(start=b"POST http:///mutate HTTP/1.1")),
    (400, "http in lower case", with_length(start=b"POST /mutate http/1.1")),
    (400, "a version of three digits", with_length(start=b"POST /mutate HTTP/1.10")),
    (505, "HTTP/2.0", with_length(start=b"POST /mutate HTTP/2.0")),
    (400, "TLS to a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),
    # Routes.
    (404, "another path", with_length(start=b"POST /other HTTP/1.1")),
    (404, "/mutate/", with_length(start=b"POST /mutate/ HTTP/1.1")),
    (404, "absolute form without a path", with_length(start=b"POST http://localhost HTTP/1.1")),
    (404, "CONNECT", request(b"CONNECT localhost:443 HTTP/1.1", HOST, body=b"")),
    (404, "OPTIONS *", request(b"OPTIONS * HTTP/1.1", HOST, body=b"")),
    (405, "a method in lower case", with_length(start=b"post /mutate HTTP/1.1")),
    (405, "DELETE", with_length(start=b"DELETE /mutate HTTP/1.1")),
    # Refused bodies.
    (411, "POST without a length", request(START, HOST, body=b"")),
    (413, "Content-Length over the limit", request(START, HOST, b"Content-Length: 8388609")),
    (413, "Content-Length past 64 bits", request(START, HOST, b"Content-Length: 18446744073709551617")),
    (415, "text/plain", with_length(b"Content-Type: text/plain")),
    (415, "two Content-Types", with_length(b"Content-Type: text/plain", b"Content-Type: application/json")),
    (415, "gzip", with_length(b"Content-Encoding: gzip")),
    (417, "another expectation", with_length(b"Expect: a-miracle")),
    (431, "101 fields", with_length(*[b"X-%d: y" % i for i in range(99)])),
    (431, "a head over 16 KB", with_length(b"X: " + b"y" * 16384)),
    (431, "a request line over 16 KB", with_length(start=b"POST /" + b"y" * 16384 + b" HTTP/1.1")),
    (431, "endless empty lines", b"\r\n" * 9000),
    (400, "a body that is not JSON", with_length(body=b"hello")),
    (400, "an empty body", with_length(body=b"")),
]
# The rows with a valid head.
NO_REVIEWS = [with_length(body=b"hello"), with_length(body=b"")]


def row(status, data):
    exchange = Exchange()
    exchange.send_aside(data)
    response = Response(exchange.receive())
    errors = exchange.end()
    response.expect(status)
    if status == 200:
        expect("answer", response.body, answer)
    else:
        # The program must refuse the head itself. It must not misread it, and then find an early end or another body.
        reason = json.loads(response.body)["error"]
        if reason.startswith("the connection closed before") or reason.startswith("body:") != (data in NO_REVIEWS):
            raise AssertionError(reason)
        expect("message", errors, b"pisw-mutate: %d %s\n" % (status, reason.encode()))


for status, name, data in table:
    check(f"sockets: {status} {name}", lambda: row(status, data))


# Clients.
def messages_of(data, body=answer, **options):
    """Requires the right answer. Returns the program's messages."""
    exchange = Exchange(**options)
    exchange.send_aside(data)
    expect("answer", Response(exchange.receive()).expect(200).body, body)
    return exchange.end()


def answered(data, body=answer, **options):
    messages_of(data, body, **options)


def byte_by_byte():
    exchange = Exchange()
    for byte in post():
        exchange.send(bytes([byte]))
    expect("answer", Response(exchange.receive()).expect(200).body, answer)
    exchange.end()


def half_closed():
    exchange = Exchange()
    exchange.send(post())
    exchange.end_sending()
    expect("answer", Response(exchange.receive()).expect(200).body, answer)
    exchange.end()


def ends_early(data):
    exchange = Exchange()
    exchange.send(data)
    exchange.end_sending()
    Response(exchange.receive()).expect(400)
    exchange.end()


def silent_close():
    exchange = Exchange()
    exchange.end_sending()
    expect("output", exchange.receive(), b"")
    expect("standard error", exchange.end(), b"")


def followed_by(garbage):
    # Closing a connection with unread bytes resets it, so the program must read them.
    for _ in range(20):
        answered(post(large_review) + garbage, large_answer)


def slow_garbage():
    """Bytes arrive while the answer is sent, and after the program has ended.

    They may reset the connection, because a program that waited for more would keep every client waiting. But the whole
    answer has arrived by then.
    """
    for _ in range(20):
        exchange = Exchange()
        exchange.send(post())
        sender = exchange.send_aside(b"x" * 200_000)
        data = exchange.receive(may_be_reset=True)
        sender.join()
        expect("answer", Response(data).expect(200).body, answer)
        exchange.end()


def refused_while_sending():
    """The client sends 20 MB, which the program refuses. The 413 arrives although the client goes on sending."""
    exchange = Exchange()
    exchange.send(post(b" " * 20_000_000))
    exchange.end_sending()
    Response(exchange.receive()).expect(413)
    exchange.end()


def head_of(path, status, length=None):
    exchange = Exchange()
    exchange.send(b"HEAD %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
    response = Response(exchange.receive(), to_head=True)
    expect("status", response.status, status)
    if length:
        expect("Content-Length", response.fields["Content-Length"], length)
    exchange.end()


check("sockets: a request byte by byte", byte_by_byte)
check("sockets: a client that half-closes after the request is answered", half_closed)
check("sockets: a client that half-closes in the head gets a 400", lambda: ends_early(post()[:40]))
check("sockets: a client that half-closes in the body gets a 400", lambda: ends_early(post()[:-1]))
check("sockets: a client that half-closes in a chunk gets a 400",
      lambda: ends_early(with_coding(CHUNKED, body=chunks()[:-3])))
check("sockets: a client that sends nothing gets nothing", silent_close)
check("sockets: a second request is not answered, and does not cut off the first answer", lambda: followed_by(post()))
check("sockets: garbage after the request does not cut off the answer", lambda: followed_by(b"\0garbage" * 5000))
check("sockets: garbage during the answer does not cut it off", slow_garbage)
check("sockets: a client that sends all of 20 MB first gets a 413", refused_while_sending)
check("sockets: HEAD /healthz", lambda: head_of(b"/healthz", 200, "3"))
check("sockets: HEAD /mutate gets a 405 without a body", lambda: head_of(b"/mutate", 405))
check("sockets: HEAD /other gets a 404 without a body", lambda: head_of(b"/other", 404))
check("sockets: a review of 1 MB", lambda: answered(post(large_review), large_answer))

# Expect: 100-continue (RFC 9110 section 10.1.1).
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


def continues():
    exchange = Exchange()
    data = post(review, "Expect: 100-continue")
    exchange.send(data[:-SIZE])
    expect("interim response", exchange.client.recv(len(INTERIM)), INTERIM)
    exchange.send(review)
    expect("answer", Response(exchange.receive()).expect(200).body, answer)
    exchange.end()


def refuses_at_once():
    exchange = Exchange()
    exchange.send(request(START, HOST, b"Content-Length: 8388609", b"Expect: 100-continue", body=b""))
    start = time.monotonic()
    Response(exchange.receive()).expect(413)
    if time.monotonic() - start > 2:
        raise AssertionError("the refusal took longer than 2 s")
    exchange.end()


check("sockets: 100 Continue is sent before the body arrives", continues)
check("sockets: a refusal is sent instead of 100 Continue", refuses_at_once)
check("sockets: no 100 Continue if the body has arrived",
      lambda: answered(post(review, "Expect: 100-continue")))
check("sockets: no 100 Continue in HTTP/1.0",
      lambda: answered(post(review, "Expect: 100-continue", version="HTTP/1.0")))


# Messages never go into the response.
def explanation_on(errors):
    text = messages_of(post(), errors=errors)
    if b"containers[0]" not in text:
        raise AssertionError(f"no explanation on {errors}: {text!r}")


def warning_on(errors):
    exchange = Exchange(errors=errors)
    exchange.send(post(odd_review))
    body = Response(exchange.receive()).expect(200).body
    expect("allowed", json.loads(body)["response"]["allowed"], True)
    return exchange.end()


def warning_on_pipe():
    if b"left alone" not in warning_on("pipe"):
        raise AssertionError("no message about an odd pod")


def configuration_error(errors, environment, place):
    exchange = Exchange(errors=errors, environment=environment)
    exchange.send(post())
    body = Response(exchange.receive()).expect(500).body
    if place not in body or b"secret" in body:
        raise AssertionError(f"expected {place!r}, and no value: {body!r}")
    return exchange.end(status=78)


def refusal_on_connection():
    exchange = Exchange(errors="connection")
    exchange.send(post(b"hello"))
    Response(exchange.receive()).expect(400)
    exchange.end()


check("sockets: descriptor 2 is a pipe: explanations go there", lambda: explanation_on("pipe"))
check("sockets: descriptor 2 is another socket: explanations go there", lambda: explanation_on("socket"))
check("sockets: descriptor 2 is the connection: no explanations", lambda: answered(post(), errors="connection"))
check("sockets: descriptor 2 is the connection: no explanations with LOGLEVEL=DEBUG either",
      lambda: answered(post(), options=(), errors="connection", environment={"LOGLEVEL": "DEBUG"}))
check("sockets: descriptor 2 is a pipe: an odd pod is reported there", warning_on_pipe)
check("sockets: descriptor 2 is the connection: no message about an odd pod", lambda: warning_on("connection"))
check("sockets: descriptor 2 is the connection: no message about a refusal", refusal_on_connection)

# Wrong configurations.
BROKEN = os.environ["WORK"] + "/broken.yaml"
with open(BROKEN, "w") as file:
    file.write("mirrors:\n  docker.io: https://user:secret@proxy\n")


def tells_configuration(environment, place, message):
    if message not in configuration_error("pipe", environment, place):
        raise AssertionError("nothing on standard error")


check("sockets: a wrong configuration: 500, exit status 78",
      lambda: tells_configuration({"PISW_CONFIG": BROKEN}, b"broken.yaml:2:", b"broken.yaml:2:"))
check("sockets: a configuration file that does not exist: 500, exit status 78",
      lambda: tells_configuration({"PISW_CONFIG": "/nowhere.yaml"}, b"/nowhere.yaml", b"No such file"))
check("sockets: no configuration: 500, exit status 78",
      lambda: tells_configuration({"PISW_CONFIG": ""}, b"nothing is configured", b"--mirror docker.io="))
check("sockets: descriptor 2 is the connection, a wrong configuration: only the 500",
      lambda: configuration_error("connection", {"PISW_CONFIG": BROKEN}, b"broken.yaml:2:"))


# Standard output that cannot be written.
def output_fails(redirection):
    run = subprocess.run(["/bin/sh", "-c", f'exec "$0" --http {redirection}', program], input=post(),
                         stderr=subprocess.PIPE, timeout=30)
    expect("exit status", run.returncode, 71)
    if b"pisw-mutate: standard output: " not in run.stderr:
        raise AssertionError(run.stderr)


def client_is_gone():
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run([program, "--http"], input=post(), stdout=writing, stderr=subprocess.PIPE, timeout=30)
    os.close(writing)
    expect("exit status", run.returncode, 71)


def over_pipes():
    run = subprocess.run([program, "--http"], input=post(), capture_output=True, timeout=30)
    expect("exit status", run.returncode, 0)
    expect("answer", Response(run.stdout).expect(200).body, answer)


check("sockets: standard output closed: exit status 71", lambda: output_fails(">&-"))
check("sockets: standard output to /dev/full: exit status 71", lambda: output_fails(">/dev/full"))
check("sockets: a client that has gone: exit status 71, not a signal", client_is_gone)
check("sockets: pipes work, too", over_pipes)

finish()
