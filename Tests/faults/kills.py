"""Processes that are killed under load: those of connections and reviews, where nobody else may notice and
every turn comes back, and the listener, with which everything ends."""

import os
import random
import signal
import time

from common import load, report, serve, tokens
from serving import Client, check, descendants, processes, wait_until

KILLS = int(os.environ.get("PISW_KILLS", "200"))


def peer_ports():
    """The client's port of each socket here, by inode."""
    ports = {}
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in list(table)[1:]:
            fields = line.split()
            port = int(fields[2].rpartition(":")[2], 16)
            # A process that was forked just now still has the sockets that listen, which have no client.
            if port:
                ports[fields[9]] = port
    return ports


def port_of(pid):
    """The port of the client that a connection's process serves; None for one that is gone."""
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return None
    ports = peer_ports()
    return next(
        (ports[link[8:-1]] for link in links if link.startswith("socket:") and link[8:-1] in ports), None
    )


def children(pid):
    """The children of a process, told quickly: a review lives for less than a millisecond."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb", buffering=0) as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def kill(pid, parent):
    """Kills a process if it is still the child that was meant; whether it did."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            has_ended = stat.read().rpartition(")")[2].split()[0] in "XZ"
        if has_ended or pid not in children(parent):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def kill_one(server, kind):
    """Kills a connection's process or its review; the port of the client that is hit, or None."""
    connection = random.choice(children(server.pid) or [0])
    port = port_of(connection)
    if port is None:
        return None
    if kind == "connection":
        return port if kill(connection, server.pid) else None
    for _ in range(2000):
        for review in children(connection):
            if kill(review, connection):
                return port
    return None


def killed_under_load():
    """Connections and reviews by turns; whoever asked over a connection that was hit may lose what was
    under way."""
    hit, kinds = set(), {"connection": 0, "review": 0}
    with serve("kills", "--max-reviews", "3") as server:
        before = tokens(server.pid)
        with load(server, kept=6, new=2) as good:
            good.more(2)
            # A busy machine takes longer for as many.
            end = time.monotonic() + 240
            # A review that is at its end already does not notice: those count whose request got 500.
            while time.monotonic() < end:
                cut = sum(fault["what"] == "status 500" for fault in list(good.faults))
                if min(cut, kinds["connection"]) >= KILLS:
                    break
                kind = "review" if cut < kinds["connection"] else "connection"
                port = kill_one(server, kind)
                if port is not None:
                    hit.add(port)
                    kinds[kind] += 1
            wrong = [] if good.more(3) else ["reviews hang"]
        lost = [fault for fault in good.faults if fault["what"] in ("lost", "connecting")]
        failed = [fault for fault in good.faults if fault["what"] == "status 500"]
        report(
            f"{kinds['connection']} connections and {kinds['review']} reviews killed in {good.done} requests: "
            f"{len(lost)} lost, {len(failed)} answered with 500"
        )
        if min(len(failed), kinds["connection"]) < KILLS:
            wrong.append(f"only {kinds} were killed")
        wrong += [f"not hit, and failed: {fault}" for fault in good.faults if fault["port"] not in hit]
        if len(good.faults) != len(lost) + len(failed):
            wrong.append("answers that are neither right nor 500")
        if len(lost) > kinds["connection"] or len(failed) > kinds["review"]:
            wrong.append("more than were killed")
        if not wait_until(lambda: not descendants(server.pid), 10):
            wrong.append(f"left behind: {descendants(server.pid)}")
        if not wait_until(lambda: tokens(server.pid) == before, 10):
            wrong.append(f"turns are {tokens(server.pid)}, and were {before}")
        if before != [0, 2, 3]:
            wrong.append(f"the pipes of turns are not as this test thinks: {before}")
        if (
            server.metric('pisw_processes_ended_total{process="connection",reason="SIGKILL"}')
            < kinds["connection"] / 2
        ):
            wrong.append("they are not counted")
        if server.stop() != 0:
            wrong.append("the server does not end as it should")
    return wrong


def orphans():
    """SIGKILL of the listener under load."""
    server = serve("orphans")
    with server:
        with load(server, kept=6, new=2) as good:
            good.more(2)
            idle = [Client(server.port, good.trusting) for _ in range(10)]
            below = descendants(server.pid)
            os.kill(server.pid, signal.SIGKILL)
            server.process.wait()
            good.stopping.set()

            def alive():
                now = processes()
                return [
                    pid
                    for pid, start in below.items()
                    if now.get(pid, {}).get("start") == start and now[pid]["state"] != "Z"
                ]

            # While the idle clients still hold their ends.
            wait_until(lambda: not alive(), 10)
            living = alive()
        for client in idle:
            client.close()
        if len(below) < 10:
            return ["there were no processes to end"]
        return [f"{pid} lives" for pid in living]


check(
    f"{KILLS} connections and as many reviews, killed under load, cost their own requests; every turn comes back",
    killed_under_load,
)
check("with the listener every process of it ends", orphans)
