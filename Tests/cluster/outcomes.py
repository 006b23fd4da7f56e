"""outcomes.py record FILE: runs each row of the table without the webhook, and writes the outcomes to the file.
outcomes.py compare FILE NAMESPACE: runs each row with the webhook, and compares the outcomes.
outcomes.py audit LOG NAMESPACE: checks that the audit log says "mutated" for exactly the rows that redirect an image.
"""

import copy
import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import api
from harness.checks import check, finish
from table import LABEL, NOTHING_CHANGED, ROWS

MINOR = int(os.environ["KUBERNETES_MINOR"])


def name_of(row):
    """The row's name, as a valid object name."""
    return re.sub("[^a-z0-9]+", "-", row.name.lower())[:100].strip("-")


def do(row, namespace):
    """Runs a row. Returns the object, or the messages if it was refused, and the warnings."""
    server = api.API()
    manifest = copy.deepcopy(row.manifest)
    kind, metadata = manifest["kind"], manifest["metadata"]
    if "generateName" not in metadata:
        metadata["name"] = name_of(row)
    name, stored, warnings = metadata.get("name"), None, []
    for step in row.steps:
        if step == NOTHING_CHANGED:
            assert stored == before, f"the last step changed it: {'; '.join(differences(before, stored))}"
            continue
        arguments, other = step if isinstance(step, tuple) else (step, manifest)
        status, output, told, messages = api.kubectl(
            namespace, arguments.format(name=name), other | {"metadata": metadata})
        warnings += told
        if status != 0:
            assert name is None or server.get(kind, namespace, name) is None, "the API server refused it, but stored it"
            return {"refused": messages, "warnings": warnings}
        if "generateName" in metadata:
            name = re.search(rf"{metadata['generateName']}\S+", output).group()
        before, stored = stored, server.get(kind, namespace, name)
    if row.dry_run:
        assert stored is None, "the dry run stored the object"
        stored = json.loads(output)
    assert stored is not None, "the API server did not store it"
    return {"object": comparable(stored, namespace), "warnings": warnings}


def comparable(stored, namespace):
    """The object without fields that differ between any two objects."""
    stored = copy.deepcopy(stored)
    metadata = stored["metadata"]
    for key in ("namespace", "uid", "resourceVersion", "creationTimestamp", "managedFields", "selfLink"):
        metadata.pop(key, None)
    if "generateName" in metadata:
        del metadata["name"]
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    if applied in metadata.get("annotations", {}):
        metadata["annotations"][applied] = metadata["annotations"][applied].replace(f'"namespace":"{namespace}"', "")
    return stored


def expected(row, recorded):
    """The expected outcome of a row with the webhook, from its outcome without the webhook."""
    outcome = copy.deepcopy(recorded)
    if "object" not in outcome:
        return outcome
    found = outcome["object"]
    for place, image in row.swaps.items():
        kind, name = place.split("/")
        container = next(each for each in found["spec"][kind] if each["name"] == name)
        assert container["image"] != image, f"{place} would have this image without the webhook"
        container["image"] = image
    if row.labelled if row.labelled is not None else row.swaps:
        found["metadata"]["labels"] = found["metadata"].get("labels", {}) | LABEL
    return outcome


def faults(row, recorded, outcome):
    """Differences between the expected and the actual outcome, in words."""
    told, known = outcome["warnings"], recorded["warnings"]
    told = [text for text in told if text not in known]
    if len(told) != len(row.warnings) or not all(part in text for part, text in zip(row.warnings, told)):
        yield f"expected warnings with {row.warnings}, got {told}"
    for text in told:
        if not text.startswith("pisw: ") or len(text.encode()) > 120:
            yield f"a warning that does not say whose it is, or is too long: {text}"
    if row.refused:
        if not any(row.refused in message for message in recorded.get("refused", [])):
            yield f"without the webhook it is not refused with '{row.refused}': {recorded}"
    elif "refused" in recorded:
        yield f"without the webhook it is refused: {recorded['refused']}"
    wanted = expected(row, recorded)
    for part in ("object", "refused"):
        yield from differences(wanted.get(part), outcome.get(part))


def differences(wanted, found, place=""):
    """Differences between two values, with their places."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in wanted | found:
            yield from differences(wanted.get(key), found.get(key), f"{place}/{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for i, pair in enumerate(zip(wanted, found)):
            yield from differences(*pair, f"{place}/{i}")
    elif wanted != found:
        yield f"{place}: expected {json.dumps(wanted)}, got {json.dumps(found)}"


def audit(path, namespace, rows):
    """Compares the creations in the audit log with the rows that only create an object."""
    rows = {name_of(row): row for row in rows if len(row.steps) == 1 and not row.refused}
    told = {}
    with open(path) as file:
        for event in map(json.loads, file):
            about = event["objectRef"]
            if event["verb"] == "create" and about["namespace"] == namespace and about.get("name") in rows:
                annotation = event["annotations"].get("pisw.kube-system.svc/k8s-proxy-image-swapper")
                told[about["name"]] = annotation
    wanted = {name: "mutated" if rows[name].swaps else None for name in told}
    print(f"{len(told)} creations, {list(wanted.values()).count('mutated')} mutated; wrong:",
          {name: told[name] for name in told if told[name] != wanted[name]})
    sys.exit(told != wanted or set(wanted.values()) != {"mutated", None})


def attempt(function, *arguments):
    """Calls a function. Returns its result and None, or None and the error."""
    try:
        return function(*arguments), None
    except Exception as error:  # any error fails this row, and the next one runs
        return None, f"{type(error).__name__}: {error}"


def main():
    action, path = sys.argv[1:3]
    rows = [row for row in ROWS if row.since <= MINOR <= row.until]
    assert len({row.name for row in rows}) == len(rows), "two rows have the same name"
    if action == "audit":
        audit(path, sys.argv[3], rows)
    if action == "record":
        namespaces = {False: "without", True: "without"}
    else:
        namespaces = {False: sys.argv[3], True: f"excluded-{sys.argv[3]}"}
        with open(path) as file:
            recorded = json.load(file)
    with ThreadPoolExecutor(4) as pool:
        results = pool.map(lambda row: attempt(do, row, namespaces[row.excluded]), rows)
        if action == "record":
            outcomes = {}
            for row, (outcome, fault) in zip(rows, results):
                assert fault is None, f"{row.name}: {fault}"
                outcomes[row.name] = outcome
            with open(path, "w") as file:
                json.dump(outcomes, file)
            return
        for row, (outcome, fault) in zip(rows, results):
            wrong = [fault] if fault else list(faults(row, recorded[row.name], outcome))
            check(f"{sys.argv[3]}: {row.name}", lambda: wrong)
    finish()


main()
