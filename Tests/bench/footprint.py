#!/usr/bin/env python3
"""Measures the memory of pisw-serve, for the chart's requests and limits: the PSS of all its processes, idle and under
the largest possible reviews, with default options and with those that the chart sets for the original's values.

Run Build/build.sh first.
"""

import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "Tests"))
from harness.certificates import make_certificate  # noqa: E402
from harness.processes import descendants  # noqa: E402

PORT = 18440
SECONDS = 4


def pss(parent):
    """The PSS of a process and its descendants, in MiB."""
    total = 0
    for process in [parent, *descendants(parent)]:
        try:
            with open(f"/proc/{process}/smaps_rollup", encoding="utf-8") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            pass
    return total / 1024


def largest_review(size):
    with open(f"{TOP}/examples/reviews/bare-pod-without-labels.json", encoding="utf-8") as file:
        review = json.load(file)
    review["request"]["object"]["spec"]["containers"][0]["env"] = [
        {"name": f"V{number}", "value": "x" * 200} for number in range(size // 232)]
    return json.dumps(review).encode()


def measure(folder, options, clients, body):
    """The PSS in MiB, idle and at the peak, and the statuses of the answers."""
    command = [f"{TOP}/.build/static/release/pisw-serve", "--mirror", "docker.io=proxy.example.com",
               "--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/key.pem",
               "--listen", f"127.0.0.1:{PORT}", "--admin-listen", "off", "--drain-delay", "0", *options]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(1)
    idle, statuses, end = pss(server.pid), {}, time.monotonic() + SECONDS
    context = ssl._create_unverified_context()  # pylint: disable=protected-access

    def send():
        while time.monotonic() < end:
            request = urllib.request.Request(f"https://127.0.0.1:{PORT}/mutate", body,
                                             {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                    status = answer.status
            except urllib.error.HTTPError as error:
                status = error.code
            statuses[status] = statuses.get(status, 0) + 1

    threads = [threading.Thread(target=send) for _ in range(clients)]
    for thread in threads:
        thread.start()
    peak = 0
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, pss(server.pid))
    server.terminate()
    server.wait(30)
    return idle, peak, statuses


def main():
    with tempfile.TemporaryDirectory() as folder:
        make_certificate(folder, "localhost")
        print("                                        idle MiB   peak MiB   answers")
        for name, options, size in [
            ("default, small reviews", [], 1000),
            ("default, 8 MB reviews", [], 8_000_000),
            ("one review of 32 MiB, 8 MB reviews", ["--max-reviews", "1", "--review-memory", "32"], 8_000_000),
            ("one review of 16 MiB, 8 MB reviews", ["--max-reviews", "1", "--review-memory", "16"], 8_000_000),
        ]:
            idle, peak, statuses = measure(folder, options, 8, largest_review(size))
            print(f"{name:38}  {idle:8.1f}   {peak:8.1f}   {statuses}", flush=True)


if __name__ == "__main__":
    main()
