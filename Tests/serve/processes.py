# The processes of pisw-serve: descriptors, privileges, limits, and that they end with their parent. A review is stopped
# while it works.

import fcntl
import json
import os
import re
import resource
import shutil
import signal
import struct
import sys
import threading
import time
from pathlib import Path

from harness.checks import check, eventually, expect, finish
from harness.processes import run
from common import PiswServe, pod, post, program, review, work
from memory import filters, status, stop_review

large = post(review + b" " * ((8 << 20) - len(review)))


def descriptors(pid):
    """The descriptors of a process: {number: (target, mode)}."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        flags = int(re.search(r"flags:\t(\d+)", Path(f"/proc/{pid}/fdinfo/{link.name}").read_text())[1], 8)
        found[int(link.name)] = (os.readlink(link), "w" if flags & os.O_ACCMODE else "r")
    return found


def limits(pid):
    """The hard limits of a process, by name."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {name.strip(): hard for name, hard in
            (re.match(r"(.{25}) +\S+ +(\S+)", line).groups() for line in lines)}


def gone(pid):
    return not Path(f"/proc/{pid}").exists() or status(pid)["State"][0] == "Z"


class Caught:
    """A server, a connection to it, and a review of that connection, stopped while it works."""

    def __init__(self, *options, **more):
        self.server = PiswServe("--review-timeout", 60, *options, **more)
        self.client = self.server.connect()
        self.connection = self.client.process(self.server)
        self.review = stop_review(self.connection, self.client, large)
        self.processes = {"listener": self.server.pid, "connection": self.connection, "review": self.review}


caught = Caught()


def review_descriptors():
    kinds = {number: (target.partition(":")[0], mode)
             for number, (target, mode) in descriptors(caught.review).items()}
    expect("descriptors", kinds, {1: ("pipe", "w"), 2: ("pipe", "w")})
    errors = descriptors(caught.server.pid)[2][0]
    expect("standard error is the log", descriptors(caught.review)[2][0] == errors, False)


def connection_descriptors():
    mine, listeners = descriptors(caught.connection), descriptors(caught.server.pid)
    sockets = [target for target, _ in mine.values() if target.startswith("socket:")]
    expect("number of sockets", len(sockets), 1)
    expect("the listener's sockets", [t for t, _ in listeners.values() if t in sockets], [])
    expect("its signals", [t for t, _ in mine.values() if "signalfd" in t], [])
    # A connection shares two pipes with the listener that it can only write to: the log and reports.
    shared = {target for target, _ in mine.values() if target.startswith("pipe:")} & {
        target for target, _ in listeners.values()}
    only_written = [pipe for pipe in shared if (pipe, "r") not in mine.values()]
    expect("pipes it only writes to", len(only_written), 2)


def room_of_pipes():
    """A review's pipes are just large enough for most answers and for a message, because a user's pipe pages are
    limited."""
    rooms = []
    for number in (1, 2):
        pipe = os.open(f"/proc/{caught.review}/fd/{number}", os.O_WRONLY | os.O_NONBLOCK)
        rooms.append(fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ))
        os.close(pipe)
    expect("bytes", rooms, [65536, 4096])


def no_leaks():
    """A connection has the same descriptors after a hundred reviews as after one."""
    with caught.server.connect() as client:
        client.review()
        process = client.process(caught.server)
        before = descriptors(process)
        for _ in range(100):
            client.review()
        expect("descriptors", descriptors(process), before)


def no_leaks_without_room():
    """With free descriptors for one and a half pipes, reviews get a 503, and the first pipe is closed again."""
    with caught.server.connect() as client:
        client.get("/healthz")
        process = client.process(caught.server)
        before = descriptors(process)
        free = [number for number in range(len(before) + 3) if number not in before][:3]
        limit = resource.prlimit(process, resource.RLIMIT_NOFILE)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (free[-1] + 1, limit[1]))
        for _ in range(3):
            expect("status", client.post(review)[0], 503)
        expect("descriptors", descriptors(process), before)
        resource.prlimit(process, resource.RLIMIT_NOFILE, limit)
        client.review()


def has_status(field, wanted):
    for name, pid in caught.processes.items():
        expect(f"{field} of the {name}", status(pid)[field].strip(), wanted)


def review_limits():
    found = limits(caught.review)
    expect("core", found["Max core file size"], "0")
    expect("files", found["Max file size"], "0")
    expect("seconds of CPU, the second line behind 60 s of time", found["Max cpu time"], "62")
    space = int(found["Max address space"])
    # 64 MiB, 8 MiB for the body, and what the connection has mapped.
    if not 64 << 20 < space < 200 << 20:
        raise AssertionError(f"{space >> 20} MiB of address space")


def core_limits():
    for name, pid in caught.processes.items():
        expect(f"core of the {name}", limits(pid)["Max core file size"], "0")


def stays_below_limit():
    size = int(re.search(r"(\d+) kB", status(caught.review)["VmPeak"])[1]) << 10
    expect("it is below its limit", size < int(limits(caught.review)["Max address space"]), True)


def segments():
    """The segments of the program's file, by kind: the first byte, and the one after the last."""
    data = Path(program).read_bytes()
    (table,), (count,) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<H", data, 56)
    kinds = {(1, 5): "code", (1, 4): "constants", (0x6474E552, 4): "relocated constants"}
    found = {}
    for number in range(count):
        kind, flags, _, start, _, _, size, _ = struct.unpack_from("<IIQQQQQQ", data, table + 56 * number)
        if (kind, flags) in kinds:
            found[kinds[kind, flags]] = (start, start + size)
    return found


def in_huge_pages():
    """Code and constants begin at huge-page boundaries, and are not writable. If the kernel has huge pages, the first
    ones are no longer pages of the file."""
    has = "[never]" not in Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    huge, parts = 2 << 20, segments()
    expect("parts", sorted(parts), ["code", "constants", "relocated constants"])
    for name, pid in caught.processes.items():
        maps = Path(f"/proc/{pid}/maps").read_text()
        for part, (start, end) in parts.items():
            pages, mode = (4, "r-xp") if part == "code" else (1, "r--p")
            wanted = f"^{start:08x}-{start + pages * huge:08x} {mode} 00000000 00:00 0 *$" if has \
                else f"^{start:08x}-[0-9a-f]+ {mode} "
            written = [line for line in re.findall(r"^([0-9a-f]+)-[0-9a-f]+ .w", maps, re.MULTILINE)
                       if start <= int(line, 16) < end]
            if start % huge or written or not re.search(wanted, maps, re.MULTILINE):
                raise AssertionError(f"{part} of the {name}: {maps}")


check("a review has only its pipe and its own standard error", review_descriptors)
check("a review's standard error has room for one page, and its answer for 64 KiB", room_of_pipes)
check("a connection has one socket, and none of the listener's", connection_descriptors)
check("a connection does not accumulate descriptors", no_leaks)
check("a connection without free descriptors for a review's pipes keeps none of them", no_leaks_without_room)
check("no process can gain privileges", lambda: has_status("NoNewPrivs", "1"))
check("no process has a second thread", lambda: has_status("Threads", "1"))
check("a review has its own seccomp filter in addition to the container runtime's", lambda: expect(
    "modes and filters",
    {name: (status(pid)["Seccomp"].strip(), filters(pid)) for name, pid in caught.processes.items()},
    {"listener": ("2", 1), "connection": ("2", 1), "review": ("2", 2)}))
check("a review has limits of memory, files and time", review_limits)
check("a review is below its memory limit", stays_below_limit)
check("no process dumps core", core_limits)
check("code and constants are in huge pages, and not writable", in_huge_pages)


def dies_with_connection():
    os.kill(caught.connection, signal.SIGKILL)
    eventually("the review is gone", lambda: gone(caught.review))
    # The listener notices the end, and the connection's slot and turn are free again.
    record = caught.server.logged("process ended by a signal")
    expect("record", (record["process"], record["signal"]), ("connection", "SIGKILL"))
    caught.server.post("8MiB")


def dies_with_listener():
    again = Caught()
    again.server.process.kill()
    again.server.process.wait()
    for name in ("connection", "review"):
        eventually(f"the {name} is gone", lambda: gone(again.processes[name]))
    again.server.kill()


def no_zombies():
    for _ in range(50):
        caught.server.post()
    eventually("no child is left", lambda: not caught.server.connections())


def ignored_signals():
    """The server's parent may ignore SIGCHLD and SIGALRM, which the server needs."""
    ignoring = ("import os, signal, sys; [signal.signal(s, signal.SIG_IGN) for s in (signal.SIGCHLD, signal.SIGALRM)]; "
                "os.execv(sys.argv[1], sys.argv[1:])")
    with PiswServe("--max-connections", 1, before=(sys.executable, "-c", ignoring)) as server:
        for _ in range(3):
            server.post()
        expect("warnings", [record for record in server.records() if record["level"] != "info"], [])
        ignored = int(status(server.pid)["SigIgn"], 16)
        expect("SIGALRM is ignored", bool(ignored >> signal.SIGALRM - 1 & 1), False)


def spurious_sigchld():
    """SIGCHLD arrives again and again. The answer of a review, which exceeds its pipe, is still read."""
    containers = [{"name": f"c{i}", "image": f"nginx:{i}"} for i in range(1000)]
    done = threading.Event()
    with caught.server.connect() as client:
        connection = client.process(caught.server)

        def tell():
            while not done.is_set():
                os.kill(connection, signal.SIGCHLD)
                time.sleep(0.001)

        teller = threading.Thread(target=tell)
        teller.start()
        try:
            code, _, body = client.post(json.dumps(pod(spec={"containers": containers})).encode())
        finally:
            done.set()
            teller.join()
        expect("status", code, 200)
        expect("more than a pipe holds", len(body) > 1 << 16, True)


check("a server that is started with ignored signals does not ignore them", ignored_signals)
check("a connection that gets SIGCHLD without an ended child goes on", spurious_sigchld)
check("a review ends with its connection", dies_with_connection)
check("connections and reviews end with the listener", dies_with_listener)
check("connections leave no zombies", no_zombies)

# As another user: after PR_SET_DUMPABLE=0, root owns a process's files in /proc, and that user cannot read them.
AS_NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
work.chmod(0o711)
for part in ("pem", "key"):
    shutil.copy(work / f"ec.{part}", work / f"nobody.{part}")
    shutil.chown(work / f"nobody.{part}", 65534, 65534)
user = Caught(certificate="nobody", before=AS_NOBODY)


def belongs_to_root():
    for name, pid in user.processes.items():
        expect(f"user of the {name}", status(pid)["Uid"].split()[0], "65534")
        for file in ("mem", "environ", "fd", "maps"):
            expect(f"owner of {file} of the {name}", os.stat(f"/proc/{pid}/{file}").st_uid, 0)


def closed_to_its_user():
    for name, pid in user.processes.items():
        for file in ("mem", "environ", "maps"):
            result = run(*AS_NOBODY, "head", "-c", 1, f"/proc/{pid}/{file}")
            expect(f"{file} of the {name}", (result.returncode, b"Permission denied" in result.stderr), (1, True))
    # The user can read a dumpable process.
    result = run(*AS_NOBODY, "head", "-c", 1, "/proc/self/environ")
    expect("its own", result.returncode, 0)


check("as another user: root owns every process's files in /proc", belongs_to_root)
check("as another user: that user cannot read the processes' memory", closed_to_its_user)
finish()
