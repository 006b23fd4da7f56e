"""A machine without enough of something: room for the log, a reader of the log, processes, descriptors. Reviews go on
where they can. Otherwise they wait or get a 503, and everything works again when there is enough."""

import concurrent.futures
import os
import resource
import subprocess
import time

from harness.checks import PATIENCE, check, finish, report, wait_until
from harness.client import Client, Lost
from harness.processes import descendants, run
from harness.server import free_ports
from common import ANSWERS, REVIEWS, TLS, TRUSTING, WORK, command, load, serve, tokens

HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
# A user without other processes, because a limit on processes counts all of a user.
AS_USER = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]


def talks(port, rounds=2):
    """Sends all reviews over a kept connection, and then each over its own connection."""
    wrong = []
    for closing in [False] * rounds + [True]:
        client = Client(port, TRUSTING)
        for review, answer in zip(REVIEWS, ANSWERS):
            if not client.tls:
                client.connect()
            got = client.ask(review, closing)
            if got != (200, answer):
                wrong.append(f"got {got[0]} {got[1][:100]}")
        client.close()
    return wrong


def with_standard_error(redirect):
    """Sends reviews while a shell redirects standard error. The log cannot be read, so the ports are given."""
    ports = free_ports(2)
    process = subprocess.Popen(
        ["bash", "-c", 'exec "$@" ' + redirect, "bash", *command("--drain-delay", "0", ports=ports)]
    )
    try:
        if not wait_until(lambda: listens(ports[0])):
            return ["does not listen"]
        start = time.monotonic()
        wrong = talks(ports[0])
        took = time.monotonic() - start
        report(f"{3 * len(REVIEWS)} reviews in {took:.2f} s")
        if took > 5:
            wrong.append("reviews wait for the log")
        # The listener reads reports within a tenth of a second.
        if not wait_until(lambda: tokens(process.pid) == [0, 2, 4]):
            wrong.append(f"the pipes of turns hold {tokens(process.pid)}")
        process.terminate()
        if process.wait(PATIENCE) != 0:
            wrong.append(f"ends with {process.returncode}")
        return wrong
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def listens(port):
    try:
        Client(port, TRUSTING).close()
        return True
    except OSError:
        return False


def slow_reader():
    """The log is a full pipe that nobody reads. Each line waits for a moment, and is lost."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        try:
            while True:
                os.write(writing, bytes(4096))
        except BlockingIOError:
            os.set_blocking(writing, True)
        return with_descriptor(writing)
    finally:
        os.close(reading)
        os.close(writing)


def with_descriptor(writing):
    ports = free_ports(2)
    process = subprocess.Popen(command("--drain-delay", "0", ports=ports), stderr=writing)
    try:
        if not wait_until(lambda: listens(ports[0])):
            return ["does not listen"]
        start = time.monotonic()
        wrong = talks(ports[0], rounds=1)
        report(f"{2 * len(REVIEWS)} reviews in {time.monotonic() - start:.2f} s")
        process.terminate()
        if process.wait(PATIENCE) != 0:
            wrong.append(f"ends with {process.returncode}")
        return wrong
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def gone_reader():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return with_descriptor(writing)
    finally:
        os.close(writing)


def tolerant(n, status, body):
    """What is wrong with an answer, where a 503 is allowed, too."""
    return (
        None
        if status == 200 and body == ANSWERS[n % len(ANSWERS)] or status == 503
        else f"{status} {body[:100]}"
    )


def no_processes():
    """The listener and a kept connection cannot fork for a while."""
    os.chmod(WORK, 0o711)
    os.chmod(TLS, 0o755)
    os.chmod(TLS + "/key.pem", 0o644)
    wrong = []
    with serve("processes", before=AS_USER) as server:
        kept = Client(server.port, TRUSTING)
        if kept.ask(REVIEWS[0])[0] != 200:
            wrong.append("the first review gets no answer")
        below = list(descendants(server.pid))

        def bound(count):
            for pid in [server.pid, *below]:
                # As that user, without any capability.
                subprocess.run([*AS_USER, "prlimit", "--pid", str(pid), f"--nproc={count}:"], check=True)

        bound(1)
        status, body = kept.ask(REVIEWS[0])
        if status != 503 or b"error" not in body:
            wrong.append(f"a review without a process gets {status} {body}")
        if kept.ask(REVIEWS[0])[0] != 503:
            wrong.append("the connection does not go on")
        waiting = load(server, kept=2, new=2, judge=tolerant)
        with waiting:
            time.sleep(1.5)
            refused = len(waiting.faults)
            bound(1000)
            if not waiting.more(3):
                wrong.append("reviews hang afterwards")
            after = waiting.wrong[refused:]
        report(f"{refused} connections refused while there were no processes")
        wrong += waiting.wrong[:5] + after
        if kept.ask(REVIEWS[0])[0] != 200:
            wrong.append("the kept connection gets no answer afterwards")
        if not [line for line in server.records() if line["message"].startswith("fork: ")]:
            wrong.append("the log does not mention it")
        kept.close()
        if server.terminate() != 0:
            wrong.append("the exit status is not 0")
    return wrong


def no_process_at_the_end():
    """A connection is accepted while no process can be forked for it, and the server gets SIGTERM."""
    wrong = []
    with serve("end", "--drain-delay", "0", before=AS_USER) as server:

        def bound(count):
            subprocess.run([*AS_USER, "prlimit", "--pid", str(server.pid), f"--nproc={count}:"], check=True)

        def logged(message):
            return [line for line in server.records() if line["message"].startswith(message)]

        bound(1)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            got = pool.submit(lambda: Client(server.port, TRUSTING).ask(REVIEWS[0]))
            if not wait_until(lambda: logged("fork: ")):
                wrong.append("the listener could fork")
            server.process.terminate()
            if not wait_until(lambda: logged("draining")):
                wrong.append("the server does not drain")
            time.sleep(0.5)
            bound(1000)
            try:
                if got.result() != (200, ANSWERS[0]):
                    wrong.append(f"the connection gets {got.result()}")
            except (OSError, Lost) as error:
                wrong.append(f"the connection is lost: {error!r}")
        if server.process.wait(PATIENCE) != 0:
            wrong.append("the exit status is not 0")
    return wrong


def few_processes():
    """There are too few processes for all connections and reviews: requests get a 503 or wait. Then there are enough."""
    wrong = []
    with serve("few", before=["prlimit", "--nproc=12:", *AS_USER]) as server:
        with load(server, kept=12, new=4, judge=tolerant) as crowd:
            time.sleep(4)
            refused = list(crowd.wrong)
        report(f"{crowd.done} requests, of which {len(refused)} got no answer at all")
        wrong += refused[:5]
        wait_until(lambda: not descendants(server.pid), 10)
        with load(server, kept=2, new=1) as few:
            if not few.more(10):
                wrong.append("reviews hang afterwards")
        wrong += few.wrong
    return wrong


def no_descriptors():
    """The listener cannot open descriptors for a while: new connections wait."""
    wrong = []
    with serve("descriptors") as server:
        kept = Client(server.port, TRUSTING)
        kept.ask(REVIEWS[0])
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (5, HARD))
        with load(server, kept=2, new=3) as waiting:
            time.sleep(1)
            if waiting.done or waiting.faults:
                wrong.append(f"{waiting.done} requests were served: {waiting.wrong[:3]}")
            if kept.ask(REVIEWS[0])[0] != 200:
                wrong.append("the open connection gets no answer")
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (HARD, HARD))
            if not waiting.more(5):
                wrong.append("reviews hang afterwards")
        wrong += waiting.wrong
        lines = [line for line in server.records() if line["message"].startswith("accept: ")]
        if not lines or len(lines) > 40:
            wrong.append(f"the log mentions it {len(lines)} times")
        kept.close()
        if server.terminate() != 0:
            wrong.append("the exit status is not 0")
    return wrong


def no_addresses():
    """ulimit -d 100 MB: less than the heap's reserve and OpenSSL's memory together."""
    done = run("prlimit", "--data=100000000", *command(), text=True)
    return [] if done.returncode == 71 and "cannot map OpenSSL's heap" in done.stderr else [done]


def few_descriptors():
    """ulimit -n 64, and 150 kept connections."""
    with serve("few-descriptors", before=["prlimit", "--nofile=64:64"]) as server:
        clients = [Client(server.port, TRUSTING) for _ in range(150)]
        wrong = []
        for i, client in enumerate(clients):
            got = client.ask(REVIEWS[i % len(REVIEWS)])
            if got != (200, ANSWERS[i % len(ANSWERS)]):
                wrong.append(f"connection {i} gets {got[0]} {got[1][:100]}")
        for client in clients:
            client.close()
        wrong += talks(server.port)
        if server.terminate() != 0:
            wrong.append("the exit status is not 0")
    return wrong


check("the disk is full: reviews go on without a log", with_standard_error, "2>/dev/full")
check(
    "standard error is closed: reviews go on, and no client gets a log line",
    with_standard_error,
    "2>&-",
)
check("all standard descriptors are closed: reviews go on", with_standard_error, "<&- >&- 2>&-")
check("the reader of the log has gone: reviews go on", gone_reader)
check("the reader of the log reads nothing: reviews go on", slow_reader)
check("fork fails: reviews get a 503, connections wait, and everything works afterwards", no_processes)
check("a connection that waits for a process at SIGTERM is served", no_process_at_the_end)
check("too few processes: reviews wait or get a 503, and everything works afterwards", few_processes)
check("no free descriptors: connections wait, and everything works afterwards", no_descriptors)
check("64 descriptors suffice for 150 connections", few_descriptors)
check("too little memory for OpenSSL: the server says so, and does not start", no_addresses)
finish()
