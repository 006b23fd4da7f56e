# Options, environment and configuration: why the server refuses to start, with which message and status, and the ways
# to configure a server that starts.

import json
import os
import socket
import stat
import subprocess

from harness.checks import check, expect, finish
from harness.processes import CONFINED, WITHOUT_FILTERS, run
from common import PiswServe, ReviewClient, leaf, program, work

MIRROR = ["--mirror", "docker.io=proxy.example.com"]
PORTS = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
TLS = ["--tls-cert", f"{work}/ec.pem", "--tls-key", f"{work}/ec.key"]


def write(name, text):
    (work / name).write_text(text)
    return str(work / name)


def refused(status, arguments, *messages, environment=None, before=()):
    """The server does not start, and logs exactly these messages."""
    result = run(*before, program, *arguments, env=os.environ | (environment or {}))
    lines = result.stderr.decode().splitlines()
    expect("exit status", (result.returncode, lines if result.returncode != status else []), (status, []))
    records = [json.loads(line) for line in lines]
    for record in records:
        expect("members", list(record), ["time", "level", "message"])
        expect("level", record["level"], "error")
    expect("messages", [record["message"].replace(f"{work}/", "") for record in records], list(messages))
    expect("standard output", result.stdout, b"")


def usage(arguments, message):
    """Wrong options: the message says what is wrong, and shows the usage."""
    result = run(program, *arguments)
    expect("exit status", (result.returncode, result.stdout), (64, b""))
    text = result.stderr.decode()
    if message not in text or "Usage: pisw-serve [OPTION]... [FILE]" not in text:
        raise AssertionError(text)


# Wrong options, and a part of the message.
for arguments, message in [
    (["--bogus"], "Unknown option '--bogus'"),
    (["a.yaml", "b.yaml"], "Unexpected argument 'b.yaml'"),
    (["a.yaml", "--config", "b.yaml"], "give the configuration file once: FILE or --config"),
    (["--listen", "8443"], "'8443' is invalid for '--listen <ADDR:PORT>'"),
    (["--listen", "localhost:8443"], "'localhost:8443' is invalid for '--listen <ADDR:PORT>'"),
    (["--listen", "127.0.0.1:65536"], "'127.0.0.1:65536' is invalid for '--listen <ADDR:PORT>'"),
    (["--listen", "127.0.0.1:+80"], "'127.0.0.1:+80' is invalid for '--listen <ADDR:PORT>'"),
    (["--listen", "::1:8443"], "'::1:8443' is invalid for '--listen <ADDR:PORT>'"),
    (["--listen", "[127.0.0.1]:8443"], "'[127.0.0.1]:8443' is invalid for '--listen <ADDR:PORT>'"),
    (["--listen", "[]:8443"], "'[]:8443' is invalid for '--listen <ADDR:PORT>'"),
    (["--admin-listen", "on"], "'on' is invalid for '--admin-listen <ADDR:PORT>'"),
    (["--isolation", "none"], "Please provide one of 'request' and 'connection'"),
    (["--sandbox", "on"], "Please provide one of 'require', 'prefer' or 'off'"),
    (["--sandbox", "require", "--isolation", "connection"], "--sandbox require needs --isolation request"),
    (["--log-format", "xml"], "Please provide one of 'json' and 'text'"),
    (["--max-connections", "0"], "--max-connections must be from 1 to 100000"),
    (["--max-connections", "100001"], "--max-connections must be from 1 to 100000"),
    (["--max-connections", "many"], "'many' is invalid for '--max-connections <N>'"),
    (["--max-reviews", "0"], "--max-reviews must be from 1 to 4096"),
    (["--max-reviews", "4097"], "--max-reviews must be from 1 to 4096"),
    (["--review-memory", "15"], "--review-memory must be from 16 to 1024"),
    (["--handshake-timeout", "0"], "--handshake-timeout must be more than 0"),
    (["--header-timeout", "0"], "--header-timeout must be more than 0"),
    (["--idle-timeout", "0.0001"], "--idle-timeout must be more than 0"),
    (["--review-timeout", "0"], "--review-timeout must be more than 0"),
    (["--review-timeout=-1"], "'-1' is invalid for '--review-timeout <SECONDS>'"),
    (["--review-timeout", "nan"], "'nan' is invalid for '--review-timeout <SECONDS>'"),
    (["--review-timeout", "86401"], "'86401' is invalid for '--review-timeout <SECONDS>'"),
    (["--review-timeout", "1s"], "'1s' is invalid for '--review-timeout <SECONDS>'"),
    (["--drain-delay", "5", "--drain-timeout", "4"], "--drain-timeout must be at least --drain-delay"),
]:
    check(f"64: {' '.join(arguments)}", lambda: usage(arguments, message))


def says(arguments, *parts):
    result = run(program, *arguments)
    expect("exit status", (result.returncode, result.stderr), (0, b""))
    for part in parts:
        if part not in result.stdout.decode():
            raise AssertionError(f"no {part!r} in {result.stdout.decode()}")


check("--help lists options, defaults and exit statuses",
      lambda: says(["--help"], "--listen ADDR:PORT      Address", "further ones wait.\n" + " " * 26 + "(default: 256)",
                   "[::]:8443", "SIGHUP", "78  the"))

# The configuration. Every problem has its own line.
broken = write("broken.yaml", "mirrors:\n  docker.io: https://p.example.com\n  quay.io: harbor\nbogus: 1\nport: 0\n")
check("78: no configuration at all", lambda: refused(
    78, [*PORTS, *TLS], "no configuration: name a mirror, for instance --mirror docker.io=proxy.example.com "
    "(or REGISTRY_URL=proxy.example.com, or --config FILE)"))
check("78: a configuration file that does not exist",
      lambda: refused(78, [*PORTS, *TLS, f"{work}/nowhere.yaml"], "nowhere.yaml: No such file or directory"))
check("78: a configuration file that is a directory",
      lambda: refused(78, [*PORTS, *TLS, "--config", f"{work}/reviews"], "reviews: Is a directory"))
check("78: every problem of file, variable and option at once", lambda: refused(
    78, [*PORTS, *TLS, broken, "--mirror", "ghcr.io"],
    'broken.yaml:2:3: the target "https://p.example.com" has a scheme: write "p.example.com"',
    "broken.yaml:3:3: the target \"harbor\" does not begin with a registry's host (one with a dot or a port, or "
    'localhost): write for instance "harbor:443"',
    'broken.yaml:4:1: unknown key "bogus"; known keys are mirrors, ignoreimages, exclude, annotateOriginal, '
    "imagePullSecrets, port, tlscertpath, tlskeypath",
    "broken.yaml:5:7: port must be from 1 to 65535",
    'REGISTRY_URL: the target "http://x.io" has a scheme: write "x.io"',
    "--mirror: the target is empty: write host[:port][/path]",
    environment={"REGISTRY_URL": "http://x.io"}))
check("78: REGISTRY_URL and PROXY_URL that differ", lambda: refused(
    78, [*PORTS, *TLS], "PROXY_URL: differs from REGISTRY_URL: set only one of them",
    environment={"REGISTRY_URL": "a.io", "PROXY_URL": "b.io"}))
check("78: PISW_CONFIG names a file that does not exist",
      lambda: refused(78, [*PORTS, *TLS], "nowhere.yaml: No such file or directory",
                      environment={"PISW_CONFIG": f"{work}/nowhere.yaml"}))


# Certificate and key.
def tls(status, message, certificate="ec.pem", key="ec.key", *options, before=()):
    refused(status, [*PORTS, *MIRROR, "--tls-cert", f"{work}/{certificate}", "--tls-key", f"{work}/{key}", *options],
            message, before=before)


pem = (work / "ec.leaf.pem").read_text().splitlines()
write("text.pem", "no PEM at all\n")
write("empty.pem", "")
write("cut.pem", "\n".join(pem[:5]) + "\n")
write("damaged.pem", "\n".join(pem[:4] + pem[5:]) + "\n")
write("second-damaged.pem", "\n".join(pem + pem[:4] + pem[5:]) + "\n")
write("large.pem", "#" * (1 << 20) + "\n" + "\n".join(pem) + "\n")
key_lines = (work / "ec.key").read_text().splitlines()
write("damaged.key", "\n".join(key_lines[:1] + key_lines[2:]) + "\n")
write("mine.key", (work / "ec.key").read_text())
(work / "mine.key").chmod(stat.S_IRUSR)
# Another user needs access to the files and the program.
work.chmod(0o711)
AS_NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
ENCRYPTED = "the key is encrypted; expected one without a password (openssl pkey -in OLD -out NEW)"

for name, message, arguments in [
    ("a certificate that does not exist", "nowhere.pem: No such file or directory", ["nowhere.pem"]),
    ("a certificate that is a directory", "reviews: Is a directory", ["reviews"]),
    ("an empty certificate", "empty.pem: no certificate in it; expected PEM", ["empty.pem"]),
    ("a certificate that is text", "text.pem: no certificate in it; expected PEM", ["text.pem"]),
    ("a certificate that is DER", "ec.der: no certificate in it; expected PEM", ["ec.der"]),
    ("a key in place of the certificate", "ec.key: no certificate in it; expected PEM", ["ec.key"]),
    ("a certificate that breaks off", "cut.pem: certificate 1 is damaged: bad end line", ["cut.pem"]),
    ("a damaged certificate", "damaged.pem: certificate 1 is damaged: ASN1 lib", ["damaged.pem"]),
    ("a damaged certificate in the chain", "second-damaged.pem: certificate 2 is damaged: ASN1 lib",
     ["second-damaged.pem"]),
    ("a file of more than 1 MiB", "large.pem: larger than 1 MiB; expected a PEM file", ["large.pem"]),
    ("a key that does not exist", "nowhere.key: No such file or directory", ["ec.pem", "nowhere.key"]),
    ("a key that is a directory", "reviews: Is a directory", ["ec.pem", "reviews"]),
    ("an empty key", "empty.pem: no private key in it; expected PEM", ["ec.pem", "empty.pem"]),
    ("a key that is text", "text.pem: no private key in it; expected PEM", ["ec.pem", "text.pem"]),
    ("a key that is DER", "ec.der: no private key in it; expected PEM", ["ec.pem", "ec.der"]),
    ("a certificate in place of the key", "ec.leaf.pem: no private key in it; expected PEM", ["ec.pem", "ec.leaf.pem"]),
    ("the key of another certificate", "ec2.key: not the key of the certificate in ec.pem",
     ["ec.pem", "ec2.key"]),
    ("a key of another kind", "rsa.key: not the key of the certificate in ec.pem", ["ec.pem", "rsa.key"]),
    ("an encrypted key (PKCS #8)", f"ec.encrypted.key: {ENCRYPTED}", ["ec.pem", "ec.encrypted.key"]),
    ("an encrypted key (PKCS #1)", f"rsa.encrypted.key: {ENCRYPTED}", ["rsa.pem", "rsa.encrypted.key"]),
    ("a client CA that does not exist", "nowhere.pem: No such file or directory",
     ["ec.pem", "ec.key", "--client-ca", f"{work}/nowhere.pem"]),
    ("a client CA that is text", "text.pem: no certificate in it; expected PEM",
     ["ec.pem", "ec.key", "--client-ca", f"{work}/text.pem"]),
]:
    check(f"78: {name}", lambda: tls(78, message, *arguments))
check("78: a key that the user cannot read",
      lambda: tls(78, "mine.key: Permission denied", "ec.pem", "mine.key", before=AS_NOBODY))


def damaged_key():
    """The message names the file and the problem, and then quotes OpenSSL."""
    result = run(program, *PORTS, *MIRROR, "--tls-cert", f"{work}/ec.pem", "--tls-key", f"{work}/damaged.key")
    expect("exit status", result.returncode, 78)
    message = json.loads(result.stderr)["message"]
    if not message.startswith(f"{work}/damaged.key: the private key is damaged: "):
        raise AssertionError(message)


check("78: a damaged key", damaged_key)


# The system.
def port_in_use(option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run(program, *PORTS, *MIRROR, *TLS, option, address)
        expect("exit status", result.returncode, 71)
        expect("last line", json.loads(result.stderr.splitlines()[-1])["message"],
               f"cannot listen on {address}: Address already in use")


check("71: the port is in use", lambda: port_in_use("--listen"))
check("71: the admin port is in use", lambda: port_in_use("--admin-listen"))
check("71: an address that the machine does not have", lambda: refused(
    71, ["--listen", "192.0.2.1:8443", "--admin-listen", "off", *MIRROR, *TLS],
    "cannot listen on 192.0.2.1:8443: Cannot assign requested address"))


def text_problems():
    result = run(program, *PORTS, *TLS, broken, "--log-format", "text")
    expect("exit status", result.returncode, 78)
    lines = result.stderr.decode().splitlines()
    expect("number of lines", len(lines), 4)
    expect("line", lines[3].partition("Z ")[2], f"error: {work}/broken.yaml:5:7: port must be from 1 to 65535")


check("--log-format text: problems are lines of text", text_problems)


# Servers that start.
def serves(*options, **more):
    with PiswServe(*options, **more) as server:
        server.post()
        server.stop()


for name in ["ec.sec1", "rsa.pkcs1"]:
    check(f"a key in an older format: {name}",
          lambda: serves("--tls-cert", f"{work}/{name[:name.index('.')]}.pem", "--tls-key", f"{work}/{name}.key",
                         certificate=None))
check("certificate and key may be in one file", lambda: serves(
    "--tls-cert", f"{work}/ec.combined.pem", "--tls-key", f"{work}/ec.combined.pem", certificate=None))
for variable in ["REGISTRY_URL", "PROXY_URL"]:
    check(f"{variable} is the mirror of docker.io",
          lambda: serves(mirror=None, environment={variable: "proxy.example.com"}))
check("PISW_CONFIG names the configuration", lambda: serves(
    mirror=None, environment={"PISW_CONFIG": write("own.yaml", "mirrors: {docker.io: proxy.example.com}\n")}))
check("--isolation connection gives the same answers", lambda: serves("--isolation", "connection"))


# Whether reviews are confined: without a container runtime, under one that allows filters, and under one that does not.
REFUSED = "reviews are not confined (seccomp): their limits apply, but they may make any system call"
for before, option, confined in [
    ((), (), 1), (CONFINED, (), 1), (WITHOUT_FILTERS, (), 0),
    ((), ("--sandbox", "require"), 1), (CONFINED, ("--sandbox", "require"), 1),
    ((), ("--sandbox", "off"), 0), (CONFINED, ("--sandbox", "off"), 0),
    (CONFINED, ("--isolation", "connection"), 0),
]:
    def confines():
        with PiswServe(*option, confined=before) as server:
            server.post()
            with server.connect() as client:
                client.review()
                client.review()
            expect("metric", server.metrics()['pisw_sandbox{process="review"}'], confined)
            warned = [record.get("reason") for record in server.records() if record["level"] != "info"]
            expect("warnings", warned, ["seccomp: Operation not permitted"] if before == WITHOUT_FILTERS else [])
            if warned:
                expect("message", server.records(REFUSED)[0]["level"], "warning")
            server.stop()
    name = " ".join([" ".join(option) or "no option", "under", before[-1] if before else "no", "filter"])
    check(f"pisw_sandbox is {confined}: {name}", confines)
check("71: --sandbox require where no filter can be installed", lambda: refused(
    71, [*PORTS, *MIRROR, *TLS, "--sandbox", "require"],
    "reviews cannot be confined (seccomp): seccomp: Operation not permitted",
    before=WITHOUT_FILTERS))
check("--admin-listen off: there is no admin port",
      lambda: serves(listen=["--listen", "127.0.0.1:0", "--admin-listen", "off"]))


def expired():
    with PiswServe(certificate="expired") as server:
        expect("warning", server.logged(f"{work}/expired.pem: the certificate has expired; clients will refuse it")
               ["level"], "warning")
        result = run("curl", "-s", "-k", f"https://localhost:{server.port}/healthz")
        expect("answer", result.stdout, b"ok\n")
        expect("curl refuses it", run("curl", "-s", "--cacert", work / "root.pem",
                                      f"https://localhost:{server.port}/healthz").returncode, 60)


check("an expired certificate is served with a warning", expired)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def original():
    """The positional argument and the configuration keys of k8s-proxy-image-swapper."""
    port = free_port()
    file = write("original.yaml", f"port: {port}\ntlscertpath: {work}/ec.pem\ntlskeypath: {work}/ec.key\n"
                 "ignoreimages:\n  - registry\n")
    with PiswServe(file, certificate=None, mirror=None, environment={"REGISTRY_URL": "proxy.example.com"},
                listen=["--admin-listen", "off"]) as server:
        expect("address", server.logged("listening")["address"], f"[::]:{port}")
        server.post()
        # IPv4 and IPv6 on one socket.
        with ReviewClient(port, host="::1") as client:
            client.review()
        server.stop()


def options_first():
    file = write("elsewhere.yaml", f"port: 1\ntlscertpath: {work}/nowhere.pem\ntlskeypath: /nowhere\n"
                 "mirrors: {docker.io: other.example.com}\n")
    with PiswServe(file) as server:
        with server.connect() as client:
            client.review()
            expect("certificate", client.certificate(), leaf("ec"))


def two_addresses():
    with PiswServe(listen=["--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--admin-listen", "[::1]:0"]) as server:
        first, second, admin = [line["address"] for line in server.records("listening")]
        expect("addresses", [first.rpartition(":")[0], second.rpartition(":")[0], admin.rpartition(":")[0]],
               ["127.0.0.1", "[::1]", "[::1]"])
        for address in (first, second):
            host, _, port = address.rpartition(":")
            with ReviewClient(int(port), host=host.strip("[]")) as client:
                client.review()


def debug():
    with PiswServe(environment={"LOGLEVEL": "DEBUG"}) as server:
        server.post("deployment-pod")
        record = server.logged("review")
        if "redirected" not in record["decision0"]:
            raise AssertionError(record)


def terminal():
    """On a terminal the log is text, unless an option says otherwise."""
    master, slave = os.openpty()
    process = subprocess.Popen([program, *PORTS, *TLS], stderr=slave, stdin=subprocess.DEVNULL)
    process.wait(timeout=30)
    os.close(slave)
    text = os.read(master, 4096)
    os.close(master)
    if b" error: no configuration: name a mirror" not in text or text.startswith(b"{"):
        raise AssertionError(text)


check("the original's argument and keys work, on [::] with IPv4 and IPv6", original)
check("options take precedence over the file's keys", options_first)
check("several addresses, and IPv6 for the admin port", two_addresses)
check("LOGLEVEL=DEBUG logs every decision", debug)
check("on a terminal the log is text, unless an option says otherwise", terminal)
finish()
