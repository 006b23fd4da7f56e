"""Many reviews: the listener has afterwards the descriptors and the memory it had before, and no zombie. As
many as PISW_REVIEWS says, a tenth of them over connections of their own."""

import glob
import os
import re
import subprocess
import time

from common import report, serve
from serving import check, descendants, processes, wait_until

COUNT = int(os.environ.get("PISW_REVIEWS", "20000"))
REVIEW = os.environ["REVIEWS"] + "/deployment-pod.json"


def footprint(server):
    """Descriptors, resident bytes and mapped bytes of the listener."""
    with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
        text = status.read()
    sizes = [int(re.search(name + r":\s*(\d+) kB", text)[1]) << 10 for name in ("VmRSS", "VmData")]
    return len(glob.glob(f"/proc/{server.pid}/fd/*")), *sizes


def wrk(server, reviews, closing=False):
    """Sends at least so many reviews; what was wrong with their answers."""
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
        # What the first reviews leave for the later ones, and the first crowd, is no growth.
        wrong = wrk(server, 1000) + wrk(server, 500, closing=True)
        settled(server)
        before, start, first = footprint(server), time.monotonic(), count(server)
        # Closing clients of wrk report as socket errors what they did not wait for at their end: those are
        # not looked at.
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
            wrong.append("descriptors have become more")
        if after[1] > before[1] + (1 << 19) or after[2] > before[2] + (1 << 19):
            wrong.append("memory has grown by more than half a MiB")
        now = processes()
        wrong += [
            f"zombie {pid}" for pid in now if now[pid]["parent"] == server.pid and now[pid]["state"] == "Z"
        ]
        wrong += server.not_json()
        if server.stop() != 0:
            wrong.append("the server does not end as it should")
    return wrong


check(f"{COUNT} reviews leave no descriptor, no memory and no zombie behind", many_reviews)
