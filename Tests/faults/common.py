"""The server under test and the reviews it is given: real ones (examples/reviews), each with the answer
that pisw-mutate gives under the same configuration. Needs PISW_SERVE, PISW_MUTATE, REVIEWS and WORK."""

import fcntl
import glob
import os
import struct
import subprocess
import sys
import termios

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from serving import Load, Server, context, make_certificate  # noqa: E402

WORK, SERVE, MUTATE = os.environ["WORK"], os.environ["PISW_SERVE"], os.environ["PISW_MUTATE"]
TLS = make_certificate(WORK + "/tls", "pisw")
TRUSTING = context(TLS)
MIRROR = "docker.io=proxy.example.com"


def read(path):
    with open(path, "rb") as file:
        return file.read()


REVIEWS = [read(path) for path in sorted(glob.glob(os.environ["REVIEWS"] + "/*.json"))]


def answers(*options):
    """What pisw-mutate answers to each review."""
    environment = {"PISW_CONFIG": "/dev/null"}
    return [
        subprocess.run(
            [MUTATE, *options], input=review, capture_output=True, check=True, env=environment
        ).stdout
        for review in REVIEWS
    ]


ANSWERS = answers("--mirror", MIRROR)


def judge(n, status, body, *alternatives):
    """What is wrong with an answer; right is one of some, or what the usual mirror makes of the review."""
    right = [answers[n % len(answers)] for answers in alternatives or [ANSWERS]]
    return None if status == 200 and body in right else f"{status} {body[:200]}"


def load(server, kept=3, new=1, pause=0.0, judge=judge, port=None, trusting=TRUSTING):
    return Load(port or server.port, trusting, lambda n: REVIEWS[n % len(REVIEWS)], judge, kept, new, pause)


def command(*options, tls=TLS, mirror=MIRROR, config="/dev/null", ports=(0, 0)):
    """pisw-serve with what is usual here and these options."""
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


def serve(name, *options, **more):
    return Server(command(*options, **more), f"{WORK}/{name}.log")


def tokens(pid):
    """How many bytes wait in each pipe of which the listener has both ends, sorted: reports, and turns for
    large bodies (2) and for reviews."""
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


def report(text):
    """A figure for the reader; no check."""
    print("        " + text, flush=True)
