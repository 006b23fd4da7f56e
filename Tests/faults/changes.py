"""Files that change under load: the certificate is replaced as Kubernetes does it, and the configuration is replaced
and broken. Every request gets an answer, and it is that of the old or the new configuration."""

import os
import shutil
import signal
import time

from harness.certificates import context, make_certificate
from harness.checks import check, finish, report, wait_until
from harness.client import Client
from common import REVIEWS, TLS, TRUSTING, WORK, answers, judge, load, read, serve


class Mounted:
    """A folder as the kubelet mounts a secret or a config map: each file is a link into `..data`, and `..data` is a
    link to the folder of one version, which is replaced atomically."""

    def __init__(self, folder):
        self.folder, self.version = folder, 0
        os.makedirs(folder)

    def put(self, files):
        self.version += 1
        name = f"..version_{self.version}"
        os.makedirs(f"{self.folder}/{name}")
        for file, content in files.items():
            with open(f"{self.folder}/{name}/{file}", "wb") as out:
                out.write(content)
        os.symlink(name, self.folder + "/..data_tmp")
        old = os.readlink(self.folder + "/..data") if self.version > 1 else None
        os.rename(self.folder + "/..data_tmp", self.folder + "/..data")
        for file in files:
            if not os.path.lexists(f"{self.folder}/{file}"):
                os.symlink("..data/" + file, f"{self.folder}/{file}")
        if old:
            shutil.rmtree(f"{self.folder}/{old}")


def of(folder):
    return {name: read(f"{folder}/{name}") for name in ("cert.pem", "key.pem")}


def served(port, trusting):
    client = Client(port, trusting)
    certificate = client.certificate()
    client.close()
    return certificate


def replaced_certificate():
    both = [TLS, make_certificate(WORK + "/tls-2", "pisw-2")]
    trusting, files = context(*(folder + "/cert.pem" for folder in both)), [of(folder) for folder in both]
    mounted = Mounted(WORK + "/secret")
    mounted.put(files[0])
    seen, wrong = [], []
    with serve(
        "certificate",
        "--tls-cert",
        mounted.folder + "/cert.pem",
        "--tls-key",
        mounted.folder + "/key.pem",
        tls=None,
    ) as server, load(server, kept=3, new=3, trusting=trusting) as good:
        first = served(server.port, trusting)
        for i in range(1, 51):
            mounted.put(files[i % 2])
            time.sleep(0.3)
            seen.append(served(server.port, trusting) != first)
        mounted.put(files[1])
        if not wait_until(lambda: served(server.port, trusting) != first, 10):
            wrong.append("the last certificate is not served")
        broken = dict(files[0], **{"cert.pem": b"no certificate\n"})
        failures = server.metric('pisw_reloads_total{file="certificate",result="failure"}')
        mounted.put(broken)
        if not wait_until(
            lambda: server.metric('pisw_reloads_total{file="certificate",result="failure"}') > failures, 10
        ):
            wrong.append("the broken certificate is not counted")
        if served(server.port, trusting) == first:
            wrong.append("a broken certificate made the server serve another one")
        mounted.put(dict(files[0], **{"key.pem": files[1]["key.pem"]}))
        time.sleep(1.5)
        if served(server.port, trusting) == first:
            wrong.append("a certificate with the wrong key is served")
        mounted.put(files[0])
        os.kill(server.pid, signal.SIGHUP)
        if not wait_until(lambda: served(server.port, trusting) == first, 10):
            wrong.append("the certificate after the broken one is not served")
        good.more(3)
        reloads = server.metric('pisw_reloads_total{file="certificate",result="success"}')
    changes = sum(a != b for a, b in zip(seen, seen[1:]))
    report(
        f"{good.done} reviews over {good.connections} connections, {reloads:.0f} reloads, and a client that "
        f"looked after every replacement saw {changes} changes"
    )
    if reloads < 8 or changes < 5:
        wrong.append(f"{reloads} reloads, {changes} seen")
    return wrong + good.wrong


def yaml(target):
    return f"mirrors:\n  docker.io: {target}\n".encode()


BROKEN = [b"mirrors: [", b"mirrors:\n  docker.io: no-registry\n", b"\x00\x01\x02", b"unknown: key\n"]


def replaced_configuration():
    mounted = Mounted(WORK + "/config")
    hosts = ["one.example.com", "two.example.com"]
    right = [answers("--mirror", "docker.io=" + host) for host in hosts]
    mounted.put({"config.yaml": yaml(hosts[0])})
    wrong = []
    position = next(i for i, (one, two) in enumerate(zip(*right)) if one != two)

    def in_force(client, host):
        return client.ask(REVIEWS[position]) == (200, right[host][position])

    with serve("configuration", config=mounted.folder + "/config.yaml", mirror=None) as server, load(
        server, judge=lambda n, status, body: judge(n, status, body, *right), kept=3, new=3
    ) as good:
        kept = Client(server.port, TRUSTING)
        for i in range(1, 31):
            mounted.put({"config.yaml": BROKEN[i // 3 % len(BROKEN)] if i % 3 == 1 else yaml(hosts[i % 2])})
            time.sleep(0.3)
        for host in (1, 0):
            mounted.put({"config.yaml": yaml(hosts[host])})
            if not wait_until(lambda: new_connection(server, lambda client: in_force(client, host)), 10):
                wrong.append(f"a new connection does not get configuration {host}")
            if not kept.tls:
                kept.connect()
            if not in_force(kept, host):
                wrong.append(f"an open connection does not get configuration {host}")
        failures = server.metric('pisw_reloads_total{file="configuration",result="failure"}')
        mounted.put({"config.yaml": BROKEN[1]})
        if not wait_until(
            lambda: server.metric('pisw_reloads_total{file="configuration",result="failure"}') > failures, 10
        ):
            wrong.append("the broken configuration is not counted")
        if not [
            line
            for line in server.records()
            if line["message"].startswith("configuration not reloaded") and "no-registry" in line["reason"]
        ]:
            wrong.append("the log does not say what is wrong with it")
        if not new_connection(server, lambda client: in_force(client, 0)) or not in_force(kept, 0):
            wrong.append("the old configuration is not used")
        kept.close()
        good.more(3)
        reloads = server.metric('pisw_reloads_total{file="configuration",result="success"}')
    report(
        f"{good.done} reviews over {good.connections} connections, {reloads:.0f} reloads, {failures + 1:.0f} refused"
    )
    if reloads < 5:
        wrong.append(f"{reloads} reloads")
    return wrong + good.wrong


def new_connection(server, ask):
    with Client(server.port, TRUSTING) as client:
        return ask(client)


check("the certificate is replaced 50 times under load, and no request fails", replaced_certificate)
check(
    "the configuration is replaced and broken under load, and every answer is that of a valid one",
    replaced_configuration,
)
finish()
