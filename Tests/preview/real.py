"""PyYAML and `pisw-mutate` check `pisw preview` on manifests.

real.py PISW PISW-MUTATE CONFIG FOLDER [PROBLEMS]

For every file in the folder, `--write` changes only images, as PyYAML reads them, and only those that `--output json`
names. Every other byte stays. Each pod, which this program finds on its own, has the images that the patch of
`pisw-mutate` gives it. `--output yaml` prints the same text, and `--check` then finds nothing. PROBLEMS is the number
of expected problems (0). Prints how much was covered.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import jsonpatch
import yaml

PISW, MUTATE, CONFIG = sys.argv[1:4]
LISTS = ("containers", "initContainers", "volumes")


def run(*arguments, status=(0,)):
    done = subprocess.run([PISW, "preview", "--config", CONFIG, *arguments], capture_output=True, check=False)
    if done.returncode not in status:
        sys.exit(f"{arguments}: status {done.returncode}: {done.stderr.decode()}")
    return done.stdout


def load(path, text):
    if path.endswith(".json"):
        return [json.loads(text)]
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))


def differences(before, after, path=""):
    """The JSON pointers at which two values differ, with both values."""
    if type(before) is not type(after):
        yield path, before, after
    elif isinstance(before, dict):
        if list(before) != list(after):
            yield path, list(before), list(after)
        for key in before:
            step = str(key).replace("~", "~0").replace("/", "~1")
            yield from differences(before[key], after.get(key), f"{path}/{step}")
    elif isinstance(before, list):
        if len(before) != len(after):
            yield path, before, after
        for index, (old, new) in enumerate(zip(before, after)):
            yield from differences(old, new, f"{path}/{index}")
    elif before != after:
        yield path, before, after


def objects(document):
    """The Kubernetes objects of a document: the document itself, or the items of a list."""
    if not isinstance(document, dict) or not document.get("kind"):
        return
    if document["kind"].endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from objects(item)
    else:
        yield document


def pods(value):
    """Every mapping whose `spec` has a list of containers."""
    if isinstance(value, dict):
        spec = value.get("spec")
        containers = spec.get("containers") if isinstance(spec, dict) else None
        if isinstance(containers, list) and any(isinstance(c, dict) and "image" in c for c in containers):
            yield value
            return
        for member in value.values():
            yield from pods(member)
    elif isinstance(value, list):
        for element in value:
            yield from pods(element)


def images(pod):
    for name in LISTS:
        for entry in pod["spec"].get(name) or []:
            image = entry.get("image")
            if isinstance(image, (str, dict)):
                yield image.get("reference") if name == "volumes" else image


def patched(pod, namespace):
    """The pod after the webhook's patch."""
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u", "operation": "CREATE", "namespace": namespace,
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "object": {"kind": "Pod", "metadata": pod.get("metadata"), "spec": pod["spec"]},
        },
    }
    done = subprocess.run(
        [MUTATE, "--config", CONFIG], input=json.dumps(review, default=str).encode(), capture_output=True, check=False)
    if done.returncode != 0:
        return review["request"]["object"]
    patch = json.loads(done.stdout)["response"].get("patch")
    if not patch:
        return review["request"]["object"]
    return jsonpatch.apply_patch(review["request"]["object"], json.loads(base64.b64decode(patch)))


def offset(lines, line, column):
    """The byte offset of a line and column."""
    before = b"".join(lines[: line - 1])
    return len(before) + len(lines[line - 1].decode()[: column - 1].encode())


def name_span(text, start, image):
    """The range of an image's name in a scalar: after anchor and tag, within quotes, or in a block."""
    start = re.compile(rb"(?:[&!]\S*\s+)*").match(text, start).end()
    if text[start:start + 1] in (b"'", b'"'):
        return start + 1, text.index(text[start:start + 1], start + 1)
    start = text.index(image, start)
    return start, start + len(image)


def same_beside(name, text, output, findings):
    """Every byte outside the edited names must be the same."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    place, shift = 0, 0
    edits = {(f["line"], f["column"]): f for f in findings}
    for (line, column), finding in sorted(edits.items()):
        new = finding["becomes"].encode()
        start, end = name_span(text, offset(lines, line, column), finding["image"].encode())
        assert text[place:start] == output[place + shift: start + shift], f"{name}:{line}: other bytes changed"
        assert output[start + shift:].startswith(new), f"{name}:{line}: not {new} but {output[start + shift:][:80]}"
        place = end
        shift += len(new) - (end - start)
    assert text[place:] == output[place + shift:], f"{name}: bytes after the last image changed"


def check_file(path, text, output, findings, skipped):
    """Checks a file. Returns the numbers of its images and documents."""
    edited = [f for f in findings if f["becomes"]]
    same_beside(path, text, output, edited)
    before, after = load(path, text), load(path, output)
    changes = list(differences(before, after))
    for pointer, old, new in changes:
        step = pointer.rsplit("/", 1)[1]
        assert step in ("image", "reference"), f"{path}: {pointer}: {old} became {new}"
        assert any(f["image"] == old and f["becomes"] == new for f in edited), f"{path}: {pointer}: {old}, {new}"
    assert len(changes) >= len({(f["line"], f["column"]) for f in edited}), f"{path}: an edit changed nothing"
    left = {(f["kind"], f["name"]) for f in findings if f["redirectedTo"] and not f["becomes"]}
    count = 0
    for old_object, new_object in zip(chain(objects, before), chain(objects, after)):
        metadata = old_object.get("metadata") or {}
        namespace = metadata.get("namespace") or "default"
        for old_pod, new_pod in zip(pods(old_object), pods(new_object)):
            count += len(list(images(old_pod)))
            if (old_object["kind"], metadata.get("name")) in left:
                continue
            want = old_pod if namespace in skipped else patched(old_pod, namespace)
            assert list(images(new_pod)) == list(images(want)), f"{path}: the webhook makes {list(images(want))}"
    return len(before), count


def chain(function, values):
    return [result for value in values for result in function(value)]


def skipped_namespaces(paths):
    found = set()
    for path in paths:
        for thing in chain(objects, load(path, read(path))):
            labels = thing.get("metadata", {}).get("labels") or {}
            if thing["kind"] == "Namespace" and labels.get("k8s-proxy-image-swapper/skip") == "true":
                found.add(thing["metadata"]["name"])
    return found


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    source = sys.argv[4]
    problems = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "copy")
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("README.md"))
        report = json.loads(run("--output", "json", folder, status=(0, 65)))
        assert len(report["problems"]) == problems, report["problems"]
        bad = {p["file"] for p in report["problems"]}
        paths = sorted(
            os.path.join(root, name) for root, _, names in os.walk(folder) for name in names
            if name.endswith((".yaml", ".yml", ".json")))
        assert len(paths) == report["summary"]["files"], "a file was skipped"
        skipped = skipped_namespaces(paths)
        texts = {path: read(path) for path in paths}
        alone = {path: run("--output", "yaml", path, status=(0, 65)) for path in paths}
        run("--write", folder, status=(0, 65))

        documents = count = 0
        for path in paths:
            findings = [f for f in report["findings"] if f["file"] == path]
            if path in bad:
                continue
            output = read(path)
            more, found = check_file(path, texts[path], output, findings, skipped)
            named = [f for f in findings if f["image"] is not None]
            assert found == len(named), f"{path}: {found} images, {len(named)} findings"
            if not any(f["namespace"] in skipped for f in findings):
                assert output == alone[path], f"{path}: --write differs from --output yaml"
            documents += more
            count += found
        left = any(f["redirectedTo"] and not f["becomes"] for f in report["findings"])
        run("--check", folder, status=(65,) if bad else (1,) if left else (0,))
        projects = sum(os.path.isdir(os.path.join(folder, name)) for name in os.listdir(folder)) or 1
        print(f"{projects} projects, {len(paths)} files, {documents} documents, {count} images")


main()
