# pisw-mutate as a CGI program (RFC 3875), started as a web server does: the request in variables, the body on standard
# input. These are the requests that lighttpd would never pass on.

import json
import os
import subprocess
import threading

from harness.checks import check, expect, finish
from oneshot import answer, large_answer, large_review, odd_review, program, review

JSON = "application/json"


# A value of `length`: CONTENT_LENGTH is not set.
ABSENT = object()


def run(method="POST", body=review, length=None, arguments=(), ends=False, **variables):
    """Runs pisw-mutate. Returns exit status, CGI status line, fields, body and standard error.

    length: the value of CONTENT_LENGTH, by default the length of the body.
    ends: whether standard input ends after the body. A server may leave it open.
    variables: further variables. None removes a variable.
    """
    environment = os.environ | {"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": JSON}
    environment["REQUEST_METHOD"] = method
    environment["CONTENT_LENGTH"] = str(len(body)) if length is None else length
    environment |= variables
    environment = {name: value for name, value in environment.items() if value not in (None, ABSENT)}
    reading, writing = os.pipe()
    process = subprocess.Popen([program, *arguments], stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment)
    os.close(reading)
    unread = []

    def send():
        rest = memoryview(body)
        try:
            while rest:
                rest = rest[os.write(writing, rest):]
        except BrokenPipeError:
            unread.append(len(rest))
        if ends:
            os.close(writing)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    output, errors = process.communicate(timeout=8)
    sender.join(8)
    # A small refused body stays in the pipe. A large one must be read, because the server would wait.
    if sender.is_alive() or (unread and len(body) > 65536):
        raise AssertionError("the body was not read")
    if not ends:
        os.close(writing)
    head, _, content = output.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    return process.returncode, first, dict(line.split(": ", 1) for line in lines), content, errors


def respond(line, pattern=b"", exit_status=0, **request):
    """Requires a response with that status line. Returns its fields, and the program's messages."""
    status, first, fields, content, errors = run(**request)
    expect("exit status", status, exit_status)
    expect("status line", (first, content if first != "Status: " + line else b""), ("Status: " + line, b""))
    expect("fields", sorted(set(fields) - {"Allow"}), ["Content-Length", "Content-Type"])
    if request.get("method") == "HEAD":
        expect("body", content, b"")
    else:
        expect("Content-Length", int(fields["Content-Length"]), len(content))
        if line != "200 OK":
            expect("members", list(json.loads(content)), ["error"])
            expect("Content-Type", fields["Content-Type"], JSON)
    if pattern not in content:
        raise AssertionError(f"expected {pattern!r} in {content!r}")
    return fields, errors


def row(line, pattern=b"", **request):
    respond(line, pattern, **request)


def answers(wanted=answer, **request):
    status, first, fields, content, _ = run(**request)
    expect("exit status", status, 0)
    expect("status line", first, "Status: 200 OK")
    expect("Content-Type", fields["Content-Type"], JSON)
    expect("answer", content, wanted)


def allows(path, method, methods):
    expect("Allow", respond("405 Method Not Allowed", PATH_INFO=path, method=method, body=b"")[0].get("Allow"), methods)


check("CGI: a missing PATH_INFO means /mutate", lambda: answers(PATH_INFO=None))
check("CGI: an empty PATH_INFO means /mutate", lambda: answers(PATH_INFO=""))
check("CGI: PATH_INFO /mutate", lambda: answers(PATH_INFO="/mutate"))
check("CGI: a review of 1 MB", lambda: answers(large_answer, body=large_review))
check("CGI: a missing CONTENT_TYPE means JSON", lambda: answers(CONTENT_TYPE=None))
check("CGI: an empty CONTENT_TYPE means JSON", lambda: answers(CONTENT_TYPE=""))
check("CGI: input after CONTENT_LENGTH bytes is not read",
      lambda: answers(body=review + b"garbage", length=str(len(review))))
check("CGI: CONTENT_LENGTH with leading zeros", lambda: answers(length="000" + str(len(review))))

for arguments in [["--config", "/etc/passwd"], ["--help"], ["-x"], ["--version"], ["--mirror", "a"],
                  ["--max-bytes", "1"], ["--http"], ["/etc/passwd"], ["a", "b", "c"], ["--", "-"]]:
    check(f"CGI: the arguments {' '.join(arguments)} are ignored", lambda: answers(arguments=arguments))
# A client's field `Proxy-Url` arrives as HTTP_PROXY_URL. It must not set anything.
check("CGI: a client's fields configure nothing",
      lambda: answers(HTTP_PISW_CONFIG="/etc/passwd", HTTP_REGISTRY_URL="evil.example", HTTP_LOGLEVEL="DEBUG"))

for path in ["/healthz", "/readyz", "/livez"]:
    check(f"CGI: GET {path}", lambda: row("200 OK", b"ok\n", method="GET", PATH_INFO=path, body=b"", length=""))
    check(f"CGI: HEAD {path}", lambda: row("200 OK", method="HEAD", PATH_INFO=path, body=b"", length=ABSENT))

BAD = "400 Bad Request"
LARGE = "413 Content Too Large"
UNSUPPORTED = "415 Unsupported Media Type"
for line, name, pattern, request in [
    (BAD, "bad JSON", b"body:2:3: ", {"body": b"{\n  x}"}),
    (BAD, "an empty body", b"body:1:1: ", {"body": b""}),
    (BAD, "CONTENT_LENGTH x", b"CONTENT_LENGTH", {"length": "x"}),
    (BAD, "CONTENT_LENGTH -1", b"CONTENT_LENGTH", {"length": "-1"}),
    (BAD, "CONTENT_LENGTH +5", b"CONTENT_LENGTH", {"length": "+5"}),
    (BAD, "CONTENT_LENGTH ' 5'", b"CONTENT_LENGTH", {"length": " 5"}),
    (BAD, "a body shorter than CONTENT_LENGTH", b"shorter", {"length": str(len(review) + 1), "ends": True}),
    (BAD, "no REQUEST_METHOD", b"REQUEST_METHOD", {"method": None}),
    ("411 Length Required", "no CONTENT_LENGTH", b"CONTENT_LENGTH", {"length": ABSENT}),
    ("411 Length Required", "an empty CONTENT_LENGTH", b"CONTENT_LENGTH", {"length": ""}),
    (LARGE, "20 MB, read to their end", b"8388608", {"body": b" " * 20_000_000}),
    (LARGE, "CONTENT_LENGTH over the limit, and no body", b"8388608", {"length": "8388609", "ends": True}),
    (LARGE, "CONTENT_LENGTH past 64 bits", b"8388608", {"length": "9" * 40, "ends": True}),
    (UNSUPPORTED, "text/plain", b"Content-Type", {"CONTENT_TYPE": "text/plain"}),
    (UNSUPPORTED, "a form", b"Content-Type", {"CONTENT_TYPE": "application/x-www-form-urlencoded"}),
    (UNSUPPORTED, "gzip", b"Content-Encoding", {"HTTP_CONTENT_ENCODING": "gzip"}),
    ("404 Not Found", "another path", b"/mutate", {"PATH_INFO": "/other"}),
    ("404 Not Found", "/mutate/", b"/mutate", {"PATH_INFO": "/mutate/"}),
    ("404 Not Found", "HEAD of another path", b"", {"PATH_INFO": "/other", "method": "HEAD", "body": b""}),
]:
    check(f"CGI: {line[:3]} {name}", lambda: row(line, pattern, **request))
for path, method, methods in [("/mutate", "GET", "POST"), ("/mutate", "HEAD", "POST"), ("/mutate", "post", "POST"),
                              ("/healthz", "POST", "GET, HEAD"), ("/livez", "DELETE", "GET, HEAD")]:
    check(f"CGI: 405 {method} {path} allows {methods}", lambda: allows(path, method, methods))


def odd_pod():
    status, first, _, content, errors = run(body=odd_review)
    expect("status", (status, first), (0, "Status: 200 OK"))
    response = json.loads(content)["response"]
    expect("allowed", (response["allowed"], "patch" in response), (True, False))
    if not response["warnings"] or b"left alone" not in errors:
        raise AssertionError((response, errors))


def configuration_error(**variables):
    errors = respond("500 Internal Server Error", exit_status=78, **variables)[1]
    if not errors.startswith(b"pisw-mutate: "):
        raise AssertionError(errors)


def explains():
    _, errors = respond("200 OK", LOGLEVEL="DEBUG")
    if b"containers[0]" not in errors:
        raise AssertionError(errors)


def output_fails():
    with open("/dev/full", "wb") as full:
        process = subprocess.run([program], input=review, stdout=full, stderr=subprocess.PIPE, timeout=8,
                                 env=os.environ | {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "POST",
                                                   "CONTENT_LENGTH": str(len(review))})
    expect("exit status", process.returncode, 71)


check("CGI: an odd pod is allowed with a warning", odd_pod)
check("CGI: LOGLEVEL=DEBUG explains on standard error", explains)
check("CGI: a configuration file that does not exist: 500, exit status 78",
      lambda: configuration_error(PISW_CONFIG="/nowhere"))
check("CGI: no configuration: 500, exit status 78", lambda: configuration_error(PISW_CONFIG=""))
check("CGI: HEAD with a wrong configuration: 500, exit status 78",
      lambda: configuration_error(PISW_CONFIG="/nowhere", method="HEAD", PATH_INFO="/healthz", body=b""))
check("CGI: standard output to /dev/full: exit status 71", output_fails)

finish()
