"""A machine that has run out of something: room for the log, someone who reads it, processes, descriptors.
Reviews go on where they can; where not, they wait or are told so, and all is well when there is enough
again."""

import concurrent.futures
import os
import resource
import subprocess
import time

from common import ANSWERS, REVIEWS, TLS, TRUSTING, WORK, command, load, report, serve, tokens
from serving import PATIENCE, Client, Lost, Server, check, descendants, free_ports, wait_until

HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
# Nobody else's: limits on processes count all those of a user.
AS_USER = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]


def talks(port, rounds=2):
    """All reviews over a kept connection, and each over one of its own."""
    wrong = []
    for closing in [False] * rounds + [True]:
        client = Client(port, TRUSTING)
        for review, answer in zip(REVIEWS, ANSWERS):
            if not client.socket:
                client.connect()
            got = client.post(review, closing)
            if got != (200, answer):
                wrong.append(f"got {got[0]} {got[1][:100]}")
        client.close()
    return wrong


def with_standard_error(redirect):
    """Reviews while standard error is what a shell makes of it; nobody sees what is logged, so the ports
    are given."""
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
            wrong.append("each review waits for the log")
        # The listener reads reports when it wakes: a tenth of a second later at most.
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
    """A pipe that nobody empties: each line waits a moment for its reader, and is lost."""
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
    """While processes are short, a review may be told so."""
    return (
        None
        if status == 200 and body == ANSWERS[n % len(ANSWERS)] or status == 503
        else f"{status} {body[:100]}"
    )


def no_processes():
    """The listener and a kept connection may not fork for a while."""
    os.chmod(WORK, 0o711)
    os.chmod(TLS, 0o755)
    os.chmod(TLS + "/key.pem", 0o644)
    wrong = []
    name = WORK + "/processes.log"
    with Server([*AS_USER, *command()], name) as server:
        kept = Client(server.port, TRUSTING)
        if kept.post(REVIEWS[0])[0] != 200:
            wrong.append("no review at first")
        below = list(descendants(server.pid))

        def bound(count):
            for pid in [server.pid, *below]:
                # The user's own processes, without any capability.
                subprocess.run([*AS_USER, "prlimit", "--pid", str(pid), f"--nproc={count}:"], check=True)

        bound(1)
        status, body = kept.post(REVIEWS[0])
        if status != 503 or b"error" not in body:
            wrong.append(f"a review without a process gets {status} {body}")
        if kept.post(REVIEWS[0])[0] != 503:
            wrong.append("and the connection does not go on")
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
        if kept.post(REVIEWS[0])[0] != 200:
            wrong.append("the kept connection has no review afterwards")
        if not [line for line in server.log() if line["message"].startswith("fork: ")]:
            wrong.append("the log does not tell")
        kept.close()
        if server.stop() != 0:
            wrong.append("the server does not end as it should")
    return wrong


def no_process_at_the_end():
    """A connection that is accepted while there is no process for it, in a server that is told to end."""
    wrong = []
    with Server([*AS_USER, *command("--drain-delay", "0")], WORK + "/end.log") as server:

        def bound(count):
            subprocess.run([*AS_USER, "prlimit", "--pid", str(server.pid), f"--nproc={count}:"], check=True)

        def told(message):
            return [line for line in server.log() if line["message"].startswith(message)]

        bound(1)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            got = pool.submit(lambda: Client(server.port, TRUSTING).post(REVIEWS[0]))
            if not wait_until(lambda: told("fork: ")):
                wrong.append("forking was not refused")
            server.process.terminate()
            if not wait_until(lambda: told("draining")):
                wrong.append("the server does not drain")
            time.sleep(0.5)
            bound(1000)
            try:
                if got.result() != (200, ANSWERS[0]):
                    wrong.append(f"the connection gets {got.result()}")
            except (OSError, Lost) as error:
                wrong.append(f"the connection is lost: {error!r}")
        if server.process.wait(PATIENCE) != 0:
            wrong.append("the server does not end as it should")
    return wrong


def few_processes():
    """Fewer processes than connections and reviews want, all the time: who is told so, or waits; then
    enough."""
    wrong = []
    with Server(["prlimit", "--nproc=12:", *AS_USER, *command()], WORK + "/few.log") as server:
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
    """The listener may not open anything for a while: new connections wait."""
    wrong = []
    with serve("descriptors") as server:
        kept = Client(server.port, TRUSTING)
        kept.post(REVIEWS[0])
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (5, HARD))
        with load(server, kept=2, new=3) as waiting:
            time.sleep(1)
            if waiting.done or waiting.faults:
                wrong.append(f"served {waiting.done}: {waiting.wrong[:3]}")
            if kept.post(REVIEWS[0])[0] != 200:
                wrong.append("a connection from before has no review")
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (HARD, HARD))
            if not waiting.more(5):
                wrong.append("reviews hang afterwards")
        wrong += waiting.wrong
        told = [line for line in server.log() if line["message"].startswith("accept: ")]
        if not told or len(told) > 40:
            wrong.append(f"the log tells it {len(told)} times")
        kept.close()
        if server.stop() != 0:
            wrong.append("the server does not end as it should")
    return wrong


def no_addresses():
    """ulimit -d 100 MB: less than the reserve of the heap and OpenSSL's own want together."""
    done = subprocess.run(["prlimit", "--data=100000000", *command()], capture_output=True, text=True, timeout=20, check=False)
    return [] if done.returncode == 71 and "cannot map OpenSSL's heap" in done.stderr else [done]


def few_descriptors():
    """ulimit -n 64, and 150 connections that are kept."""
    with Server(["prlimit", "--nofile=64:64", *command()], WORK + "/few-descriptors.log") as server:
        clients = [Client(server.port, TRUSTING) for _ in range(150)]
        wrong = []
        for i, client in enumerate(clients):
            got = client.post(REVIEWS[i % len(REVIEWS)])
            if got != (200, ANSWERS[i % len(ANSWERS)]):
                wrong.append(f"connection {i} gets {got[0]} {got[1][:100]}")
        for client in clients:
            client.close()
        wrong += talks(server.port)
        if server.stop() != 0:
            wrong.append("the server does not end as it should")
    return wrong


check("the disk is full: reviews go on without a log", with_standard_error, "2>/dev/full")
check(
    "standard error is closed: reviews go on, and no client gets a line of the log",
    with_standard_error,
    "2>&-",
)
check("every standard descriptor is closed: reviews go on", with_standard_error, "<&- >&- 2>&-")
check("who read the log is gone: reviews go on", gone_reader)
check("who reads the log reads nothing: reviews go on", slow_reader)
check("forking is refused: reviews get 503, connections wait, and all is well afterwards", no_processes)
check("a connection that waits for a process when the server is told to end is served", no_process_at_the_end)
check("there are too few processes: reviews wait or get 503, and all is well afterwards", few_processes)
check("there are no descriptors: connections wait, and all is well afterwards", no_descriptors)
check("64 descriptors are enough for 150 connections", few_descriptors)
check("without room for OpenSSL's memory the server says so, and does not start", no_addresses)
