"""previews.py PISW CONFIG FOLDER...: compares `pisw preview` with a cluster. kubectl sends the same bytes to an API
server that calls the webhook; images and warnings must be the same.

The manifests are those of manifests.py, and those in the folders. From the folders, each pod and each pod template is
sent as PyYAML reads it, reduced to the fields that the rules look at.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from harness.checks import check, finish
from manifests import DOCUMENTS, REFUSED, SKIP, STREAMS, UNLIKE

PISW, CONFIG, *FOLDERS = sys.argv[1:]
# The labels and annotations that the rules look at.
KEYS = (SKIP, "cnpg.io/cluster")
LISTS = ("containers", "initContainers")
TEMPLATES = {"Pod": [], "PodTemplate": ["template"], "CronJob": ["spec", "jobTemplate", "spec", "template"]}
for KIND in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController"):
    TEMPLATES[KIND] = ["spec", "template"]


def run(command, text):
    done = subprocess.run(command, input=text, capture_output=True, timeout=120, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode().splitlines()


def in_cluster(text):
    """The image of each container that the API server would store, and the warnings. None if it refuses the
    manifest."""
    status, rest, messages = run(
        [os.environ["KUBECTL"], "create", "--dry-run=server", "-o", "json", "-f", "-"], text.encode())
    if status != 0:
        print(*messages, sep="\n", file=sys.stderr)
        return None
    images, decoder = [], json.JSONDecoder()
    while rest := rest.lstrip():
        answer, end = decoder.raw_decode(rest)
        rest = rest[end:]
        for stored in answer["items"] if answer["kind"] == "List" else [answer]:
            for kind in LISTS:
                images += [(kind, each["name"], each["image"]) for each in stored["spec"].get(kind, [])]
    return images, [line.removeprefix("Warning: ") for line in messages if line.startswith("Warning: pisw")]


def in_preview(text, *path):
    """The same from the preview. None if it reports a problem."""
    command = [PISW, "preview", "--config", CONFIG, "--output", "json", *path]
    status, output, messages = run(command, text.encode())
    assert status in (0, 65), messages
    told = json.loads(output)
    if told["problems"]:
        return None
    images = []
    for finding in told["findings"]:
        kind = finding["pointer"].split("/")[-3]
        if kind in LISTS and not finding["foundByStructure"]:
            images.append((kind, finding["container"], finding["redirectedTo"] or finding["image"]))
    # kubectl prints each warning once.
    return images, list(dict.fromkeys(each["warning"] for each in told["warnings"]))


def objects(document):
    if isinstance(document, dict) and str(document.get("kind")).endswith("List"):
        for each in document["items"]:
            yield from objects(each)
    elif isinstance(document, dict) and document.get("kind") in TEMPLATES:
        yield document


def pods_of(path):
    """The pods of a file, without containers that have no image, and with new names, because some names are not
    valid."""
    pods = []
    text = path.read_bytes()
    # PyYAML cannot read JSON's surrogate pairs.
    documents = [json.loads(text)] if path.suffix == ".json" else yaml.load_all(text, yaml.CSafeLoader)
    for each in (found for document in documents for found in objects(document)):
        for step in TEMPLATES[each["kind"]]:
            each = each[step]
        metadata = {
            kind: {key: value for key, value in (each.get("metadata", {}).get(kind) or {}).items() if key in KEYS}
            for kind in ("labels", "annotations")}
        lists = {
            kind: [{"name": f"{kind.lower()}-{i}"} | {key: container[key] for key in ("image", "imagePullPolicy")
                                                      if container.get(key)}
                   for i, container in enumerate(each["spec"][kind]) if container.get("image")]
            for kind in LISTS if each["spec"].get(kind)}
        pods.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata | {"generateName": "p-"}, "spec": lists})
    return pods


def unlike(stored, foretold):
    """The first difference of two lists, or which of them is missing."""
    if stored is None or foretold is None:
        return f"refused: in the cluster {stored is None}, in the preview {foretold is None}"
    pairs = zip([*stored, None], [*foretold, None])
    return next((f"stored {one}, foretold {other}" for one, other in pairs if one != other), None)


def judge(text):
    return text, in_cluster(text), in_preview(text)


with ThreadPoolExecutor(4) as pool:
    wrong = []
    for text, stored, foretold in pool.map(judge, STREAMS):
        images_and_warnings = zip(stored or [None], foretold or [None])
        for difference in filter(None, (unlike(*pair) for pair in images_and_warnings)):
            wrong.append(difference + ": " + text[:300])
    forms = len(DOCUMENTS) + len(STREAMS) - 1
    check(f"preview: {forms} manifests in as many forms: the cluster does what the preview says", lambda: wrong)
    accepted = [each for each in pool.map(judge, REFUSED) if each[1:] != (None, None)]
    check(f"preview: {len(REFUSED)} manifests that the API server refuses: the preview reports a problem",
          lambda: accepted)
    judged = pool.map(judge, [text for _, text in UNLIKE])
    for (why, _), (_, cluster, preview) in zip(UNLIKE, judged):
        check(f"preview: an intended difference: {why}",
              lambda: [] if cluster and cluster != preview else [cluster, preview])
    for folder in FOLDERS:
        pods, foretold = [], []
        files = 0
        for path in sorted(Path(folder).rglob("*")):
            told = in_preview("", str(path)) if path.suffix in (".yaml", ".yml", ".json") else None
            if told:
                files += 1
                pods += pods_of(path)
                foretold += [(kind, image) for kind, _, image in told[0] if image]
        stored = in_cluster("\n".join(map(json.dumps, pods)))
        images = [(kind, image) for kind, _, image in stored[0]] if stored else None
        difference = unlike(images, foretold)
        check(f"preview: {len(foretold)} images in {files} files of {folder}: the cluster does what the preview says",
              lambda: [] if foretold and not difference else [difference])
finish()
