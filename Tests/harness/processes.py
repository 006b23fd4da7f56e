"""Processes: running programs, and what /proc says about them."""

import os
import subprocess
import sys
from pathlib import Path

from harness.checks import PATIENCE

# Commands before a program that run it under a seccomp filter, as a container runtime does: one that allows everything,
# and one that refuses further filters.
CONFINED = (sys.executable, str(Path(__file__).parent / "confined.py"), "all")
WITHOUT_FILTERS = (*CONFINED[:-1], "no-filters")


def run(*command, **options):
    """Runs a program to its end."""
    return subprocess.run([str(word) for word in command], capture_output=True, timeout=PATIENCE * 2, **options)


def processes():
    """Every process: its parent, its state, and its start, which tells it from a later process with the same id."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                    fields = stat.read().rpartition(") ")[2].split()
            except OSError:
                continue
            found[int(entry)] = {"state": fields[0], "parent": int(fields[1]), "start": int(fields[19])}
    return found


def descendants(root, of=None):
    """The processes below one: {id: start}."""
    of = of or processes()
    below, grown = {root}, True
    while grown:
        more = {pid for pid, process in of.items() if process["parent"] in below} - below
        grown = bool(more)
        below |= more
    return {pid: of[pid]["start"] for pid in below - {root}}


def children(pid):
    """The children of a process. This is fast, because a review's process lives for less than a millisecond."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb", buffering=0) as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []
