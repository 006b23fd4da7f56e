"""Reviews that do what no review should, while good reviews run. Only the bad review gets a 500. test.sh sets
FAULTY_SERVE, the program, and WORK, a folder to write in."""

import contextlib
import json
import os
import re
import subprocess
import time

from harness.certificates import context, make_certificate
from harness.checks import check, finish, wait_until
from harness.client import Client, Lost
from harness.load import Load
from harness.log import FileLog
from harness.processes import CONFINED, descendants, processes, run
from harness.server import Server

WORK = os.environ["WORK"]
FAULTY = os.environ["FAULTY_SERVE"]
TLS = make_certificate(WORK + "/tls", "pisw")
TRUSTING = context(TLS + "/cert.pem")
FILE = "/tmp/pisw-should-not-be"  # the file that "create" would create

# What a review does, the reason for its end in the log and the metrics, and the detail in the log, if there is one.
CRASHES = [
    ("fatalError", "SIGILL|SIGTRAP", "Fatal error: as asked"),
    ("index", "SIGILL|SIGTRAP", None),
    ("unwrap", "SIGILL|SIGTRAP", None),
    ("overflow", "SIGILL|SIGTRAP", None),
    ("null", "SIGSEGV", None),
    ("jump", "SIGSEGV", None),
    ("divide", "SIGFPE", None),
    ("recurse", "SIGSEGV", None),
    # abort() first unblocks its signal, which the filter forbids.
    ("abort", "SIGSYS", None),
]
TOO_MUCH = [
    ("allocate", "SIGSYS", None),
    ("loop", "deadline", None),
    ("write without end", "deadline", None),
    ("complain without end", "deadline", "again and again"),
    ("half and loop", "deadline", None),
    ("answer and loop", "deadline", None),
    ("answer and crash", "SIGSEGV", None),
]
NO_ANSWER = [
    ("leave", "no_answer", None),
    ("exit", "no_answer", None),
    ("leave 3", "no_answer", None),
    ("complain and leave", "no_answer", "the first line"),
    ("frame: none", "no_answer", None),
    ("frame: half", "no_answer", None),
    ("frame: two", "no_answer", None),
    ("frame: status 0", "no_answer", None),
    ("frame: status 999", "no_answer", None),
    ("frame: result 200", "no_answer", None),
    ("frame: level 200", "no_answer", None),
    ("frame: huge fields", "no_answer", None),
    ("frame: huge body", "no_answer", None),
    ("frame: hugest body", "no_answer", None),
    ("frame: body too long", "no_answer", None),
    ("frame: body too short", "no_answer", None),
    ("frame: more than the answer", "no_answer", None),
    ("frame: another report", "no_answer", None),
    ("frame: 255 images", "no_answer", None),
    ("frame: a line for the log", "no_answer", None),
]
# The kernel ends the process at each of these calls.
FORBIDDEN = "SIGSYS"
SYSTEM = [
    "ask for its parent",
    "map memory",
    "sleep",
    "fork",
    "vfork",
    "spawn",
    "exec",
    "thread",
    "kill",
    "kill everyone",
    "kill thread",
    "trace",
    "read memory",
    "limit another",
    "open",
    "create",
    "remove",
    "socket",
    "duplicate",
    "raise limits",
    "outlive",
    "ignore alarm",
    "stop timer",
    "hang up",
    "stop",
]
NEEDS_VICTIM = {"kill", "kill thread", "trace", "read memory", "limit another"}


def serve(isolation="request", reviews=4, sandbox="require", sample="warm-up"):
    return Server(command(isolation, reviews, sandbox, sample), FileLog(f"{WORK}/{isolation}.log"))


def command(isolation, reviews, sandbox, sample):
    files = [TLS + "/cert.pem", TLS + "/key.pem"]
    return [FAULTY, *files, isolation, str(reviews), sandbox, sample]


def echoed(body, answer):
    """What is wrong with the answer to a good review."""
    wanted = (200, b'{"echo":' + body.encode() + b"}")
    return None if answer == wanted else f"to {body}: {answer}, not {wanted}"


def neighbours(server, kept=2, new=1):
    return Load(
        server.port,
        TRUSTING,
        lambda n: f'"good {n}"',
        lambda n, *got: echoed(f'"good {n}"', got),
        kept,
        new,
        pause=0.01,
    )


def left_behind(before):
    """Processes of this test that started since then, and do not end."""

    def alive():
        now = processes()
        return {pid: start for pid, start in came.items() if now.get(pid, {}).get("start") == start}

    now = processes()
    came = {pid: now[pid]["start"] for pid in now if before.get(pid, {}).get("start") != now[pid]["start"]}
    wait_until(lambda: not alive(), 10)
    names = []
    for pid in alive():
        with open(f"/proc/{pid}/cmdline", "rb") as command:
            names.append(f"still alive: {pid} {command.read()}")
    return [name for name in names if "faulty-serve" in name or "sleep\\x0060" in name]


def costs_only_itself(server, misdeed, reason, words, victim):
    """A misdeed on a kept connection, between two good reviews."""
    before, counts, lines = processes(), server.metrics(), len(server.log.valid_records())
    body = json.dumps(f"{misdeed}@{victim}" if misdeed in NEEDS_VICTIM else misdeed)
    client = Client(server.port, TRUSTING)
    wrong = [echoed('"first"', client.ask('"first"'))]
    status, answer = client.ask(body)
    if status != 500 or set(json.loads(answer)) != {"error"}:
        wrong.append(f"got {status} {answer}")
    wrong.append(echoed('"last"', client.ask('"last"')))
    client.close()

    told = [line for line in server.log.valid_records()[lines:] if line["message"] == "review failed"]
    if len(told) != 1 or told[0]["level"] != "error" or told[0]["duration"] <= 0:
        wrong.append(f"the log says {told}")
    elif (
        words is not None and words not in told[0].get("detail", "") or words is None and "detail" in told[0]
    ):
        wrong.append(f"the detail in the log is {told[0].get('detail')!r}")
    now = server.metrics()
    if now['pisw_reviews_total{result="failed"}'] != counts['pisw_reviews_total{result="failed"}'] + 1:
        wrong.append("the review is not counted as failed")
    ended = [
        re.search('reason="(.*)"', name)[1]
        for name in now
        if now[name] != counts.get(name, 0) and name.startswith('pisw_processes_ended_total{process="review"')
    ]
    if len(ended) != 1 or ended[0] not in reason.split("|"):
        wrong.append(f"the process is counted as ended by {ended}, not {reason}")
    if (
        told
        and ended
        and not any(word in told[0]["reason"] for word in (ended[0], "too long", "without an answer"))
    ):
        wrong.append(f"the log's reason is {told[0]['reason']}")
    return [fault for fault in wrong + left_behind(before) if fault]


def kept_connections(server):
    victim = subprocess.Popen(["sleep", "600"])
    # An earlier run without a sandbox may have created it.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(FILE)
    with neighbours(server) as load:
        load.more(2)
        for misdeed, reason, words in (
            CRASHES + TOO_MUCH + NO_ANSWER + [(name, FORBIDDEN, None) for name in SYSTEM]
        ):
            check(
                f"{misdeed}: 500, logged as {reason}; the connection goes on, and no process is left",
                costs_only_itself,
                server,
                misdeed,
                reason,
                words,
                victim.pid,
            )
        check("good reviews go on meanwhile", lambda: [] if load.more(5) else ["they hang"])
    check("every good review got the right answer meanwhile", lambda: load.wrong)
    check(
        "the process that reviews tried to kill is alive",
        lambda: [] if victim.poll() is None else ["it is dead"],
    )
    check("reviews write only JSON into the log", server.log.not_json)
    check("no review created a file", lambda: [] if not os.path.exists(FILE) else ["it did"])
    victim.kill()
    victim.wait()


def status(pid):
    """The fields of a process's status."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines)


def has_filter(server):
    """A review has one filter more than its connection, which has the runtime's, and cannot gain privileges."""
    client = Client(server.port, TRUSTING)
    client.send(b'POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n"loop"')
    seen = {}

    def sees_review():
        for pid in descendants(server.pid):
            with contextlib.suppress(OSError, KeyError):
                now = status(pid)
                kind = "connection" if int(now["PPid"]) == server.pid else "review"
                seen[kind] = (now["Seccomp"], now["Seccomp_filters"], now["NoNewPrivs"])
        return seen.get("review", ("", ""))[1] == "2"

    wait_until(sees_review, 5)
    client.receive()
    client.close()
    wanted = {"connection": ("2", "1", "1"), "review": ("2", "2", "1")}
    return [] if seen == wanted else [f"{seen}, not {wanted}"]


def rehearsal_preferred(server):
    """The rehearsed review makes a call that the filter forbids. Reviews run without the filter, with a warning."""
    client = Client(server.port, TRUSTING)
    wrong = [echoed('"a review"', client.ask('"a review"'))]
    wrong.append(echoed('"ask for its parent"', client.ask('"ask for its parent"')))
    client.close()
    told = [line for line in server.records() if line["level"] == "warning"]
    if len(told) != 1 or "not confined" not in told[0]["message"] or "SIGSYS" not in told[0]["reason"]:
        wrong.append(f"the log says {told}")
    if server.metric('pisw_sandbox{process="review"}') != 0:
        wrong.append("pisw_sandbox is not 0")
    return [fault for fault in wrong if fault]


def rehearsal_required():
    """The same with --sandbox require: the server does not start."""
    ended = run(*CONFINED, *command("request", 4, "require", "ask for its parent"))
    return [] if ended.returncode == 71 else [f"status {ended.returncode}: {ended.stderr}"]


def small_things(server):
    client = Client(server.port, TRUSTING)
    check(
        "a valid answer that a review wrote byte by byte is accepted",
        lambda: [] if client.ask('"frame"') == (200, b'{"made":"by hand"}') else ["it is refused"],
    )
    check(
        "an answer with unknown decisions is accepted, and its images count as other",
        unknown_decisions,
        server,
        client,
    )
    check("a review's process has its own filter in addition to the runtime's", has_filter, server)
    check(
        "a review has only the descriptors of its two pipes",
        lambda: (
            [] if client.ask('"descriptors"') == (200, b'{"open":[1,2]}') else [client.ask('"descriptors"')]
        ),
    )
    check("the log of a crash has no text of an earlier good review", no_earlier_text, server, client)
    client.close()


def unknown_decisions(server, client):
    if client.ask('"frame: unknown decision"') != (200, b'{"made":"by hand"}'):
        return ["it is refused"]
    count = server.metric('pisw_images_total{decision="other",upstream="other"}')
    return [] if count == 1 else [f"counted {count}"]


def no_earlier_text(server, client):
    wrong = [echoed('"mutter"', client.ask('"mutter"'))]
    if client.ask('"null"')[0] != 500:
        wrong.append("the crash does not get a 500")
    told = [line for line in server.log.valid_records() if line["message"] == "review failed"][-1]
    if "detail" in told:
        wrong.append(f"the log of the crash has the detail {told['detail']!r}")
    return [fault for fault in wrong if fault]


def costs_its_connection(server, misdeed, reason):
    """A misdeed in the process of a connection: in its last review, or with isolation connection in any."""
    before, counts = processes(), server.metrics()
    client = Client(server.port, TRUSTING)
    wrong = []
    try:
        answer = client.ask(json.dumps(misdeed), closing=True)
        wrong.append(f"answered with {answer}")
    except Lost:
        pass
    client.close()
    other = Client(server.port, TRUSTING)
    wrong.append(echoed('"next"', other.ask('"next"')))
    other.close()
    name = 'pisw_processes_ended_total{process="connection",reason="%s"}'
    reasons = reason.split("|")
    if not wait_until(
        lambda: any(server.metric(name % r) == counts.get(name % r, 0) + 1 for r in reasons), 10
    ):
        wrong.append(f"the process is not counted as {reason}")
    ended = [line.get("signal") for line in server.log.valid_records() if line.get("process") == "connection"]
    if not set(reasons) & set(ended):
        wrong.append("the log does not mention it")
    return [fault for fault in wrong + left_behind(before) if fault]


def leaves_nothing(server, misdeed):
    before = processes()
    client = Client(server.port, TRUSTING)
    try:
        client.ask(json.dumps(misdeed), closing=True)
    except Lost:
        pass
    client.close()
    return left_behind(before)


LAST_REVIEWS = [(name, reason) for name, reason, _ in CRASHES] + [
    ("allocate", "SIGSYS"),
    ("loop", "SIGALRM"),
]


def last_reviews(server):
    with neighbours(server) as load:
        load.more(2)
        for misdeed, reason in LAST_REVIEWS:
            check(
                f"{misdeed} in a connection's last review ends only that connection",
                costs_its_connection,
                server,
                misdeed,
                reason,
            )
        check("reviews that shared their turns go on", lambda: [] if load.more(5) else ["they hang"])
        for misdeed in ["fork", "vfork", "spawn", "thread"]:
            check(
                f"{misdeed} in a connection's last review leaves no process",
                leaves_nothing,
                server,
                misdeed,
            )
    check("every good review beside last reviews got the right answer", lambda: load.wrong)
    check("last reviews write only JSON into the log", server.log.not_json)


def in_connections(server):
    with neighbours(server) as load:
        load.more(2)
        for misdeed, reason, _ in CRASHES:
            check(
                f"isolation connection: {misdeed} ends only that connection",
                costs_its_connection,
                server,
                misdeed,
                # Nothing confines a connection's process.
                reason.replace("SIGSYS", "SIGABRT"),
            )
    check("isolation connection: every good review got the right answer", lambda: load.wrong)


def turns_come_back(server):
    """There are two turns. Reviews that crash with their connection do not use them up."""
    for _ in range(6):
        client = Client(server.port, TRUSTING)
        try:
            return [f"answered with {client.ask(json.dumps('null'), closing=True)}"]
        except Lost:
            client.close()
    with neighbours(server, kept=4, new=0) as load:
        if not load.more(10):
            return ["reviews hang"]
    return load.wrong


def ten_crashes(server):
    """Crashes on one kept connection, while another is opened after the ninth and after the tenth."""
    wrong, client = [], Client(server.port, TRUSTING)

    def pauses():
        told = sum("ten reviews crashed" in line["message"] for line in server.log.valid_records())
        return server.metric("pisw_accept_pauses_total"), told

    for _ in range(9):
        client.ask('"null"')
    if pauses() != (0, 0):
        wrong.append(f"paused before the tenth: {pauses()}")
    client.ask('"null"')
    if not wait_until(lambda: pauses() == (1, 1), 5):
        wrong.append(f"no pause after the tenth: {pauses()}")
    start = time.monotonic()
    if echoed('"kept"', client.ask('"kept"')):
        wrong.append("the open connection was not served")
    kept = time.monotonic() - start
    other = Client(server.port, TRUSTING)
    wrong.append(echoed('"new"', other.ask('"new"')))
    new = time.monotonic() - start
    if new < 0.5:
        wrong.append(f"a new connection waited {new:.2f} s, the open one {kept:.2f} s")
    other.close()
    client.close()
    return [fault for fault in wrong if fault]


def slow_crashes(server):
    """Nine crashes, and nine more after ten seconds: no pause."""
    client = Client(server.port, TRUSTING)
    for _ in range(9):
        client.ask('"null"')
    time.sleep(10.5)
    for _ in range(9):
        client.ask('"null"')
    client.close()
    time.sleep(0.5)
    pauses = server.metric("pisw_accept_pauses_total")
    return [] if pauses == 0 else [f"{pauses} pauses"]


def ends(server):
    """SIGTERM ends the server with status 0, and no process is left."""
    below = descendants(server.pid)
    if server.terminate() != 0:
        return ["its status is not 0"]
    wait_until(lambda: not [pid for pid in below if pid in processes()], 5)
    return [
        f"still alive: {pid}"
        for pid, start in below.items()
        if processes().get(pid, {}).get("start") == start
    ]


def zombies(server):
    """Processes that have ended, and are not reaped within ten seconds."""

    def found():
        now = processes()
        return [f"{pid} {now[pid]}" for pid in descendants(server.pid, now) if now[pid]["state"] == "Z"]

    return [] if wait_until(lambda: not found(), 10) else found()


def main():
    with serve() as server:
        kept_connections(server)
        small_things(server)
        last_reviews(server)
        check(
            "afterwards the listener has no child processes",
            lambda: [] if wait_until(lambda: not descendants(server.pid), 10) else list(descendants(server.pid)),
        )
        check("the server ends on SIGTERM, and no process is left", ends, server)
    with serve(reviews=2) as server:
        check("turns of reviews that crashed with their connection come back", turns_come_back, server)
        check("no zombie is left", zombies, server)
    with serve() as server:
        check(
            "the tenth crash within ten seconds makes only new connections wait", ten_crashes, server
        )
    with serve(sandbox="prefer", sample="ask for its parent") as server:
        check("sandbox prefer: a failed rehearsal disables the filter with a warning", rehearsal_preferred, server)
    check("sandbox require: the server does not start after a failed rehearsal", rehearsal_required)
    with serve("connection", sandbox="prefer") as server:
        in_connections(server)
        check("isolation connection: the server ends on SIGTERM, and no process is left", ends, server)
    with serve() as server:
        check("nine crashes, and nine more ten seconds later, make no connection wait", slow_crashes, server)
    finish()


main()
