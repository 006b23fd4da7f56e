# The log: each line is a JSON object, has what an operator needs of a review, and no secret of a pod. Also text for
# people, odd names, and readers that do not read.

import datetime
import json
import os
import re
import select
import subprocess
import time

from harness.checks import check, eventually, expect, finish
from common import PiswServe, ReviewClient, captured, pod, post, program, reviews, work

SECRET = "hunter2"
DEBUG = {"LOGLEVEL": "DEBUG"}


def send(server, *bodies):
    with server.connect() as client:
        for body in bodies:
            client.send(post(body if isinstance(body, bytes) else json.dumps(body).encode()))
            client.response()


def members(record):
    """Checks the members that every line has."""
    expect("first members", list(record)[:3], ["time", "level", "message"])
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["time"]):
        raise AssertionError(record)
    moment = datetime.datetime.fromisoformat(record["time"])
    age = (datetime.datetime.now(datetime.timezone.utc) - moment).total_seconds()
    expect("the time is now", -5 < age < 300, True)
    expect("level", record["level"] in ("debug", "info", "warning", "error"), True)
    for name, value in record.items():
        expect(f"{name} is a plain value", isinstance(value, (str, int, float, bool)), True)


server = PiswServe(environment=DEBUG)


def every_line():
    send(server, *[reviews[name] for name in captured], b"{}", b"\xff", pod(spec={"containers": 1}))
    with server.connect() as client:
        client.get("/other")
    server.logged("request refused")
    lines = [line for line in server.log.data.split(b"\n") if line]
    expect("number of lines", len(lines) >= len(captured) + 6, True)
    for line in lines:
        record = json.loads(line, object_pairs_hook=lambda pairs: pairs)
        expect("a member that is there twice", len(dict(record)), len(record))
        members(dict(record))


check("every line is one JSON object with time, level and message", every_line)


# The line of a review.
def line(body, **wanted):
    with PiswServe() as own:
        send(own, body)
        record = own.logged("review")
        for name in ("time", "level", "message"):
            del record[name]
        duration = record.pop("duration")
        expect("duration, in seconds", isinstance(duration, float) and 0 < duration < 5, True)
        expect("members", record, wanted)


def request(name):
    return json.loads(reviews[name])["request"]


job = request("job-pod")
for name, body, wanted in [
    ("a pod with a name", pod(), {"uid": "u-1", "namespace": "shop", "name": "web", "operation": "CREATE",
                                  "dryRun": False, "images": 1, "swapped": 1, "result": "patched"}),
    ("a pod with a generateName", reviews["job-pod"],
     {"uid": job["uid"], "namespace": job["namespace"], "name": job["object"]["metadata"]["generateName"],
      "operation": "CREATE", "dryRun": False, "images": 1, "swapped": 1, "result": "patched"}),
    ("a dry run", reviews["dry-run"],
     {"uid": request("dry-run")["uid"], "namespace": request("dry-run")["namespace"],
      "name": request("dry-run")["name"], "operation": "CREATE", "dryRun": True, "images": 1, "swapped": 1,
      "result": "patched"}),
    ("no redirected image",
     pod(spec={"containers": [{"name": "a", "image": "quay.io/x"}, {"name": "b", "image": "auto"}]}),
     {"uid": "u-1", "namespace": "shop", "name": "web", "operation": "CREATE", "dryRun": False, "images": 2,
      "swapped": 0, "result": "unchanged"}),
    ("two of three images redirected",
     pod(spec={"containers": [{"name": "a", "image": "quay.io/x"}, {"name": "b", "image": "nginx"}],
               "initContainers": [{"name": "c", "image": "busybox"}]}),
     {"uid": "u-1", "namespace": "shop", "name": "web", "operation": "CREATE", "dryRun": False, "images": 3,
      "swapped": 2, "result": "patched"}),
]:
    check(f"a review's line: {name}", lambda: line(body, **wanted))


def other_lines():
    with PiswServe() as own:
        send(own, b'{"kind": }', pod(spec={"containers": 1}))
        record = own.logged("not a review")
        expect("level", record["level"], "warning")
        if not record["reason"].startswith("body:1:10: "):
            raise AssertionError(record)
        record = own.logged("review")
        expect("level", (record["level"], record["result"], record["swapped"]), ("warning", "unchanged", 0))
        if "/request/object/spec/containers" not in record["fault"]:
            raise AssertionError(record)


check("a body that is not a review, and a pod that cannot be read, have lines of their own", other_lines)


# Secrets.
def secretive():
    """Yields pods, valid and not, with a secret in every place that is not a name."""
    container = {
        "name": "web", "image": "nginx", "command": ["sh", "-c", SECRET], "args": [f"--password={SECRET}"],
        "workingDir": f"/{SECRET}", "env": [{"name": "PASSWORD", "value": SECRET}, {"name": SECRET, "value": "x"}],
        "lifecycle": {"postStart": {"exec": {"command": [SECRET]}}},
        "volumeMounts": [{"name": "v", "mountPath": f"/{SECRET}"}]}
    metadata = {"name": "web", "annotations": {"a/password": SECRET, f"a/{SECRET}": "x"},
                "labels": {"password": SECRET, SECRET: "x"},
                "managedFields": [{"fieldsV1": {f"f:{SECRET}": {}}}]}
    sound = pod(metadata, {"containers": [container], "volumes": [{"name": "v", "configMap": {"name": SECRET}}],
                           "nodeName": SECRET, "serviceAccountName": SECRET, "hostname": SECRET})
    sound["request"]["userInfo"] = {"username": SECRET, "groups": [SECRET], "extra": {SECRET: [SECRET]}}
    sound["request"]["options"] = {"fieldManager": SECRET}
    yield sound
    # Values of wrong types, which messages mention.
    for place, value in [(("metadata", "labels"), SECRET), (("metadata", "annotations"), [SECRET]),
                         (("metadata", "labels", "k8s-proxy-image-swapper/skip"), SECRET),
                         (("metadata", "annotations", "k8s-proxy-image-swapper/skip"), SECRET),
                         (("metadata", "annotations", "k8s-proxy-image-swapper/original-images"), SECRET),
                         (("metadata", "deletionTimestamp"), {SECRET: 1}), (("spec", "containers"), SECRET),
                         (("spec", "containers"), [SECRET]), (("spec", "initContainers"), {SECRET: SECRET}),
                         (("spec",), SECRET), (("metadata",), [SECRET])]:
        odd = json.loads(json.dumps(sound))
        inner = odd["request"]["object"]
        for name in place[:-1]:
            inner = inner[name]
        inner[place[-1]] = value
        yield odd
    # JSON that breaks off or is invalid in the middle of a secret.
    text = json.dumps(sound)
    yield text[:text.index(SECRET) + 5].encode()
    yield text.replace(f'"{SECRET}"', f'"{SECRET}', 1).encode()
    yield text.replace(SECRET, f"{SECRET}\\q").encode()
    yield f'{{"kind": {SECRET}}}'.encode()
    yield SECRET.encode()


def no_secrets(*options):
    with PiswServe("--mirror", "quay.io=harbor.example.com", *options, environment=DEBUG) as own:
        bodies = list(secretive())
        send(own, *bodies)
        with own.connect() as client:
            for path in (f"/{SECRET}", f"/mutate?password={SECRET}"):
                client.get(path)
            client.send(post(b"{}", f"Authorization: {SECRET}", f"{SECRET}: x"))
            client.response()
            client.send(f"{SECRET} /{SECRET} HTTP/1.1\r\n{SECRET} : {SECRET}\r\n\r\n".encode())
            client.response()
        eventually("all lines", lambda: len(own.log.lines) >= len(bodies) + 4)
        for text in own.log.lines:
            if SECRET[:5].encode() in text:
                raise AssertionError(text)
        expect("names of the pod are logged", re.search(rb'name"?[:=]"web"', own.log.data) is not None, True)


check("no secret of a pod or a request is logged with LOGLEVEL=DEBUG", no_secrets)
check("no secret is logged as text", lambda: no_secrets("--log-format", "text", "--isolation", "request"))


# Decisions.
def decisions():
    with PiswServe(environment=DEBUG) as own:
        send(own, pod(spec={"containers": [{"name": f"c{i}", "image": "nginx"} for i in range(100)]}))
        record = own.logged("review")
        expect("images", (record["images"], record["swapped"]), (100, 100))
        if "containers[0] (c0)" not in record["decision0"] or "redirected" not in record["decision0"]:
            raise AssertionError(record)
        expect("a line that a pipe writes atomically", len(own.log.lines[-1]) < 4096, True)


def no_decisions():
    with PiswServe() as own:
        send(own, pod())
        expect("decisions", [name for name in own.logged("review") if "decision" in name], [])


check("LOGLEVEL=DEBUG logs decisions, in a line that a pipe writes atomically", decisions)
check("otherwise decisions are not logged", no_decisions)

# Odd names. Kubernetes refuses them, but another client may send them.
ODD = ['a"b', "a\\b", "a\nb", "a\r\n{}\n", "\t\b\f\x00\x01\x1f\x7f", "é", "\u2028\u2029", "\U0001F600", "</script>",
       "\x1b[31mred", "\u202eabc", "x" * 1000, "é" * 500, "\U0001F600" * 100, '","level":"error', "=a b=c"]


def odd_names(name):
    """The record is one line, and has the name or its beginning."""
    with server.connect() as client:
        before = len(server.records("review"))
        client.post(json.dumps(pod(uid="u", name=name, namespace=name, operation="CREATE")).encode())
        record = server.logged("review", before + 1)
        for member in ("name", "namespace"):
            value = record[member]
            if len(name.encode()) <= 253:
                expect(member, value, name)
            else:
                expect(member, (len(value.encode()) <= 256, value[:50], value[-3:]), (True, name[:50], "..."))
        expect("level", record["level"], "info")
        expect("control bytes", [byte for byte in server.log.lines[-1] if byte < 0x20], [])


for name in ODD:
    check(f"an odd name: {name[:30]!a}", lambda: odd_names(name))


def odd_text():
    """In text, too, a record is one line without control bytes."""
    with PiswServe("--log-format", "text") as own:
        for name in ODD:
            send(own, pod(name=name, namespace=name))
        eventually("all lines", lambda: own.log.data.count(b" info: review ") == len(ODD))
        for text in own.log.lines:
            if not re.fullmatch(rb"\d{4}-\d\d-\d\dT[\d:.]+Z (info|warning): [\x20-\x7e]*", text):
                raise AssertionError(text)


def text_line():
    with PiswServe("--log-format", "text") as own:
        send(own, pod())
        eventually("a line", lambda: b"review" in own.log.data)
        if not re.fullmatch(r'\S+Z info: review uid="u-1" namespace="shop" name="web" operation="CREATE" dryRun=false '
                            r'images=1 swapped=1 result="patched" duration=0\.\d{6}', own.log.lines[-1].decode()):
            raise AssertionError(own.log.lines[-1])


check("odd names in text are one line without control bytes", odd_text)
check("a review's line in text has the same members", text_line)


# Readers that do not read.
def full_pipe(*options):
    """Standard error is a full pipe: reviews and everything else go on."""
    with PiswServe(*options, environment=DEBUG, reads_log=False) as own:
        reading = own.process.stderr.fileno()
        # Fills the pipe through the listener's own end.
        filler = os.open(f"/proc/{own.pid}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
        try:
            while True:
                os.write(filler, b"x" * 4095 + b"\n")
        except BlockingIOError:
            pass
        start = time.monotonic()
        with own.connect() as client:
            for _ in range(10):
                client.review()
        own.post("1MB")
        if time.monotonic() - start > 15:
            raise AssertionError(f"twelve reviews took {time.monotonic() - start} s")
        expect("counted", own.metrics()['pisw_reviews_total{result="patched"}'], 11)
        # When the pipe is read again, the server logs again.
        os.set_blocking(reading, False)
        while True:
            try:
                os.read(reading, 65536)
            except BlockingIOError:
                break
        os.close(filler)
        own.post()
        eventually("a line", lambda: b'"message":"review"' in (os.read(reading, 65536) if has_data(reading) else b""))


def has_data(descriptor):
    return bool(select.select([descriptor], [], [], 0)[0])


def no_reader():
    """The other end of standard error is closed: SIGPIPE ends no process."""
    own = PiswServe(reads_log=False)
    own.process.stderr.close()
    for _ in range(3):
        own.post()
    expect("still there", own.process.poll(), None)
    own.kill()


def log_file(*before):
    """A log file gets a line for every review, also for the last one of a connection, which writes it itself."""
    path = work / "server.log"
    with open(path, "wb") as log:
        process = subprocess.Popen(
            [*before, program, "--listen", "127.0.0.1:0", "--admin-listen", "off", "--tls-cert", work / "ec.pem",
             "--tls-key", work / "ec.key", "--mirror", "docker.io=proxy.example.com"],
            stderr=log, stdin=subprocess.DEVNULL)

    def records(message):
        lines = map(json.loads, path.read_bytes().split(b"\n")[:-1])
        return [record for record in lines if record["message"] == message]

    try:
        port = int(eventually("it listens", lambda: records("listening"))[0]["address"].rpartition(":")[2])
        for fields in ([], ["Connection: close"]):
            for _ in range(3):
                with ReviewClient(port) as client:
                    client.review("job-pod", *fields)
        eventually("six lines", lambda: len(records("review")) == 6, 10)
        expect("ends by a signal", records("process ended by a signal"), [])
    finally:
        process.kill()
        process.wait()


def closed_error():
    """If standard error is closed, no connection's socket becomes descriptor 2 and gets log lines."""
    with open(work / "sockets.out", "wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", 'exec "$0" "$@" 2>&-', program, "--listen", "127.0.0.1:0", "--admin-listen", "off",
             "--tls-cert", work / "ec.pem", "--tls-key", work / "ec.key", "--mirror", "docker.io=proxy.example.com"],
            stdout=output, stdin=subprocess.DEVNULL)
    try:
        def port():
            try:
                inodes = {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")}
            except FileNotFoundError:
                return None  # A descriptor was closed meanwhile.
            for row in open("/proc/net/tcp").read().splitlines()[1:]:
                fields = row.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                    return int(fields[1].partition(":")[2], 16)
            return None

        with ReviewClient(eventually("it listens", port)) as client:
            client.review()
            expect("a request that is refused, and logged", client.get("/other")[0], 404)
            client.review()
    finally:
        process.kill()
        process.wait()
    expect("standard output", (work / "sockets.out").read_bytes(), b"")


check("a full standard error does not hold up reviews", full_pipe)
check("a standard error without a reader does not hold up reviews", no_reader)
check("a log file has a line for every review", log_file)
for limit in ("fsize=1048576", "cpu=2"):
    check(f"a log file has a line for every review under a limit below a review's own, {limit}", lambda: log_file(
        "setpriv", "--bounding-set", "-sys_resource", "prlimit", f"--{limit}"))
check("if standard error is closed, nothing is logged into connections", closed_error)
finish()
