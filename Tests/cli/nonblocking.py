"""nonblocking.py PROGRAM REVIEW: gives the program a non-blocking standard input and output, writes late and reads
late."""

import json
import os
import subprocess
import sys
import threading
import time

program, path = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    review = json.load(file)
# The answer is larger than a pipe's buffer.
review["request"]["object"]["spec"]["containers"] = [{"name": f"c{i}", "image": "nginx"} for i in range(5000)]

input_end, feed = os.pipe()
drain, output_end = os.pipe()
os.set_blocking(input_end, False)
os.set_blocking(output_end, False)
process = subprocess.Popen([program, "--mirror", "docker.io=p.example.com"], stdin=input_end, stdout=output_end)
os.close(input_end)
os.close(output_end)


def send():
    time.sleep(0.3)
    with os.fdopen(feed, "wb") as stream:
        stream.write(json.dumps(review).encode())


threading.Thread(target=send).start()
time.sleep(0.6)
with os.fdopen(drain, "rb") as stream:
    answer = json.loads(stream.read())
assert process.wait(timeout=10) == 0, process.returncode
assert answer["response"]["patchType"] == "JSONPatch"
