# The server reads certificate, key, client CA and configuration again when their files change, and on SIGHUP. A broken
# file leaves the old one in force, and connections go on.

import base64
import json
import os
import shutil
import signal
import ssl
import time

from harness.checks import check, eventually, expect, finish
from common import PiswServe, answer, leaf, post, review, work

count = 0


def folder():
    global count
    count += 1
    path = work / f"reload{count}"
    path.mkdir()
    return path


class Mounted:
    """A volume as Kubernetes mounts secrets: links through `..data`, which is a link that is replaced atomically."""

    def __init__(self, **files):
        self.path = folder()
        self.version = 0
        self.put(**files)
        for name in files:
            os.symlink(f"..data/{name.replace('_', '.')}", self.path / name.replace("_", "."))

    def put(self, **files):
        self.version += 1
        target = self.path / f"..{self.version}"
        target.mkdir()
        for name, content in files.items():
            (target / name.replace("_", ".")).write_bytes(content)
        os.symlink(target.name, self.path / "..next")
        os.replace(self.path / "..next", self.path / "..data")
        if self.version > 1:
            shutil.rmtree(self.path / f"..{self.version - 1}")

    def __truediv__(self, name):
        return self.path / name


def pair(name):
    return {"tls_crt": (work / f"{name}.pem").read_bytes(), "tls_key": (work / f"{name}.key").read_bytes()}


def serving(files, *options):
    return PiswServe("--tls-cert", files / "tls.crt", "--tls-key", files / "tls.key", *options, certificate=None)


def shown(server):
    with server.connect() as client:
        return client.certificate()


def comes(server, name):
    """New connections get this certificate within a few seconds."""
    eventually(f"the certificate {name}", lambda: shown(server) == leaf(name), 10)
    with server.connect() as client:
        client.review()


def expiry(name):
    return ssl.cert_time_to_seconds(
        ssl._ssl._test_decode_cert(str(work / f"{name}.leaf.pem"))["notAfter"])


def reloads(server, file, success, failure):
    server.counted(f'pisw_reloads_total{{file="{file}",result="success"}}', success)
    server.counted(f'pisw_reloads_total{{file="{file}",result="failure"}}', failure)


def replaced(first, second, put):
    files = Mounted(**pair(first))
    with serving(files) as server, server.connect() as old:
        old.review()
        expect("certificate", old.certificate(), leaf(first))
        process = old.process(server)
        for i, name in enumerate([second, first, second]):
            put(files, pair(name))
            comes(server, name)
            old.review()
            server.counted("pisw_certificate_expiry_timestamp_seconds", expiry(name))
            server.logged("certificate reloaded", i + 1)
        expect("the kept connection's process", old.process(server), process)
        expect("its certificate", old.certificate(), leaf(first))
        reloads(server, "certificate", 3, 0)
        server.stop()


def in_place(files, contents):
    for name, content in contents.items():
        (files / name.replace("_", ".")).write_bytes(content)


def renamed(files, contents):
    """Renames a new file over the old one, as editors and certbot do."""
    for name, content in contents.items():
        (files.path / "new").write_bytes(content)
        os.replace(files.path / "new", files.path / name.replace("_", "."))


check("a certificate that is replaced as Kubernetes does it is reloaded", lambda: replaced(
    "ec", "ec2", lambda files, new: files.put(**new)))
check("a certificate of another kind of key is reloaded",
      lambda: replaced("ec", "rsa", lambda files, new: files.put(**new)))
check("a certificate whose files are renamed one by one is reloaded", lambda: replaced("ec", "ec2", renamed))


def written_in_place():
    """While the files are written in place, key and certificate do not match for a moment. That reload fails, the next
    works."""
    files = Mounted(**pair("ec"))
    with serving(files) as server:
        in_place(files, {"tls_crt": pair("ec2")["tls_crt"]})
        eventually("an attempt", lambda: shown(server) and server.records(
            "certificate not reloaded, the old one stays in force"), 10)
        expect("certificate", shown(server), leaf("ec"))
        in_place(files, {"tls_key": pair("ec2")["tls_key"]})
        comes(server, "ec2")


check("a certificate that is written in place, long before its key, is reloaded", written_in_place)


def broken(reason, contents):
    """The old one stays in force, and the log says why. A later valid one is loaded."""
    files = Mounted(**pair("ec"))
    with serving(files) as server, server.connect() as old:
        old.review()
        files.put(**pair("ec2") | contents)
        eventually("an attempt", lambda: shown(server) and server.records(
            "certificate not reloaded, the old one stays in force"), 10)
        record = server.records("certificate not reloaded, the old one stays in force")[0]
        expect("level and reason", (record["level"], record["reason"].replace(f"{files.path}/", "")),
               ("error", reason))
        expect("certificate", shown(server), leaf("ec"))
        old.review()
        server.post()
        reloads(server, "certificate", 0, 1)
        server.counted("pisw_certificate_expiry_timestamp_seconds", expiry("ec"))
        files.put(**pair("ec2"))
        comes(server, "ec2")
        old.review()
        reloads(server, "certificate", 1, 1)


for name, reason, contents in [
    ("a certificate that is text", "tls.crt: no certificate in it; expected PEM", {"tls_crt": b"hello\n"}),
    ("a half-written certificate", "tls.crt: certificate 1 is damaged: bad end line",
     {"tls_crt": pair("ec2")["tls_crt"][:300]}),
    ("an empty certificate", "tls.crt: no certificate in it; expected PEM", {"tls_crt": b""}),
    ("the key of another certificate",
     "tls.key: not the key of the certificate in tls.crt", {"tls_key": pair("rsa")["tls_key"]}),
    ("an encrypted key",
     "tls.key: the key is encrypted; expected one without a password (openssl pkey -in OLD -out NEW)",
     {"tls_key": (work / "ec.encrypted.key").read_bytes()}),
]:
    check(f"a broken certificate leaves the old one in force: {name}", lambda: broken(reason, contents))


def missing():
    files = Mounted(**pair("ec"))
    with serving(files) as server:
        os.rename(files.path / "..data", files.path / "..away")
        eventually("an attempt", lambda: shown(server) and server.records(
            "certificate not reloaded, the old one stays in force"), 10)
        expect("certificate", shown(server), leaf("ec"))
        os.rename(files.path / "..away", files.path / "..data")
        eventually("it is reloaded", lambda: shown(server) and server.records("certificate reloaded"), 10)


def expired():
    files = Mounted(**pair("ec"))
    with serving(files) as server:
        files.put(**pair("expired"))
        server.send(signal.SIGHUP)
        server.logged("certificate reloaded")
        server.logged(f"{files.path}/tls.crt: the certificate has expired; clients will refuse it")


check("files that vanish leave the old ones in force until they come back", missing)
check("an expired certificate is loaded with a warning", expired)

# The configuration.
TO_A, TO_B = b"mirrors: {docker.io: a.example.com}\n", b"mirrors: {docker.io: b.example.com}\n"


def target(client):
    status, _, body = client.post(review)
    expect("status", status, 200)
    patch = json.loads(base64.b64decode(json.loads(body)["response"]["patch"]))
    return patch[0]["value"].partition("/")[0]


def configured(put):
    files = Mounted(config_yaml=TO_A)
    with PiswServe(files / "config.yaml", mirror=None) as server, server.connect() as old:
        process = old.process(server)
        expect("target", target(old), "a.example.com")
        for i, (content, name) in enumerate([(TO_B, "b"), (TO_A, "a"), (TO_B, "b")]):
            put(files, {"config_yaml": content})
            server.logged("configuration reloaded", i + 1)
            # The next review, over the open connection and over a new one, uses it.
            expect("target over the old connection", target(old), f"{name}.example.com")
            with server.connect() as new:
                expect("target over a new connection", target(new), f"{name}.example.com")
        expect("the kept connection's process", old.process(server), process)
        reloads(server, "configuration", 3, 0)
        reloads(server, "certificate", 0, 0)
        server.stop()


check("a configuration that is replaced as Kubernetes does it is reloaded", lambda: configured(
    lambda files, new: files.put(**new)))
check("a configuration that is written in place is reloaded", lambda: configured(in_place))


def broken_configuration():
    files = Mounted(config_yaml=TO_A)
    with PiswServe(files / "config.yaml", mirror=None) as server, server.connect() as old:
        expect("target", target(old), "a.example.com")
        files.put(config_yaml=b"mirrors: {docker.io: https://b.example.com}\nbogus: 1\n")
        server.logged("configuration not reloaded, the old one stays in force", 2)
        expect("every problem", [record["reason"].replace(f"{files.path}/", "") for record in server.records(
            "configuration not reloaded, the old one stays in force")],
            ['config.yaml:1:11: the target "https://b.example.com" has a scheme: write "b.example.com"',
             'config.yaml:2:1: unknown key "bogus"; known keys are mirrors, ignoreimages, exclude, annotateOriginal, '
             "imagePullSecrets, port, tlscertpath, tlskeypath"])
        for _ in range(3):
            expect("target over the old connection", target(old), "a.example.com")
        with server.connect() as new:
            expect("target over a new connection", target(new), "a.example.com")
        reloads(server, "configuration", 0, 1)
        files.put(config_yaml=TO_B)
        server.logged("configuration reloaded")
        expect("target over the old connection", target(old), "b.example.com")
        reloads(server, "configuration", 1, 1)


def options_stay():
    """Options take precedence over the file after a reload, too."""
    files = Mounted(config_yaml=b"mirrors: {quay.io: q.example.com}\n")
    with PiswServe(files / "config.yaml") as server:
        files.put(config_yaml=TO_B)
        server.send(signal.SIGHUP)
        server.logged("configuration reloaded")
        with server.connect() as client:
            expect("answer", client.post(review)[2], answer)


def upstreams():
    """Images are counted by the sources of the current configuration."""
    files = Mounted(config_yaml=TO_A)
    sample = 'pisw_images_total{decision="redirected",upstream="%s"}'
    with PiswServe(files / "config.yaml", mirror=None) as server, server.connect() as old:
        target(old)
        server.counted(sample % "docker.io", 1)
        files.put(config_yaml=b"mirrors: {quay.io: q.example.com, docker.io/library: b.example.com}\n")
        server.logged("configuration reloaded")
        target(old)
        with server.connect() as new:
            target(new)
        server.counted(sample % "docker.io/library", 2)
        server.counted(sample % "docker.io", 1)
        server.counted(sample % "quay.io", 0)


check("a broken configuration leaves the old one in force, and a later valid one is loaded", broken_configuration)
check("options take precedence over the file after a reload", options_stay)
check("images are counted by the sources of the current configuration", upstreams)


# SIGHUP, and files that do not change.
def hangup():
    """Certificate and configuration are read at once, without a connection, and even if they did not change."""
    files = Mounted(**pair("ec"), config_yaml=TO_A)
    with serving(files, files / "config.yaml") as server:
        server.send(signal.SIGHUP)
        server.logged("certificate reloaded")
        server.logged("configuration reloaded")
        files.put(**pair("ec2"), config_yaml=TO_B)
        server.send(signal.SIGHUP)
        server.logged("certificate reloaded", 2)
        expect("certificate", shown(server), leaf("ec2"))


def counted_once():
    """A change that SIGHUP loaded is not loaded again."""
    files = Mounted(**pair("ec"), config_yaml=TO_A)
    with serving(files, files / "config.yaml") as server:
        # The server has just looked at its files, and does not look again within a second.
        server.post()
        files.put(**pair("ec2"), config_yaml=TO_B)
        server.send(signal.SIGHUP)
        server.logged("configuration reloaded")
        time.sleep(1.5)
        server.post()
        time.sleep(0.2)
        reloads(server, "certificate", 1, 0)
        reloads(server, "configuration", 1, 0)


def broken_hangup():
    files = Mounted(**pair("ec"), config_yaml=TO_A)
    with serving(files, files / "config.yaml") as server:
        files.put(**pair("ec2") | {"tls_key": b"nothing\n"}, config_yaml=b"- 1\n")
        server.send(signal.SIGHUP)
        server.logged("certificate not reloaded, the old one stays in force")
        server.logged("configuration not reloaded, the old one stays in force")
        expect("certificate", shown(server), leaf("ec"))


def nothing_changed():
    files = Mounted(**pair("ec"), config_yaml=TO_A)
    with serving(files, files / "config.yaml") as server:
        for _ in range(3):
            server.post()
            time.sleep(1.1)
        expect("lines about reloading", [r for r in server.records() if "reloaded" in r["message"]], [])
        reloads(server, "certificate", 0, 0)


check("SIGHUP reloads everything at once", hangup)
check("a change that SIGHUP loaded is not loaded again", counted_once)
check("SIGHUP with broken files leaves the old ones in force", broken_hangup)
check("files that did not change are not reloaded", nothing_changed)


# Client CAs.
def client_ca():
    files = Mounted(**pair("ec"), ca_pem=(work / "clients.pem").read_bytes())

    def served(server, client):
        try:
            with server.connect(client=client) as connection:
                connection.send(post())
                return connection.response()[0] == 200
        except OSError:
            return False

    with serving(files, "--client-ca", files / "ca.pem") as server, server.connect(client="client") as old:
        expect("served", (served(server, "client"), served(server, "stranger")), (True, False))
        files.put(**pair("ec"), ca_pem=(work / "others.pem").read_bytes())
        server.send(signal.SIGHUP)
        server.logged("certificate reloaded")
        expect("served", (served(server, "client"), served(server, "stranger")), (False, True))
        # An open connection's client certificate is not checked again.
        old.review()
        files.put(**pair("ec"), ca_pem=(work / "clients.pem").read_bytes() + (work / "others.pem").read_bytes())
        eventually("both are served", lambda: served(server, "client") and served(server, "stranger"), 10)
        # An empty file leaves the old CAs in force: otherwise nobody, or everybody, would be accepted.
        files.put(**pair("ec"), ca_pem=b"")
        server.send(signal.SIGHUP)
        server.logged("certificate not reloaded, the old one stays in force")
        expect("served", (served(server, "client"), served(server, None)), (True, False))


check("client CAs are replaced and added, and a broken file leaves the old ones in force", client_ca)
finish()
