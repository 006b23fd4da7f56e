"""Every helm command and every example of values in the documents: Helm accepts it, and the chart renders what it says.

Commands are in `sh` blocks, values in `yaml` blocks that begin with `# values.yaml`.
"""

import glob
import os
import re
import shlex
import sys

import yaml

from harness.checks import check
from helm import render

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(f"{HERE}/../..")
DOCUMENTS = ["README.md", "chart/README.md", *sorted(glob.glob("docs/*.md", root_dir=ROOT))]
# The values of variables that an earlier command of the document sets.
VARIABLES = {"$caBundle": "LS0tLS1CRUdJTg=="}


def blocks(document, language):
    with open(f"{ROOT}/{document}", encoding="utf-8") as file:
        found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", file.read(), re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.M) for indent, block in found]


def commands(document):
    """The helm commands, each as a list of words."""
    text = "\n".join(blocks(document, "sh")).replace("\\\n", " ").replace("&&\n", "&& ")
    parts = [part for line in text.splitlines() for part in line.split("&&")]
    return [words for words in map(shlex.split, parts) if words[:1] == ["helm"]]


def command_works(words):
    """Helm accepts the command, and the manifests have its image and its proxy."""
    action, name, chart, *rest = words[1:]
    known = action in ("install", "upgrade") and (name, chart) == ("pisw", "chart")
    wrong = [] if known else [f"an unexpected command: {words}"]
    values, namespace = {}, "default"
    if "--reuse-values" in rest:
        rest.remove("--reuse-values")
        # Those of the README's installation.
        values = {"registryUrl": "proxy.example.com", "image": {"repository": "registry.example.com/pisw"}}
    while rest:
        option, value, *rest = rest
        if option == "--namespace":
            namespace = value
        elif option == "--set":
            path, _, text = value.partition("=")
            place = values
            *parents, key = path.split(".")
            for parent in parents:
                place = place.setdefault(parent, {})
            place[key] = VARIABLES.get(text, text)
        else:
            wrong.append(f"an unknown option {option}")
    rendered = render(values, namespace=namespace)
    image = rendered.one("Deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
    wanted = values.get("image", {}).get("repository", "")
    wrong += [] if image.startswith(f"{wanted}:") or not wanted else [f"the image is {image}"]
    return wrong + has_proxy(rendered, values)


def has_proxy(rendered, values):
    written = yaml.safe_load(rendered.one("ConfigMap")["data"]["config.yaml"])
    return [] if written["mirrors"].get("docker.io") == values["registryUrl"] else [f"mirrors are {written['mirrors']}"]


def values_work(values):
    rendered = render(values)
    written = yaml.safe_load(rendered.one("ConfigMap")["data"]["config.yaml"])
    ignored = values.get("config", {}).get("ignoreimages", [])
    wrong = [] if written.get("ignoreimages", []) == ignored else [f"ignoreimages are {written.get('ignoreimages')}"]
    return wrong + has_proxy(rendered, values)


def undocumented():
    """Labels that the chart excludes, and that docs/configuration.md does not list."""
    with open(f"{ROOT}/chart/values.yaml", encoding="utf-8") as file:
        labels = yaml.safe_load(file)["exclude"]["labels"]
    with open(f"{ROOT}/docs/configuration.md", encoding="utf-8") as file:
        listed = re.findall(r"^\| `([^`:]+)(?:: [^`]*)?` \|", file.read(), re.M)
    return [label for label in labels if label not in listed]


def main():
    results = [check("docs/configuration.md lists each label that the chart excludes", undocumented)]
    count = 0
    for document in DOCUMENTS:
        for words in commands(document):
            results.append(check(f"{document}: {shlex.join(words)[:90]}", command_works, words))
            count += 1
        for block in blocks(document, "yaml"):
            if block.startswith("# values.yaml\n"):
                values = yaml.safe_load(block)
                results.append(check(f"{document}: values {str(values)[:80]}", values_work, values))
                count += 1
    results.append(check("the documents have at least five commands and examples of values",
                         lambda: [] if count >= 5 else [f"they have {count}"]))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
