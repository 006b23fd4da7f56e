# TLS with real clients: which are served, which are refused with which alert, and what the server never offers.

import json
import socket
import ssl
import subprocess

from harness.checks import PATIENCE, check, expect, finish
from harness.processes import run
from common import PiswServe, answers, post, tls_context, work

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
servers = {kind: PiswServe(certificate=kind) for kind in ("ec", "rsa")}
ec = servers["ec"]

# testssl.sh runs in the background, because it mostly waits, for 15 seconds.
scan = subprocess.Popen(
    ["testssl", "--quiet", "--color", "0", "--warnings", "off", "-p", "-U", "--ip", "127.0.0.1", "--jsonfile",
     f"{work}/testssl.json", f"localhost:{servers['rsa'].port}"],
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# curl and openssl trust only the root CA, so the server must send the chain.
def curl(server, version, name, *options):
    result = run("curl", "-s", "--cacert", work / "root.pem", f"--tlsv1.{version}", "--tls-max", f"1.{version}",
                 *options, "-H", "Content-Type: application/json", "--data-binary", f"@{work}/reviews/{name}.json",
                 f"https://localhost:{server.port}/mutate?timeout=5s")
    expect("curl's exit status", result.returncode, 0)
    expect("answer", result.stdout, answers[name])


for kind, server in servers.items():
    for version in (2, 3):
        check(f"curl, TLS 1.{version}, {kind} key", lambda: curl(server, version, "job-pod"))
check("curl is served under a Service's name, as the API server calls it", lambda: curl(
    ec, 3, "1MB", "--connect-to", f"localhost:{ec.port}:127.0.0.1:{ec.port}", "--resolve",
    f"pisw.kube-system.svc:{ec.port}:127.0.0.1"))


def s_client(server, *options, feed=b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"):
    result = run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername", "localhost", "-CAfile",
                 work / "root.pem", "-verify_return_error", "-ign_eof", *options, input=feed)
    return result.returncode, (result.stdout + result.stderr).decode(errors="replace")


def includes(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError(f"no {part!r} in {text[:3000]}")


def negotiates(server, version, cipher, *options):
    status, text = s_client(server, f"-tls1_{version}", *options)
    expect("exit status", status, 0)
    includes(text, f"Cipher is {cipher}", "Verify return code: 0 (ok)", "Compression: NONE", "HTTP/1.1 200 OK")


# The server's choice among the client's ciphers, although the client prefers another one.
for kind, server in servers.items():
    name = {"ec": "ECDSA", "rsa": "RSA"}[kind]
    check(f"openssl, TLS 1.3, {kind} key: AES-128-GCM, whatever the client prefers", lambda: negotiates(
        server, 3, "TLS_AES_128_GCM_SHA256", "-ciphersuites",
        "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"))
    for cipher in (f"ECDHE-{name}-AES128-GCM-SHA256", f"ECDHE-{name}-AES256-GCM-SHA384",
                   f"ECDHE-{name}-CHACHA20-POLY1305"):
        check(f"openssl, TLS 1.2, {kind} key: {cipher}",
              lambda: negotiates(server, 2, cipher, "-cipher", f"ECDHE-{name}-AES128-SHA:{cipher}"))


# Refused handshakes, with the alert that gives the reason.
def refused(alert, *options, server=ec):
    status, text = s_client(server, *options)
    expect("exit status", status, 1)
    includes(text, f"SSL alert number {alert}\n")


for alert, name, options in [
    (70, "TLS 1.0", ["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"]),
    (70, "TLS 1.1", ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]),
    (40, "CBC suites", ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384"]),
    (40, "old CBC suites", ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"]),
    (40, "key exchange by RSA", ["-tls1_2", "-cipher", "kRSA"]),
    (40, "finite-field Diffie-Hellman", ["-tls1_2", "-cipher", "kDHE"]),
    (120, "ALPN with h2 only", ["-alpn", "h2"]),
    (120, "ALPN with h2 only, TLS 1.2", ["-alpn", "h2", "-tls1_2"]),
    (120, "ALPN with http/1.0 only", ["-alpn", "http/1.0"]),
]:
    check(f"refused: {name}", lambda: refused(alert, *options))
for name, options in [("CBC suites", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384"]),
                      ("key exchange by RSA", ["-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-GCM-SHA384"])]:
    check(f"refused: {name}, with an RSA key", lambda: refused(40, *options, server=servers["rsa"]))


def chooses(offered, chosen):
    with ec.connect(alpn=offered) as client:
        expect("protocol", client.tls.selected_alpn_protocol(), chosen)
        client.review()


check("ALPN with h2 and http/1.1: http/1.1", lambda: chooses(("h2", "http/1.1"), "http/1.1"))
check("ALPN with http/1.1: http/1.1", lambda: chooses(("http/1.1",), "http/1.1"))
check("a client without ALPN is served", lambda: chooses((), None))


def plain_http():
    result = run("curl", "-s", "-i", f"http://127.0.0.1:{ec.port}/healthz")
    expect("answer", result.stdout.replace(b"\r\n", b"\n"),
           b"HTTP/1.1 400 Bad Request\nContent-Type: application/json\nContent-Length: 48\nConnection: close\n\n"
           b'{"error":"HTTP without TLS; expected https://"}\n')


def plain_post():
    """A body that is still arriving does not reset the connection before the answer is read."""
    for _ in range(10):
        result = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Expect:", "--data-binary",
                     f"@{work}/reviews/1MB.json", f"http://127.0.0.1:{ec.port}/mutate")
        expect("status", (result.returncode, result.stdout), (0, b"400"))


check("HTTP without TLS gets a 400 that says so", plain_http)
check("a POST of 1 MB without TLS gets the 400, too", plain_post)


def renegotiation():
    """On a line `R`, s_client renegotiates. The server answers with the alert no_renegotiation."""
    status, text = s_client(ec, "-tls1_2", "-no_ign_eof", feed=b"R\n")
    includes(text, "RENEGOTIATING", "no renegotiation")


def compression():
    """Sends a handwritten ClientHello that offers DEFLATE first, because OpenSSL cannot offer compression."""
    extensions = bytes.fromhex("000a000400020017" "000b00020100" "000d00080006040308040401")
    hello = (b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\xc0\x2b" + b"\x02\x01\x00"
             + len(extensions).to_bytes(2, "big") + extensions)
    hello = b"\x01" + len(hello).to_bytes(3, "big") + hello
    with socket.create_connection(("127.0.0.1", ec.port), timeout=PATIENCE) as plain:
        plain.sendall(b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello)
        data = b""
        while len(data) < 60:
            part = plain.recv(4096)
            if not part:
                raise AssertionError(f"closed after {data!r}")
            data += part
    expect("a ServerHello", (data[0], data[5]), (22, 2))
    session = data[43]
    expect("no session id, the cipher, no compression", (session, data[44:46], data[46]), (0, b"\xc0\x2b", 0))


def no_resumption(version):
    tls = tls_context(version=version)

    def session(previous=None):
        plain = socket.create_connection(("127.0.0.1", ec.port), timeout=PATIENCE)
        with tls.wrap_socket(plain, server_hostname="localhost", session=previous) as connection:
            connection.sendall(post())
            connection.recv(65536)
            expect("resumed", connection.session_reused, False)
            return connection.session

    first = session()
    if first:
        expect("a ticket, or a session id, to come back with",
               (first.has_ticket, first.id if version == TLS12 else b""), (False, b""))
    session(first)


check("renegotiation is refused", renegotiation)
check("compression is not used", compression)
check("TLS 1.2 sessions are not resumed", lambda: no_resumption(TLS12))
check("TLS 1.3 sessions are not resumed", lambda: no_resumption(TLS13))


# Client certificates.
guarded = PiswServe("--client-ca", work / "clients.pem")


def accepted(version):
    with guarded.connect(version=version, client="client") as client:
        client.review()


def demanded(version, client, *alerts):
    """The alert arrives, although with TLS 1.3 the client has sent its request by then."""
    for _ in range(10):
        try:
            with guarded.connect(version=version, client=client) as connection:
                connection.send(post())
                connection.response()
        except ssl.SSLError as error:
            if not any(alert in str(error) for alert in alerts):
                raise
        else:
            raise AssertionError("it was served")


def names_authorities():
    status, text = s_client(guarded, "-cert", work / "client.leaf.pem", "-key", work / "client.key")
    expect("exit status", status, 0)
    includes(text, "Acceptable client certificate CA names\nCN = the clients of the tests\n", "HTTP/1.1 200 OK")


for version, name in [(TLS12, "TLS 1.2"), (TLS13, "TLS 1.3")]:
    check(f"--client-ca, {name}: a client with a certificate of the CA is served", lambda: accepted(version))
    check(f"--client-ca, {name}: a client without a certificate is refused", lambda: demanded(
        version, None, "CERTIFICATE_REQUIRED" if version == TLS13 else "HANDSHAKE_FAILURE"))
    for client, what, alert in [("stranger", "a client with a certificate of another CA", "UNKNOWN_CA"),
                                ("servant", "a client with a server certificate", "UNSUPPORTED_CERTIFICATE"),
                                ("former", "a client with an expired certificate", "CERTIFICATE_EXPIRED")]:
        check(f"--client-ca, {name}: {what} is refused", lambda: demanded(version, client, alert))
check("--client-ca: the handshake names the accepted CAs", names_authorities)
check("without --client-ca the server requests no certificate",
      lambda: includes(s_client(ec)[1], "No client certificate CA names sent", "HTTP/1.1 200 OK"))


def handshake_in_pieces():
    """The handshake arrives byte by byte, and the request is one record whose bytes are single packets."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = tls_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", ec.port), timeout=PATIENCE) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def step(call, *arguments):
            while True:
                try:
                    result = call(*arguments)
                except ssl.SSLWantReadError:
                    result = None
                for byte in outgoing.read():
                    plain.send(bytes([byte]))
                if result is not None:
                    return result
                data = plain.recv(65536)
                if not data:
                    raise AssertionError("closed")
                incoming.write(data)

        step(lambda: tls.do_handshake() or True)
        step(tls.write, post())
        data = b""
        while not data.endswith(answers["job-pod"]):
            data += step(tls.read, 65536)


def clean_end():
    """After a response with Connection: close, the server sends close_notify, and no reset."""
    for _ in range(20):
        with ec.connect() as client:
            client.review("job-pod", "Connection: close")
            client.expect_closed()


check("a handshake that arrives byte by byte succeeds", handshake_in_pieces)
check("the server ends a connection with close_notify", clean_end)


def scanned():
    expect("exit status is told", scan.wait(timeout=180) < 245, True)
    findings = {finding["id"]: finding for finding in json.loads((work / "testssl.json").read_text())}
    for protocol in ("SSLv2", "SSLv3", "TLS1", "TLS1_1"):
        expect(protocol, findings[protocol]["finding"].removesuffix(" (OK)"), "not offered")
    expect("TLS 1.2", findings["TLS1_2"]["finding"], "offered")
    expect("TLS 1.3", findings["TLS1_3"]["finding"], "offered with final")
    for id in ("heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_renego", "secure_client_renego", "CRIME_TLS",
               "BREACH", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4"):
        expect(id, findings[id]["severity"], "OK")
    expect("faults", [f for f in findings.values() if f["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")], [])


check("testssl.sh finds no weakness", scanned)
for server in [*servers.values(), guarded]:
    check("the exit status is 0", server.stop)
finish()
