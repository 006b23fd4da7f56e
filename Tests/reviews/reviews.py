"""Checks whole runs of pisw-mutate on AdmissionReviews against a table. jsonpatch applies the patches.

reviews.py complete DIR               the table must have every review in DIR
reviews.py review PROGRAM FILE        checks a captured review
reviews.py never PROGRAM FILE         checks it with pull policy Never for each image in turn, and then for all
reviews.py vectors PROGRAM ROWS FILE  checks every name in ROWS, as a container of the review in FILE
"""

import base64
import copy
import json
import os
import subprocess
import sys

import jsonpatch

PROXY = "proxy.example.com"
DIGEST = "@sha256:" + 64 * "a"
LABEL = "k8s-proxy-image-swapper"

# For each review: the images that change (JSON pointer in the pod -> new name), and how the patch adds the label:
# "labels" with its parent, "label" alone, None not at all. Without images, there is no patch.
EXPECTED = {
    "bare-pod-without-labels": ({"/spec/containers/0/image": f"{PROXY}/library/nginx:latest"}, "labels"),
    "debug-first-ephemeral": ({"/spec/ephemeralContainers/0/image": f"{PROXY}/library/busybox:1.36"}, None),
    "debug-second-ephemeral": ({}, None),
    "delete": ({}, None),
    "deployment-pod": (
        {
            "/spec/containers/0/image": f"{PROXY}/library/nginx:latest",
            "/spec/initContainers/0/image": f"{PROXY}/library/busybox:1.33",
        },
        "label",
    ),
    "dry-run": ({"/spec/containers/0/image": f"{PROXY}/library/redis:7"}, "label"),
    "image-volumes": ({"/spec/volumes/0/image/reference": f"{PROXY}/library/alpine:3.20"}, "label"),
    "init-containers-1.20": (
        {
            "/spec/containers/0/image": f"{PROXY}/library/nginx:1.25",
            "/spec/initContainers/0/image": f"{PROXY}/library/busybox:latest",
        },
        "label",
    ),
    "istio-auto-image": (
        {
            "/spec/containers/1/image": f"{PROXY}/bitnami/nginx:1.25",
            "/spec/initContainers/0/image": f"{PROXY}/fluent/fluent-bit:3.0",
        },
        "label",
    ),
    "job-pod": ({"/spec/containers/0/image": f"{PROXY}/library/busybox:1.36"}, "label"),
    "mirror-pod": ({}, None),
    "missing-image": ({}, None),
    "statefulset-pod": ({"/spec/containers/0/image": f"{PROXY}/library/nginx:latest"}, "label"),
    "tag-and-digest": ({"/spec/containers/0/image": f"{PROXY}/library/nginx:1.25{DIGEST}"}, "label"),
    "update-label-only": ({}, None),
    "update-set-image": ({"/spec/containers/0/image": f"{PROXY}/library/nginx:1.27"}, "label"),
}


def answer(program, review, *options):
    """Runs the program. Returns the response and the decoded patch."""
    run = subprocess.run(
        [program, *options], input=json.dumps(review).encode(), capture_output=True, check=False, timeout=30
    )
    assert run.returncode == 0, (run.returncode, run.stderr)
    assert run.stdout.endswith(b"}}\n") and run.stdout.count(b"\n") == 1, run.stdout
    out = json.loads(run.stdout)
    assert set(out) == {"apiVersion", "kind", "response"}, out
    assert (out["apiVersion"], out["kind"]) == (review["apiVersion"], "AdmissionReview"), out
    response = out["response"]
    assert response["uid"] == review["request"]["uid"] and response["allowed"] is True, response
    patch = json.loads(base64.b64decode(response["patch"], validate=True)) if "patch" in response else []
    assert ("patchType" in response) == ("auditAnnotations" in response) == bool(patch), response
    if patch:
        assert response["patchType"] == "JSONPatch", response
        assert response["auditAnnotations"] == {LABEL: "mutated"}, response
    return response, patch


def patched(review, patch):
    """The review that a second webhook call would get."""
    again = copy.deepcopy(review)
    if patch:
        again["request"]["object"] = jsonpatch.apply_patch(review["request"]["object"], patch)
    return again


def with_images(pod, images, label):
    """The expected final pod, made without the patch."""
    pod = copy.deepcopy(pod)
    for pointer, image in images.items():
        *parents, last = pointer.strip("/").split("/")
        place = pod
        for step in parents:
            place = place[int(step)] if step.isdigit() else place[step]
        place[last] = image
    if label:
        pod["metadata"].setdefault("labels", {})[LABEL] = "patched-image"
    return pod


def check_review(program, path):
    with open(path, encoding="utf-8") as file:
        review = json.load(file)
    images, label = EXPECTED[os.path.basename(path).removesuffix(".json")]
    expected = [{"op": "replace", "path": pointer, "value": image} for pointer, image in images.items()]
    if label == "labels":
        expected.append({"op": "add", "path": "/metadata/labels", "value": {LABEL: "patched-image"}})
    elif label:
        expected.append({"op": "add", "path": f"/metadata/labels/{LABEL}", "value": "patched-image"})

    response, patch = answer(program, review, "--mirror", f"docker.io={PROXY}")
    assert patch == expected, (patch, expected)
    assert "warnings" not in response, response
    after = patched(review, patch)
    if review["request"]["object"] is not None:
        wanted = with_images(review["request"]["object"], images, label)
        assert after["request"]["object"] == wanted, after["request"]["object"]
    _, second = answer(program, after, "--mirror", f"docker.io={PROXY}")
    assert second == [], second


def check_never(program, path):
    """Images that are never pulled stay, and every other image changes as before."""
    with open(path, encoding="utf-8") as file:
        review = json.load(file)
    images, _ = EXPECTED[os.path.basename(path).removesuffix(".json")]
    for stays in [{each} for each in images] + [set(images)]:
        local = copy.deepcopy(review)
        for pointer in stays:
            _, _, kind, index, *rest = pointer.split("/")
            entry = local["request"]["object"]["spec"][kind][int(index)]
            if rest == ["image"]:
                entry["imagePullPolicy"] = "Never"
            else:
                entry["image"]["pullPolicy"] = "Never"
        response, patch = answer(program, local, "--mirror", f"docker.io={PROXY}")
        changed = {each["path"]: each["value"] for each in patch if each["op"] == "replace"}
        assert changed == {key: image for key, image in images.items() if key not in stays}, (stays, patch)
        assert "warnings" not in response and bool(patch) == bool(changed), response


def check_vectors(program, rows, path):
    with open(rows, encoding="utf-8") as file:
        names = [json.loads(line) for line in file]
    with open(path, encoding="utf-8") as file:
        review = json.load(file)
    review["request"]["object"]["spec"]["initContainers"] = []
    review["request"]["object"]["spec"]["containers"] = [
        {"name": f"c{i}", "image": row["reference"]} for i, row in enumerate(names)
    ]
    # The expected results under the first policy, from the parts that the reference library found.
    hub = {"docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
    _, patch = answer(program, review, "--mirror", f"docker.io={PROXY}")
    results = {operation["path"]: operation["value"] for operation in patch if operation["op"] == "replace"}
    for i, row in enumerate(names):
        wanted = None
        if row["valid"] and row.get("domain") in hub:
            path = row["path"] if "/" in row["path"] else "library/" + row["path"]
            tag = ":" + row["tag"] if "tag" in row else "" if "digest" in row else ":latest"
            wanted = f"{PROXY}/{path}{tag}" + ("@" + row["digest"] if "digest" in row else "")
        got = results.get(f"/spec/containers/{i}/image")
        # A name that would become too long with library/ stays.
        assert got == wanted or (got is None and len(wanted) > 255), (row, got, wanted)
    for options in (
        ["--mirror", f"docker.io={PROXY}"],
        ["--mirror", f"docker.io={PROXY}/hub", "--mirror", f"*={PROXY}/{{registry}}"],
        ["--mirror", "docker.io=proxy:5000", "--mirror", f"docker.io/library={PROXY}/official", "--mirror", "quay.io=docker.io/q"],
    ):
        _, patch = answer(program, review, *options)
        after = patched(review, patch)
        containers = after["request"]["object"]["spec"]["containers"]
        changed = 0
        for row, container in zip(names, containers):
            same = container["image"] == row["reference"]
            changed += not same
            assert row["valid"] and row.get("domain") or same, (row, container)
        assert changed > 100, changed
        _, second = answer(program, after, *options)
        assert second == [], second


def main():
    command, *arguments = sys.argv[1:]
    if command == "complete":
        found = {name.removesuffix(".json") for name in os.listdir(arguments[0])}
        assert found == set(EXPECTED), found ^ set(EXPECTED)
    elif command == "review":
        check_review(*arguments)
    elif command == "never":
        check_never(*arguments)
    else:
        check_vectors(*arguments)


main()
