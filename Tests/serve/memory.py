# Searches the memory of processes for private keys, and stops the process of a review while it runs.

import os
import re
import select
import signal
import time
from pathlib import Path

from harness.checks import eventually
from harness.processes import children, run
from common import program, work

WINDOW = 16


def _pages(data):
    return [data[i:i + 4096] for i in range(0, len(data), 4096)]


_own = set(_pages(Path(program).read_bytes()))


def _numbers(key):
    """The private numbers of a key, big-endian, as `openssl pkey -text` prints them."""
    text = run("openssl", "pkey", "-in", work / f"{key}.key", "-noout", "-text").stdout.decode()
    found = re.findall(r"^(priv|privateExponent|prime1|prime2|exponent1|exponent2|coefficient):\n((?:    .*\n)+)",
                       text, re.M)
    numbers = {name: bytes.fromhex(re.sub(r"[\s:]", "", digits)).lstrip(b"\0") for name, digits in found}
    if sorted(numbers) not in (["priv"], ["coefficient", "exponent1", "exponent2", "prime1", "prime2",
                                          "privateExponent"]):
        raise AssertionError(text)
    return numbers


def secrets(key):
    """Windows of 16 bytes of a key's private numbers, in both byte orders, and of its PEM text.

    DER has them big-endian. For an elliptic curve, also of the number in Montgomery form. Windows of a number are 8
    bytes apart, so that any rest of 23 bytes or more is found.
    """
    forms = dict(_numbers(key))
    if "priv" in forms:
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        forms["priv * 2^256"] = (int.from_bytes(forms["priv"], "big") * 2**256 % order).to_bytes(32, "big")
    step = 1 if "priv" in forms else 8
    for name, number in list(forms.items()):
        forms[name + ", little end first"] = number[::-1]
    windows = {name: [number[i:i + WINDOW] for i in range(0, len(number) - WINDOW + 1, step)]
               for name, number in forms.items()}
    lines = (work / f"{key}.key").read_bytes().splitlines()
    windows["PEM"] = [line[i:i + WINDOW] for line in lines[1:-1] for i in range(0, len(line) - WINDOW + 1, 8)]
    return windows


def memory(pid):
    """Yields all memory of a process that this user may read."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            bounds, permissions, *rest = line.split()
            if permissions[0] != "r" or rest[-1] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            file.seek(start)
            while start < end:
                part = file.read(min(end - start, 1 << 26))
                if not part:
                    raise AssertionError(f"{line} cannot be read at {start:x}")
                start += len(part)
                yield part


def found(pid, *keys):
    """The names of the forms of keys in a process's memory. The process is stopped for the search, once it waits."""
    eventually("the process waits", lambda: status(pid)["State"][0] in "ST")
    is_stopped = status(pid)["State"][0] == "T"
    if not is_stopped:
        os.kill(pid, signal.SIGSTOP)
        eventually("the process stops", lambda: status(pid)["State"][0] == "T")
    try:
        names, total = set(), 0
        for part in memory(pid):
            total += len(part)
            # Most pages repeat one byte, or are those of the program's file. They contain no key.
            pages = _pages(part)
            part = b"".join(page for page in pages if page not in _own and page.count(page[0]) < len(page))
            names |= {name for windows in keys for name, needles in windows.items()
                      if any(needle in part for needle in needles)}
    finally:
        if not is_stopped:
            os.kill(pid, signal.SIGCONT)
    if total < 1 << 20:
        raise AssertionError(f"only {total} bytes of memory could be read")
    return names


def filters(pid):
    """The number of seccomp filters of a process: the runtime's, and its own."""
    return int(status(pid)["Seccomp_filters"])


def status(pid):
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def stop_review(connection, client, request):
    """Sends reviews over a connection until one of their processes could be stopped while it works. Returns that
    process.

    It has its filter by then. Continue it with SIGCONT.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        client.send(request)
        caught = None
        # If the response arrives, the review ended before it was seen.
        while not caught and not select.select([client.tls], [], [], 0)[0] and time.monotonic() < deadline:
            caught = next(iter(children(connection)), None)
        # At first the process is a copy of its parent. After it has installed its filter, it works for milliseconds.
        while Path(f"/proc/{caught}").exists():
            try:
                if filters(caught) > filters(connection):
                    os.kill(caught, signal.SIGSTOP)
                    eventually("the review stops", lambda: status(caught)["State"][0] in "TZ")
                    if status(caught)["State"][0] == "T":
                        return caught
                    break
            except (FileNotFoundError, ProcessLookupError, KeyError):
                break
        client.response()
    raise AssertionError("no review could be stopped while it worked")
