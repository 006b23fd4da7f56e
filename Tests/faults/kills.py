"""Processes that are killed under load. When those of connections and reviews are killed, no other request fails, and
every turn comes back. When the listener is killed, all its processes end."""

import os
import random
import signal
import time

from harness.checks import check, finish, report, wait_until
from harness.client import Client
from harness.processes import children, descendants, processes
from common import TRUSTING, load, serve, tokens

KILLS = int(os.environ.get("PISW_KILLS", "200"))


def peer_ports():
    """The client's port of each TCP socket, by inode."""
    ports = {}
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in list(table)[1:]:
            fields = line.split()
            port = int(fields[2].rpartition(":")[2], 16)
            # A listening socket has no client. A process that was just forked still has the listener's sockets.
            if port:
                ports[fields[9]] = port
    return ports


def port_of(pid):
    """The port of the client that a connection's process serves, or None if it has ended."""
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return None
    ports = peer_ports()
    return next(
        (ports[link[8:-1]] for link in links if link.startswith("socket:") and link[8:-1] in ports), None
    )


def kill(pid, parent):
    """Kills a process if it still is a child of this parent. Returns whether it did."""
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
    """Kills a connection's process or its review. Returns the port of its client, or None."""
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
    """Kills connections and reviews alternately. Only their own clients may lose a request."""
    hit, kinds = set(), {"connection": 0, "review": 0}
    with serve("kills", "--max-reviews", "3") as server:
        before = tokens(server.pid)
        with load(server, kept=6, new=2) as good:
            good.more(2)
            # A busy machine takes longer for as many.
            end = time.monotonic() + 240
            # A review that has answered already is not hit. Count those whose request got a 500.
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
        wrong += [f"a failure without a kill: {fault}" for fault in good.faults if fault["port"] not in hit]
        if len(good.faults) != len(lost) + len(failed):
            wrong.append("some answers are neither right nor a 500")
        if len(lost) > kinds["connection"] or len(failed) > kinds["review"]:
            wrong.append("more requests failed than processes were killed")
        if not wait_until(lambda: not descendants(server.pid), 10):
            wrong.append(f"processes are left: {descendants(server.pid)}")
        if not wait_until(lambda: tokens(server.pid) == before, 10):
            wrong.append(f"the turns are {tokens(server.pid)}, and were {before}")
        if before != [0, 2, 3]:
            wrong.append(f"the pipes of turns were not [0, 2, 3], but {before}")
        if (
            server.metric('pisw_processes_ended_total{process="connection",reason="SIGKILL"}')
            < kinds["connection"] / 2
        ):
            wrong.append("the killed connections are not counted")
        if server.terminate() != 0:
            wrong.append("the exit status is not 0")
    return wrong


def orphans():
    """SIGKILL of the listener under load."""
    server = serve("orphans")
    with server:
        with load(server, kept=6, new=2) as good:
            good.more(2)
            idle = [Client(server.port, TRUSTING) for _ in range(10)]
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

            # The idle clients still have their connections open.
            wait_until(lambda: not alive(), 10)
            living = alive()
        for client in idle:
            client.close()
        if len(below) < 10:
            return ["there were fewer than ten processes"]
        return [f"{pid} is alive" for pid in living]


check(
    f"{KILLS} killed connections and as many killed reviews lose only their own requests; every turn comes back",
    killed_under_load,
)
check("all processes end with the listener", orphans)
finish()
