"""pisw review makes each captured review from the pod in it. The fields must be those of the real review, and
pisw-mutate must answer both alike.

reviews.py PISW PISW-MUTATE FOLDER
"""

import glob
import json
import os
import subprocess
import sys
import tempfile

pisw, mutate, folder = sys.argv[1:]
scratch = tempfile.mkdtemp()


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def write(name, value):
    path = os.path.join(scratch, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)
    return path


def response(review):
    answer = json.loads(run(mutate, "--mirror", "docker.io=proxy.example.com", text=review))["response"]
    del answer["uid"]
    return answer


def compare(path):
    """Compares a captured review with one that pisw makes. Returns the operation, or None if pisw cannot make it."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    real = json.loads(text)["request"]
    if not real["object"] or "subResource" in real:
        return None
    command = [pisw, "review", write("new.json", real["object"])]
    if real["oldObject"]:
        command += ["--old", write("old.json", real["oldObject"])]
    review = run(*command)
    ours = json.loads(review)["request"]
    for name in ("kind", "resource", "requestKind", "requestResource", "name", "namespace", "operation"):
        assert ours.get(name) == real.get(name), f"{path}: {name}: {ours.get(name)}, captured {real.get(name)}"
    missing = real.keys() - ours.keys()
    assert not missing and ours["userInfo"]["username"], f"{path}: without {missing}"
    assert ours["options"]["kind"] == real["options"]["kind"], path
    for name in ("object", "oldObject"):
        # A review does not depend on the pod's status.
        if real[name]:
            real[name].pop("status", None)
        assert ours[name] == real[name], f"{path}: {name} differs"
    assert response(review) == response(text), f"{path}: the answers differ"
    return real["operation"]


operations = [compare(path) for path in sorted(glob.glob(folder + "/*.json"))]
assert operations.count("CREATE") >= 9 and operations.count("UPDATE") >= 2, operations
print(len(operations) - operations.count(None), "reviews")
