"""What the programs of this group share: the server, and real reviews (examples/reviews) with the answers that
pisw-mutate gives. test.sh sets PISW_SERVE, PISW_MUTATE, REVIEWS and WORK."""

import fcntl
import glob
import os
import struct
import subprocess
import termios

from harness.certificates import context, make_certificate
from harness.load import Load
from harness.log import FileLog
from harness.server import Server

WORK, SERVE, MUTATE = os.environ["WORK"], os.environ["PISW_SERVE"], os.environ["PISW_MUTATE"]
TLS = make_certificate(WORK + "/tls", "pisw")
TRUSTING = context(TLS + "/cert.pem")
MIRROR = "docker.io=proxy.example.com"


def read(path):
    with open(path, "rb") as file:
        return file.read()


REVIEWS = [read(path) for path in sorted(glob.glob(os.environ["REVIEWS"] + "/*.json"))]


def answers(*options):
    """The answer of pisw-mutate to each review."""
    environment = {"PISW_CONFIG": "/dev/null"}
    return [
        subprocess.run(
            [MUTATE, *options], input=review, capture_output=True, check=True, env=environment
        ).stdout
        for review in REVIEWS
    ]


ANSWERS = answers("--mirror", MIRROR)


def judge(n, status, body, *alternatives):
    """What is wrong with an answer. It must be that of one of the alternatives, by default that of the usual mirror."""
    right = [answers[n % len(answers)] for answers in alternatives or [ANSWERS]]
    return None if status == 200 and body in right else f"{status} {body[:200]}"


def load(server, kept=3, new=1, pause=0.0, judge=judge, port=None, trusting=TRUSTING):
    return Load(port or server.port, trusting, lambda n: REVIEWS[n % len(REVIEWS)], judge, kept, new, pause)


def command(*options, tls=TLS, mirror=MIRROR, config="/dev/null", ports=(0, 0)):
    """pisw-serve with the usual options of this group and further ones."""
    usual = [
        "--listen",
        f"127.0.0.1:{ports[0]}",
        "--admin-listen",
        f"127.0.0.1:{ports[1]}",
        "--config",
        config,
    ]
    if tls:
        usual += ["--tls-cert", tls + "/cert.pem", "--tls-key", tls + "/key.pem"]
    if mirror:
        usual += ["--mirror", mirror]
    return [SERVE, *usual, *options]


def serve(name, *options, before=(), **more):
    return Server([*before, *command(*options, **more)], FileLog(f"{WORK}/{name}.log"))


def tokens(pid):
    """The numbers of bytes in the pipes of which the listener has both ends, sorted: reports, turns for large bodies
    (2), and turns for reviews."""
    ends = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if link.startswith("pipe:"):
            ends.setdefault(link, []).append(f"/proc/{pid}/fd/{name}")
    counts = []
    for paths in ends.values():
        if len(paths) == 2:
            pipe = os.open(paths[0], os.O_RDONLY | os.O_NONBLOCK)
            counts.append(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])
            os.close(pipe)
    return sorted(counts)

