"""Images that a node never pulls stay in every output of the preview. A comment after each image in the input names the
expected result.

never.py PISW INPUT
"""

import json
import re
import subprocess
import sys

PISW, INPUT = sys.argv[1:]
MIRROR = ("--mirror", "*=p.io/{registry}")
NEVER = "left alone: nothing is pulled (imagePullPolicy Never)"
ID = "left alone: an image ID of the node, not a name"
SHARED = "not edited: an anchor shares it with what stays"


def run(*arguments, status=0):
    done = subprocess.run([PISW, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == status, done
    return done


with open(INPUT, encoding="utf-8") as file:
    text = file.read()
# The number of each line with an image, and its comment.
told = {i: line.rpartition("# ")[2] for i, line in enumerate(text.splitlines(), 1)
        if re.search(r"(image|reference): .*  # ", line)}
becomes = {i: word for i, word in told.items() if word.startswith("p.io/")}
pulled = sorted([*becomes.values(), "p.io/docker.io/library/both:1"])
assert len(told) == 29 and len(becomes) == 11, (len(told), len(becomes))
# The image of an alias has the place of its anchor.
where = {i + (-1 if word == "shared" else 0) for i, word in told.items()}

report = json.loads(run("preview", *MIRROR, "--output", "json", INPUT).stdout)
assert {f["line"] for f in report["findings"]} == where and not report["problems"] + report["warnings"]
for finding in report["findings"]:
    word = "shared" if finding["container"] == "m6" else told[finding["line"]]
    reason = {"never": NEVER, "id": ID, "shared": SHARED}.get(word, "redirected")
    assert finding["decision"] == reason, (finding, word)
    assert finding["becomes"] == (word if reason == "redirected" else None), finding
    assert finding["redirectedTo"] == ("p.io/docker.io/library/both:1" if word == "shared" else finding["becomes"])
print(f"json: {len(told)} images, each with its reason")

assert run("preview", *MIRROR, "--output", "images", INPUT).stdout.split() == pulled
print("images: only images that are pulled")

lines = text.splitlines()
for i, image in becomes.items():
    written = re.search(r'(image|reference): "?([^ ",{}]+)', lines[i - 1])
    lines[i - 1] = lines[i - 1][:written.start(2)] + image + lines[i - 1][written.end(2):]
edited = run("preview", *MIRROR, "--output", "yaml", INPUT).stdout
assert edited.splitlines() == lines, edited
diff = run("preview", *MIRROR, INPUT).stdout.splitlines()
assert [line[1:] for line in diff if re.match(r"\+[^+]", line)] == [lines[i - 1] for i in becomes], diff
print("yaml and diff: lines of images that stay do not change")

table = {row.split()[1]: row for row in run("preview", *MIRROR, "--output", "table", INPUT).stdout.splitlines()[1:]
         if "(m6)" not in row}
assert {int(i) for i, row in table.items() if NEVER in row} == {i for i, word in told.items() if word == "never"}
assert {int(i) for i, row in table.items() if ID in row} == {i for i, word in told.items() if word == "id"}
explained = run("preview", *MIRROR, "--explain", INPUT).stderr
assert explained.count(NEVER) == list(told.values()).count("never") and explained.count(ID) == 2, explained
explained = run("explain", *MIRROR, INPUT).stdout
assert explained.count(f"decision     {NEVER}\n") == list(told.values()).count("never"), explained
print("table, --explain, pisw explain: the same reasons")

patches = json.loads(run("preview", *MIRROR, "--output", "patch", INPUT).stdout)
assert sorted(o["value"] for p in patches for o in p["patch"]) == pulled, patches
sarif = json.loads(run("preview", *MIRROR, "--output", "sarif", INPUT).stdout)
gitlab = json.loads(run("preview", *MIRROR, "--output", "gitlab", INPUT).stdout)
github = run("preview", *MIRROR, "--output", "github", INPUT).stdout.splitlines()
assert len(sarif["runs"][0]["results"]) == len(gitlab) == len(github) == len(pulled)
print("patch, sarif, gitlab, github: only images that are pulled")
