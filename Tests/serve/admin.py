# The admin port: probes, and metrics that a real Prometheus reads and that count exactly what was sent.

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

from harness.checks import PATIENCE, check, eventually, expect, finish
from harness.processes import run
from common import PiswServe, pod, post, reviews, work

MIRRORS = ["--mirror", "quay.io=harbor.example.com/quay", "--mirror", "*=proxy.example.com/{registry}"]


def exposition(server):
    status, fields, body = server.get("/metrics")
    expect("answer", (status, fields["Content-Type"], fields["Connection"], fields["Content-Length"]),
           (200, "text/plain; version=0.0.4; charset=utf-8", "close", str(len(body))))
    return body


def promtool(server):
    result = run("promtool", "check", "metrics", input=exposition(server))
    expect("promtool", (result.returncode, result.stdout + result.stderr), (0, b""))


def well_formed(server):
    """Checks what promtool does not: each sample occurs once, families are contiguous, histograms add up."""
    lines = exposition(server).decode().splitlines()
    names = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    expect("duplicate samples", [name for name in set(names) if names.count(name) > 1], [])
    families, current = [], None
    for line in lines:
        if line.startswith("# HELP "):
            current = line.split(" ")[2]
            families.append(current)
        elif line.startswith("# TYPE "):
            expect("TYPE follows its HELP", line.split(" ")[2], current)
        else:
            name = re.match(r"\w+", line)[0]
            expect("the sample's family", name in (current, *[f"{current}_{s}" for s in ("bucket", "sum", "count")]),
                   True)
    expect("duplicate families", [f for f in set(families) if families.count(f) > 1], [])
    for name in families:
        expect(f"prefix of {name}", name.startswith("pisw_"), True)
    samples = server.metrics()
    buckets = [(float(re.search('le="(.*)"', name)[1]), value) for name, value in samples.items()
               if name.startswith("pisw_review_duration_seconds_bucket")]
    expect("bounds ascend", [bound for bound, _ in buckets], sorted(bound for bound, _ in buckets))
    expect("buckets are cumulative", [count for _, count in buckets], sorted(count for _, count in buckets))
    expect("the last bound", buckets[-1][0], float("inf"))
    count, total = samples["pisw_review_duration_seconds_count"], samples["pisw_review_duration_seconds_sum"]
    expect("+Inf is the count", buckets[-1][1], count)
    expect("the count is that of the reviews", count, sum(
        value for name, value in samples.items() if name.startswith("pisw_reviews_total")))
    # Each review took more than the bound of the bucket below, and at most the bound of its own.
    low = high = below = 0
    bound_below = 0.0
    for bound, cumulative in buckets:
        low += (cumulative - below) * bound_below
        high += (cumulative - below) * (bound if bound < float("inf") else 86400)
        below, bound_below = cumulative, bound
    expect("the sum lies between its bounds", low <= total <= high, True)


def starts_at_zero():
    with PiswServe(*MIRRORS) as fresh:
        samples = fresh.metrics()
        for name in ("patched", "unchanged", "invalid", "failed"):
            expect(name, samples[f'pisw_reviews_total{{result="{name}"}}'], 0)
        for upstream in ("docker.io", "quay.io", "*"):
            expect(upstream, samples[f'pisw_images_total{{decision="redirected",upstream="{upstream}"}}'], 0)
        for reason in ("closed", "timeout", "plain_http", "version", "cipher", "application_protocol",
                       "client_certificate", "rejected", "other"):
            expect(reason, samples[f'pisw_tls_handshake_failures_total{{reason="{reason}"}}'], 0)
        for file in ("certificate", "configuration"):
            for result in ("success", "failure"):
                expect(file, samples[f'pisw_reloads_total{{file="{file}",result="{result}"}}'], 0)
        promtool(fresh)
        well_formed(fresh)


check("every counter exists from the start, with the value 0", starts_at_zero)

server = PiswServe("--handshake-timeout", 2, "--header-timeout", 1, "--client-ca", work / "clients.pem", *MIRRORS)
started = time.time()
HELD = {"client": "client"}
server.post(**HELD)


def gauges():
    samples = server.metrics()
    expect("build", samples['pisw_build_info{version="0.1.0"}'], 1)
    expect("start time", abs(samples["pisw_start_time_seconds"] - started) < 30, True)
    end = run("openssl", "x509", "-in", work / "ec.leaf.pem", "-noout", "-enddate").stdout.decode()
    expect("certificate expiry", samples["pisw_certificate_expiry_timestamp_seconds"],
           ssl.cert_time_to_seconds(end.strip().removeprefix("notAfter=")))
    resident = int(re.search(r"VmRSS:\s+(\d+) kB", open(f"/proc/{server.pid}/status").read())[1]) << 10
    told = samples["pisw_listener_resident_memory_bytes"]
    expect("resident memory", abs(told - resident) < 1 << 20, True)


check("version, start time, certificate expiry and memory are right", gauges)


# What is sent, and which samples then grow by how much. No other sample may grow.
def sends(*bodies):
    def action():
        with server.connect(**HELD) as client:
            for body in bodies:
                client.post(body)
    return action


def images(*names, **request):
    containers = [{"name": f"c{i}", "image": name} for i, name in enumerate(names)]
    return json.dumps(pod(spec={"containers": containers}, **request)).encode()


def refuses(*requests):
    def action():
        for request in requests:
            with server.connect(**HELD) as client:
                client.send(request)
                client.response()
    return action


def handshake(*options):
    def action():
        run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", *options, input=b"")
    return action


def silent(data):
    """A client that begins a handshake, and then is silent."""
    def action():
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain:
            plain.sendall(data)
            while plain.recv(4096):
                pass
    return action


def goes_away():
    """A client that begins a handshake, and closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain:
        plain.sendall(b"\x16\x03\x01\x02\x00\x01")


def without_certificate():
    try:
        with server.connect() as client:
            client.get("/healthz")
    except (ssl.SSLError, OSError):
        return
    raise AssertionError("it was served")


def distrusts():
    """A client that does not trust the root CA sends an alert."""
    run("curl", "-s", "--cacert", work / "others.pem", f"https://localhost:{server.port}/healthz")


def reviews_by(result, count=1):
    return {f'pisw_reviews_total{{result="{result}"}}': count, "pisw_review_duration_seconds_count": count,
            'pisw_review_duration_seconds_bucket{le="+Inf"}': count}


def image(decision, upstream="other", count=1):
    return {f'pisw_images_total{{decision="{decision}",upstream="{upstream}"}}': count}


def refused(code, count=1):
    return {f'pisw_requests_refused_total{{code="{code}"}}': count}


def failed(reason):
    return {f'pisw_tls_handshake_failures_total{{reason="{reason}"}}': 1}


one = {"pisw_connections_total": 1}
exact = {"pisw_reviews_total", "pisw_images_total", "pisw_requests_refused_total", "pisw_tls_handshake_failures_total",
         "pisw_connections_total", "pisw_review_duration_seconds_count", "pisw_processes_ended_total",
         "pisw_malformed_reports_total", "pisw_accept_pauses_total"}
secret = "registry.hunter2.example.com/hunter2/image:hunter2"

for name, action, more in [
    ("a patched review", sends(reviews["job-pod"]),
     one | reviews_by("patched") | image("redirected", "docker.io")),
    ("three reviews over one connection", sends(*[reviews["job-pod"]] * 3),
     one | reviews_by("patched", 3) | image("redirected", "docker.io", 3)),
    ("the deletion of a pod", sends(reviews["delete"]), one | reviews_by("unchanged")),
    ("a mirror pod", sends(reviews["mirror-pod"]), one | reviews_by("unchanged") | image("out_of_scope")),
    ("each image, by decision and mirror",
     sends(images("nginx", "quay.io/a/b", "quay.io/c/d", "ghcr.io/e/f", "localhost:5000/g", "auto", "Not Valid!", "",
                  "sha256:" + "a" * 64, "proxy.example.com/library/nginx")),
     one | reviews_by("patched") | image("redirected", "docker.io") | image("redirected", "quay.io", 2)
     | image("redirected", "*") | image("no_mirror") | image("placeholder") | image("invalid") | image("missing")
     | image("image_id")
     | image("already_redirected", "docker.io")),
    ("images that are never pulled",
     sends(json.dumps(pod(spec={"containers": [{"image": "nginx", "imagePullPolicy": "Never"}, {"image": "nginx"}],
                                "volumes": [{"image": {"reference": "nginx", "pullPolicy": "Never"}}]})).encode()),
     one | reviews_by("patched") | image("never_pulled", count=2) | image("redirected", "docker.io")),
    ("a hundred images", sends(images(*["nginx"] * 100)),
     one | reviews_by("patched") | image("redirected", "docker.io", 100)),
    ("an image of an unknown registry, without its name", sends(images(secret)),
     one | reviews_by("patched") | image("redirected", "*")),
    ("bodies that are not reviews", sends(b"{}", b"hello", images("nginx")),
     one | reviews_by("invalid", 2) | reviews_by("patched") | {
         "pisw_review_duration_seconds_count": 3, 'pisw_review_duration_seconds_bucket{le="+Inf"}': 3}
     | refused(400, 2) | image("redirected", "docker.io")),
    ("a pod that cannot be read", sends(json.dumps(pod(spec={"containers": {}})).encode()),
     one | reviews_by("unchanged")),
    ("refused requests", refuses(b"GET /hunter2 HTTP/1.1\r\nHost: a\r\n\r\n",
                                          b"GET /mutate HTTP/1.1\r\nHost: a\r\n\r\n", b"no HTTP\r\n\r\n",
                                          b"POST /mutate HTTP/1.1\r\nHost: a\r\n\r\n", post()[:20]),
     {"pisw_connections_total": 5} | refused(404) | refused(405) | refused(400) | refused(411) | refused(408)),
    ("a client with TLS 1.1", handshake("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), one | failed("version")),
    ("a client with CBC only", handshake("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"), one | failed("cipher")),
    ("a client with h2 only", handshake("-alpn", "h2"), one | failed("application_protocol")),
    ("a client without a certificate", without_certificate, one | failed("client_certificate")),
    ("a client that does not trust the certificate", distrusts, one | failed("rejected")),
    ("a client without TLS", silent(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), one | failed("plain_http")),
    ("a client that begins a handshake and is silent", silent(b"\x16\x03\x01"), one | failed("timeout")),
    ("a client that begins a handshake and leaves", goes_away, one | failed("closed")),
    ("a client that sends nonsense", silent(b"\x16\x03\x01\x00\x05hello"), one | failed("other")),
]:
    def counted():
        before = server.metrics()
        action()
        changed = {}

        def counts():
            after = server.metrics()
            changed.clear()
            changed.update({sample: value - before.get(sample, 0) for sample, value in after.items()
                            if value != before.get(sample, 0)
                            and (re.match(r"\w+", sample)[0] in exact or "+Inf" in sample)})
            return changed == more

        try:
            eventually(name, counts, 5)
        except AssertionError:
            raise AssertionError(f"{changed}, expected {more}") from None
    check(f"counted: {name}", counted)


def not_named():
    if b"hunter2" in exposition(server):
        raise AssertionError(exposition(server))


def active():
    clients = [server.connect(**HELD) for _ in range(5)]
    expect("active", server.metrics()["pisw_connections_active"], 5)
    for client in clients:
        client.close()
    server.counted("pisw_connections_active", 0)


def killed():
    with server.connect(**HELD) as client:
        process = client.process(server)
        client.review()
        os.kill(process, signal.SIGKILL)
        server.counted('pisw_processes_ended_total{process="connection",reason="SIGKILL"}', 1)


check("the metrics contain no name that a client sent", not_named)
check("open connections are counted", active)
check("a killed process is counted", killed)
check("promtool check metrics finds nothing", lambda: promtool(server))
check("each sample occurs once, and histograms add up", lambda: well_formed(server))


# Prometheus.
def prometheus():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (work / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: pisw\n  static_configs:\n"
        f"  - targets: ['127.0.0.1:{server.admin}']\n")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={work}/prometheus",
         f"--web.listen-address=127.0.0.1:{port}"], stderr=open(work / "prometheus.log", "w"))

    def query(expression):
        try:
            url = f"http://127.0.0.1:{port}/api/v1/query?query={expression}"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]["result"]
        except OSError:
            return []

    try:
        eventually("up", lambda: [r["value"][1] for r in query("up")] == ["1"], 60)
        expect("reviews", [(r["metric"]["result"], float(r["value"][1]) > 0) for r in query(
            "pisw_reviews_total%7Bresult=%22patched%22%7D")], [("patched", True)])
        expect("a quantile", [r["value"][1] != "NaN" for r in query(
            "histogram_quantile(0.99,pisw_review_duration_seconds_bucket)")], [True])
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


check("a real Prometheus scrapes it", prometheus)

# Requests.
for method, path, status, body in [
    ("GET", "/healthz", 200, b"ok\n"),
    ("GET", "/livez", 200, b"ok\n"),
    ("GET", "/readyz", 200, b"ok\n"),
    ("GET", "/readyz?verbose=1", 200, b"ok\n"),
    ("HEAD", "/healthz", 200, b""),
    ("HEAD", "/metrics", 200, b""),
    ("POST", "/metrics", 411, None),
    ("DELETE", "/healthz", 405, None),
    ("GET", "/mutate", 404, None),
    ("GET", "/", 404, None),
]:
    def answered():
        got, fields, data = server.get(path, method=method)
        expect("answer", (got, fields["Connection"], data if body is not None else body), (status, "close", body))
    check(f"{status}: {method} {path}", answered)


def no_body():
    """The admin port refuses a body by its announced size."""
    with socket.create_connection(("127.0.0.1", server.admin), timeout=PATIENCE) as plain:
        plain.sendall(b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        expect("status", plain.recv(65536).split(b" ")[1], b"413")


def admin_deadline():
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.admin), timeout=PATIENCE) as plain:
        plain.sendall(b"GET /metrics HTTP/1.1\r\n")
        expect("status", plain.recv(65536).split(b" ")[1], b"408")
    if not 0.9 < time.monotonic() - start < 5:
        raise AssertionError(f"after {time.monotonic() - start} s")


def slow_clients():
    """64 clients send single bytes with pauses, and reconnect when they are cut off. By default, a kubelet's probe
    waits for one second. The webhook's port is not affected."""
    with PiswServe() as other:
        stop = threading.Event()

        def drip():
            while not stop.is_set():
                try:
                    with socket.create_connection(("127.0.0.1", other.admin), timeout=0.3) as plain:
                        while not stop.is_set():
                            plain.sendall(b"G")
                            try:
                                if not plain.recv(4096):
                                    break
                            except TimeoutError:
                                pass
                except OSError:
                    pass

        clients = [threading.Thread(target=drip) for _ in range(64)]
        for client in clients:
            client.start()
        try:
            eventually("processes", lambda: len(other.connections()) >= 16)
            for _ in range(10):
                start = time.monotonic()
                expect("a probe", other.get("/livez")[0], 200)
                expect("the probe's answer came within a second", time.monotonic() - start < 1, True)
                expect("processes: 16, and those that were told to end", len(other.connections()) <= 48, True)
                time.sleep(0.1)
            with other.connect() as client:
                for _ in range(20):
                    client.review()
        finally:
            stop.set()
            for client in clients:
                client.join()
        evicted = other.metrics()['pisw_processes_ended_total{process="admin",reason="evicted"}']
        expect("who gave way is counted", evicted > 0, True)
        expect("and not told in the log", other.records("process ended by a signal"), [])


check("the admin port answers a body with 413", no_body)
check("the admin port answers half a request with 408 after a second", admin_deadline)
check("the admin port answers probes within a second despite 64 slow clients", slow_clients)
check("the exit status is 0", server.stop)
finish()
