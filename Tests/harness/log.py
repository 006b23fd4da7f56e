"""The log of a server: what it writes to standard error, as a rule a JSON object on each line."""

import json
import os
import subprocess
import threading
import time

from harness.checks import PATIENCE, expect


class Log:
    """What the kinds of logs have in common. `data` is everything written so far, `lines` its complete lines."""

    def records(self, message=None):
        """The lines as objects: all, or those with this message. Every line must be JSON."""
        records = [json.loads(line) for line in self.lines]
        return [record for record in records if message in (None, record["message"])]

    def valid_records(self):
        """The lines that are JSON objects, for servers whose processes may write something else when they crash."""
        return [record for record in map(parsed, self.lines) if record]

    def not_json(self):
        """The lines that are not JSON objects."""
        return [line for line in self.lines if not parsed(line)]


def parsed(line):
    """The JSON object of a line, or None."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


class PipeLog(Log):
    """A pipe. `follow` reads it in a thread until every process that has it has ended."""

    def __init__(self):
        self.target, self.data, self.lines = subprocess.PIPE, b"", []
        self.rest, self.stream, self.reader = b"", None, None

    def attach(self, process):
        self.stream = process.stderr

    def advance(self):
        """Reads once. Returns whether the pipe is still open."""
        part = self.stream.read1(65536)
        self.data += part
        *whole, self.rest = (self.rest + part).split(b"\n")
        self.lines += whole
        return bool(part)

    def follow(self):
        def read_on():
            while self.advance():
                pass
        self.reader = threading.Thread(target=read_on, daemon=True)
        self.reader.start()

    def expect_end(self):
        """Every process of the server must have ended, because each has the pipe."""
        self.reader.join(PATIENCE)
        expect("a process still has the log open", self.reader.is_alive(), False)


class UnreadLog(PipeLog):
    """A pipe that nobody reads once the server listens."""

    def follow(self):
        pass

    def expect_end(self):
        pass


class FileLog(Log):
    """A file, which may have lines of earlier servers."""

    def __init__(self, path):
        self.path, self.start = path, os.path.getsize(path) if os.path.exists(path) else 0
        self.target, self.process = open(path, "ab"), None

    def attach(self, process):
        self.process = process
        self.target.close()

    @property
    def data(self):
        with open(self.path, "rb") as file:
            file.seek(self.start)
            return file.read()

    @property
    def lines(self):
        return self.data.split(b"\n")[:-1]

    def advance(self):
        """Waits for a moment. Returns whether the server is still running."""
        time.sleep(0.02)
        return self.process.poll() is None

    def follow(self):
        pass

    def expect_end(self):
        pass
