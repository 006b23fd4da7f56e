"""Load: clients that send reviews all the time."""

import threading
import time

from harness.checks import PATIENCE, wait_until
from harness.client import Client, Lost


class Load:
    """Clients that send reviews until they are stopped, each in a thread. Every answer is checked.

    `ask(n)` makes a review, and `judge(n, status, body)` says what is wrong with its answer. The first `kept` clients
    keep their connections. The `new` others open one for each request.
    """

    def __init__(self, port, tls, ask, judge, kept=3, new=1, pause=0.0):
        self.port, self.tls, self.ask, self.judge, self.pause = port, tls, ask, judge, pause
        self.stopping = threading.Event()
        self.faults, self.done, self.slowest, self.connections = [], 0, 0.0, 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i, i < kept)) for i in range(kept + new)]
        self.by_client = [0] * len(self.threads)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    @property
    def wrong(self):
        return [
            f"request {fault['n']} over {fault['port']} at {fault['at']}, {fault['what']}: {fault['text']}"
            for fault in self.faults
        ]

    def run(self, number, keeps):
        client = Client(self.port, self.tls, connect_now=False)
        n = number * 1_000_000
        while not self.stopping.is_set():
            n += 1
            start, what, port, text = time.monotonic(), "connecting", None, None
            try:
                # A client that keeps its connection opens another only if the server closed it between two requests.
                if client.was_closed():
                    client.connect()
                what, port = "lost", client.local_port
                status, body = client.ask(self.ask(n), closing=not keeps)
                what, text = f"status {status}", self.judge(n, status, body)
            except (Lost, OSError) as error:
                port, text = client.local_port, repr(error)
                client.close()
            except Exception as error:  # a response that is not valid; the thread goes on
                what, text = "invalid", repr(error)
                client.close()
            took = time.monotonic() - start
            with self.lock:
                self.done += 1
                self.by_client[number] += 1
                self.slowest = max(self.slowest, took)
                if text:
                    at = time.strftime("%X") + f" after {took:.2f} s"
                    self.faults.append({"n": n, "port": port, "at": at, "what": what, "text": text})
            if self.pause:
                time.sleep(self.pause)
        with self.lock:
            self.connections += client.connections
        client.close()

    def more(self, count=1, seconds=PATIENCE):
        """Waits until every client has sent that number of further requests. Returns whether they have."""
        target = [done + count for done in self.by_client]
        return bool(wait_until(lambda: all(map(int.__ge__, self.by_client, target)), seconds))
