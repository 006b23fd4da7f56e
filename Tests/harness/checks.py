"""Checks, in the form that Tests/lib.sh counts: `ok      NAME`, or `FAILED  NAME` and lines about what is wrong."""

import sys
import threading
import time
import traceback

# A deadline only tells a hang from a slow machine. It never measures speed.
PATIENCE = 30
_printing = threading.Lock()
_failures = 0


def check(name, test, *arguments):
    """Runs a test, which fails by an exception, or by returning a list of what is wrong. Returns whether it passed."""
    global _failures
    start = time.monotonic()
    try:
        wrong = test(*arguments) or []
        if not isinstance(wrong, list):
            wrong = [f"the test must return nothing or a list, not {wrong!r}"]
    except Exception:  # any exception fails this check, and the next one runs
        wrong = traceback.format_exc().splitlines()
    seconds = time.monotonic() - start
    took = f" ({seconds:.0f} s)" if seconds >= 2 else ""
    with _printing:
        _failures += bool(wrong)
        print(("FAILED  " if wrong else "ok      ") + name + took, flush=True)
        for line in wrong[:30]:
            print(f"        {str(line)[:1000]}", flush=True)
    return not wrong


def finish():
    """Ends the program. The status is 1 if a check failed, else 0."""
    sys.exit(1 if _failures else 0)


def report(text):
    """Prints a figure for the reader."""
    with _printing:
        print("        " + text, flush=True)


def expect(what, got, wanted):
    """Raises unless both values are equal."""
    if got != wanted:
        raise AssertionError(f"{what}: {got!r:.400}, expected {wanted!r:.400}")


def wait_until(condition, seconds=PATIENCE, pause=0.02):
    """Waits until the condition's value is true. Returns its last value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(pause)


def eventually(what, condition, seconds=PATIENCE):
    """Waits until the condition's value is true, and returns it. Raises if that takes too long."""
    value = wait_until(condition, seconds)
    if not value:
        raise AssertionError(f"not within {seconds} s: {what}")
    return value
