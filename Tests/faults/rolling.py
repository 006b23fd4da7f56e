"""A rolling update behind a Service: haproxy checks /readyz of two servers every half second, and each server is ended
and started again five times under load. No request fails."""

import os
import socket
import subprocess
import time

from harness.checks import check, finish, report, wait_until
from harness.server import free_ports
from common import WORK, load, serve

CONFIGURATION = """
global
    stats socket {work}/haproxy.sock level admin
defaults
    mode tcp
    timeout connect 5s
    timeout check 5s
    timeout client 300s
    timeout server 300s
frontend service
    bind 127.0.0.1:{port}
    default_backend pods
backend pods
    balance roundrobin
    option httpchk GET /readyz
    default-server inter 500ms fall 1 rise 1
"""


class Pod:
    """A server that always has the same ports."""

    def __init__(self, name, port, admin):
        self.name, self.port, self.admin, self.server = name, port, admin, None

    def start(self):
        self.server = serve(
            self.name, "--drain-delay", "3", "--drain-timeout", "20", ports=(self.port, self.admin)
        )


def states():
    """The state of each server in haproxy: {name: "UP"...}."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(WORK + "/haproxy.sock")
        control.sendall(b"show stat\n")
        lines = control.makefile().read().splitlines()
    return {
        row[1]: row[17]
        for row in (line.split(",") for line in lines)
        if row[0] == "pods" and row[1] != "BACKEND"
    }


def rolling(rounds, least):
    port, *ports = free_ports(5)
    pods = [Pod("blue", *ports[:2]), Pod("green", *ports[2:])]
    wrong = []
    with open(WORK + "/haproxy.cfg", "w", encoding="utf-8") as out:
        out.write(CONFIGURATION.format(work=WORK, port=port))
        for pod in pods:
            out.write(f"    server {pod.name} 127.0.0.1:{pod.port} check port {pod.admin}\n")
    for pod in pods:
        pod.start()
    with open(WORK + "/haproxy.log", "w", encoding="utf-8") as log:
        haproxy = subprocess.Popen(["haproxy", "-db", "-f", WORK + "/haproxy.cfg"], stderr=log, stdout=log)
    try:
        up = lambda: states() == {"blue": "UP", "green": "UP"}  # noqa: E731
        wait_until(lambda: os.path.exists(WORK + "/haproxy.sock"))
        if not wait_until(up):
            return [f"haproxy sees {states()}"]
        start, ended = time.monotonic(), 0
        # Some clients ask all the time, some over new connections, and some pause as the API server does.
        with load(None, kept=4, new=2, port=port) as busy, load(
            None, kept=4, new=0, pause=0.4, port=port
        ) as calm:
            while ended < 2 * rounds or busy.done + calm.done < least:
                pod = pods[ended % 2]
                status = pod.server.terminate()
                if status != 0:
                    wrong.append(f"{pod.name} ended with {status}")
                ended += 1
                pod.start()
                if not wait_until(up):
                    wrong.append(f"haproxy sees {states()}")
                    break
            busy.more(3)
        report(
            f"{busy.done + calm.done} requests over {busy.connections + calm.connections} connections while {ended} "
            f"servers were replaced in {time.monotonic() - start:.0f} s; the slowest took {busy.slowest:.2f} s; "
            f"{len(busy.faults) + len(calm.faults)} failed"
        )
        wrong += busy.wrong + calm.wrong
        with open(WORK + "/haproxy.log", encoding="utf-8") as log:
            return wrong and wrong[:20] + [
                line.strip() for line in log if "DOWN" in line and "code: 503" not in line
            ]
    finally:
        haproxy.terminate()
        haproxy.wait()
        for pod in pods:
            pod.server.kill()


check(
    "two servers are replaced five times in turn under load, and none of 10 000 requests fails",
    rolling,
    5,
    10_000,
)
finish()
