"""After many reviews, the listener has as many descriptors and as much memory as before, and no zombies. PISW_REVIEWS
is the number of reviews. A tenth of them have their own connections."""

import glob
import os
import re
import subprocess
import time

from harness.checks import check, finish, report, wait_until
from harness.processes import descendants, processes
from common import serve

COUNT = int(os.environ.get("PISW_REVIEWS", "20000"))
REVIEW = os.environ["REVIEWS"] + "/deployment-pod.json"


def footprint(server):
    """The listener's descriptors, resident bytes and bytes of data."""
    with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
        text = status.read()
    sizes = [int(re.search(name + r":\s*(\d+) kB", text)[1]) << 10 for name in ("VmRSS", "VmData")]
    return len(glob.glob(f"/proc/{server.pid}/fd/*")), *sizes


def wrk(server, reviews, closing=False):
    """Sends at least that number of reviews. Returns what was wrong with their answers."""
    environment = dict(os.environ, REVIEW=REVIEW, **({"CLOSE": "1"} if closing else {}))
    end = count(server) + reviews
    wrong = []
    while count(server) < end and not wrong:
        out = subprocess.run(
            [
                "wrk",
                "-t1",
                "-c6",
                "-d2s",
                "--timeout",
                "30s",
                "-s",
                os.path.dirname(os.path.abspath(__file__)) + "/post.lua",
                f"https://127.0.0.1:{server.port}/mutate",
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        wrong += [line for line in out.splitlines() if re.search(r"Non-2xx|Socket errors|^status", line)]
    return wrong


def count(server):
    return sum(value for name, value in server.metrics().items() if name.startswith("pisw_reviews_total"))


def settled(server):
    return wait_until(lambda: not descendants(server.pid), 20)


def many_reviews():
    with serve("growth") as server:
        # The first reviews, and the first parallel connections, may leave memory for later ones.
        wrong = wrk(server, 1000) + wrk(server, 500, closing=True)
        settled(server)
        before, start, first = footprint(server), time.monotonic(), count(server)
        # wrk reports socket errors for closing connections that it abandons at its end. Those are ignored.
        wrong += wrk(server, COUNT * 9 // 10)
        wrong += [line for line in wrk(server, COUNT // 10, closing=True) if "Socket errors" not in line]
        took, reviews = time.monotonic() - start, count(server) - first
        if not settled(server):
            wrong.append(f"processes are left: {descendants(server.pid)}")
        after = footprint(server)
        report(
            f"{reviews:.0f} reviews in {took:.0f} s; the listener before: {before[0]} descriptors, "
            f"{before[1] >> 10} KiB resident, {before[2] >> 10} KiB of data; after: {after[0]}, {after[1] >> 10} KiB, "
            f"{after[2] >> 10} KiB"
        )
        if after[0] != before[0]:
            wrong.append("the number of descriptors has grown")
        if after[1] > before[1] + (1 << 19) or after[2] > before[2] + (1 << 19):
            wrong.append("memory has grown by more than half a MiB")
        now = processes()
        wrong += [
            f"zombie {pid}" for pid in now if now[pid]["parent"] == server.pid and now[pid]["state"] == "Z"
        ]
        wrong += server.log.not_json()
        if server.terminate() != 0:
            wrong.append("the exit status is not 0")
    return wrong


check(f"{COUNT} reviews leave no descriptor, no memory and no zombie behind", many_reviews)
finish()
