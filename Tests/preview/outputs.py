"""The outputs of `pisw preview` for machines, each read by an independent program.

outputs.py PISW CONFIG FOLDER SCHEMA, in the folder that contains FOLDER.
"""

import json
import re
import subprocess
import sys
import urllib.parse

import jsonpatch
import jsonschema
import yaml

PISW, CONFIG, FOLDER, SCHEMA = sys.argv[1:]
BAD = "kind: Pod\nspec: [\n"


def run(output, *paths, stdin="", status=0):
    command = [PISW, "preview", "--config", CONFIG, "--output", output, *paths]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == status, done
    return done.stdout


def objects(document):
    if isinstance(document, dict) and str(document.get("kind", "")).endswith("List"):
        for item in document["items"]:
            yield from objects(item)
    elif isinstance(document, dict) and "kind" in document:
        yield document


def every_object(text):
    return [o for d in yaml.load_all(text, Loader=yaml.CSafeLoader) for o in objects(d)]


def identity(thing):
    metadata = thing["metadata"]
    return thing["kind"], metadata.get("namespace", "default"), metadata.get("name", metadata.get("generateName"))


report = json.loads(run("json", FOLDER, "-", stdin=BAD, status=65))
with open(SCHEMA, encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.Draft202012Validator(schema).validate(report)
changes = [f for f in report["findings"] if f["redirectedTo"]]
assert len(changes) > 20 and len(report["findings"]) > len(changes) > report["summary"]["edits"]
assert [p["file"] for p in report["problems"]] == ["<stdin>"]
print("json: follows its schema, and names every finding and problem")

names = sorted({f["redirectedTo"] for f in changes})
assert run("images", FOLDER).split() == names
already = run("images", stdin='{"kind":"Pod","apiVersion":"v1","spec":{"containers":[{"name":"c",'
              '"image":"proxy.example.com/x"}]}}')
assert already == "proxy.example.com/x\n"
print("images: each proxied name once, also those that were written in the manifests")

# Documents that JSON and PyYAML read alike.
files = sorted({f["file"] for f in changes if not f["file"].endswith(".json")})
edited = {identity(o): o for f in files for o in every_object(run("yaml", f))}
patches = {(p["kind"], p["namespace"], p["name"]): p for p in json.loads(run("patch", FOLDER))}
assert len(patches) == len({(f["file"], f["kind"], f["namespace"], f["name"]) for f in changes})
compared = 0
for path in files:
    with open(path, encoding="utf-8-sig", newline="") as file:
        for thing in every_object(file.read()):
            key = identity(thing)
            stays = any(f["redirectedTo"] and not f["becomes"] for f in changes if f["name"] == key[2])
            if key in patches and not stays:
                after = jsonpatch.apply_patch(thing, patches[key]["patch"])
                assert after["spec" if "spec" in after else "template"] == edited[key]["spec" if "spec" in after else "template"], key
                compared += 1
assert compared > 10
print(f"patch: applied by python3-jsonpatch to {compared} objects, it gives what --output yaml has")

lines = run("github", FOLDER, "-", stdin=BAD, status=65).splitlines()
pattern = re.compile(r"::(warning|error) file=([^,]+),line=(\d+),col=(\d+),title=[^:,]+::(.+)")
found = [pattern.fullmatch(line).groups() for line in lines]
assert [(f, int(l), int(c)) for level, f, l, c, _ in found if level == "warning"] == [
    (f["file"], f["line"], f["column"]) for f in changes]
assert [f for level, f, *_ in found if level == "error"] == ["<stdin>"]
print("github: an annotation at every change and problem")

issues = json.loads(run("gitlab", FOLDER, "-", stdin=BAD, status=65))
assert len(issues) == len(changes) + 1 == len({i["fingerprint"] for i in issues})
for issue in issues:
    assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
    assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
    assert isinstance(issue["location"]["path"], str) and issue["location"]["lines"]["begin"] >= 1
POD = "kind: Pod\napiVersion: v1\nspec: {containers: [{name: c, image: nginx}]}\n"
twice, moved = (
    [i["fingerprint"] for i in json.loads(run("gitlab", stdin=text))]
    for text in (POD + "---\n" + POD, "# a line more\n" + POD))
assert len(set(twice)) == 2, "two equal images have the same fingerprint"
assert moved == twice[:1], "a fingerprint changes when lines move"
print("gitlab: a code quality report with different fingerprints")

sarif = json.loads(run("sarif", FOLDER, "-", stdin=BAD, status=65))
assert sarif["version"] == "2.1.0" and len(sarif["runs"]) == 1
rules = {r["id"] for r in sarif["runs"][0]["tool"]["driver"]["rules"]}
results = sarif["runs"][0]["results"]
assert {r["ruleId"] for r in results} == rules and {r["level"] for r in results} == {"note", "error"}
places = [r["locations"][0]["physicalLocation"] for r in results]
assert [(urllib.parse.unquote(p["artifactLocation"]["uri"]), p["region"]["startLine"], p["region"]["startColumn"])
        for p in places[:-1]] == [(f["file"], f["line"], f["column"]) for f in changes]
assert places[-1]["artifactLocation"]["uri"] == "%3Cstdin%3E"
print("sarif: 2.1.0, a result at every change and problem")

table = run("table", FOLDER).splitlines()
assert len(table) == len(report["findings"]) + 1 and table[0].split() == "FILE LINE OBJECT CONTAINER IMAGE BECOMES WHY".split()
assert len({line.index(word) for line, word in ((table[0], "LINE"),)}) == 1
for line, finding in zip(table[1:], report["findings"]):
    cells = re.split(r" {2,}", line)
    assert len(cells) == 7 and cells[0] == finding["file"] and cells[1] == str(finding["line"]), line
    assert cells[5] == (finding["becomes"] or "-"), line
print("table: seven columns, a row for every image")

for output, empty in (("diff", ""), ("table", ""), ("yaml", "a: b\n"), ("images", ""), ("github", ""), ("gitlab", "[]\n"),
                      ("patch", "[]\n")):
    assert run(output, stdin="a: b\n") == empty, output
print("without images, each output is empty in its format")
