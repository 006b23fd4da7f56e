"""Passes ResourceLists of every form to pisw krm, as kpt and kustomize do, and checks the output.

krm.py PISW EXAMPLES
"""

import json
import re
import subprocess
import sys

pisw, examples = sys.argv[1:]

ITEM = """\
apiVersion: apps/v1 # a comment
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations:
    internal.config.kubernetes.io/path: 'web/deployment.yaml'
    config.kubernetes.io/index: '2'

spec:
  template:
    spec:
      containers:
        # the server
        - name: web
          image: 'nginx:1.27'   # quoted
        - {image: "quay.io/team/app", name: app}   # stays
        - {image: Not/Valid, name: odd}
      note: |+
        image: nginx

"""
CONFIGURATIONS = {
    "spec": "apiVersion: pisw/v1\nkind: A\nspec:\n  mirrors:\n    docker.io: p.io\n",
    "data": "apiVersion: v1\nkind: ConfigMap\ndata:\n  docker.io: p.io\n",
    "text": "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n    mirrors:\n      docker.io: p.io\n",
    "flow": "{apiVersion: v1, kind: ConfigMap, data: {docker.io: p.io}}\n",
}
PLACES = {"spec": "functionConfig:5:5", "data": "functionConfig:4:3", "text": "functionConfig (data.config.yaml):2:3",
          "flow": "functionConfig:1:42"}


def indented(text, first="  "):
    lines = [line and "  " + line for line in text.split("\n")]
    return first + "\n".join(lines)[2:]


def krm(text, *options):
    done = subprocess.run([pisw, "krm", *options], input=text.encode(), capture_output=True)
    if done.returncode:
        sys.exit(f"status {done.returncode}: {done.stderr.decode()}\n{text}")
    return done.stdout.decode()


def split(output):
    """Splits the output into the results and the rest of the text."""
    lines = output.splitlines(keepends=True)
    start = lines.index("results:\n")
    end = start + 1
    while lines[end].startswith("- {"):
        end += 1
    return [json.loads(line[2:]) for line in lines[start + 1:end]], "".join(lines[:start] + lines[end:])


def check_block():
    items = indented(ITEM, "- ") + indented("kind: Service\napiVersion: v1\n", "- ").rstrip(" ")
    for form, config in CONFIGURATIONS.items():
        for order in (0, 1):
            parts = ["items:\n" + items, "functionConfig:\n" + indented(config).rstrip(" ")]
            text = "# from a function before\n---\napiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
            text += "".join(parts if order else reversed(parts))
            results, rest = split(krm(text))
            expected = text.replace("'nginx:1.27'", "'p.io/library/nginx:1.27'")
            assert rest == expected, f"{form}: other text than the image changed:\n{rest}"
            ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop"}
            path = "spec.template.spec.containers[{}].image"
            assert results == [
                {"message": "redirected, mirror docker.io at " + PLACES[form], "severity": "info", "resourceRef": ref,
                 "field": {"path": path.format(0), "currentValue": "nginx:1.27",
                           "proposedValue": "p.io/library/nginx:1.27"},
                 "file": {"path": "web/deployment.yaml", "index": 2}},
                {"message": "left alone: not a valid image name: the repository must be lower-case",
                 "severity": "warning", "resourceRef": ref,
                 "field": {"path": path.format(2), "currentValue": "Not/Valid"},
                 "file": {"path": "web/deployment.yaml", "index": 2}},
            ], f"{form}: {results}"
            # A second run changes nothing.
            results, again = split(krm(rest))
            assert again == rest and [each["severity"] for each in results] == ["warning"], results


def check_json():
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"image": "b"}]}}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"docker.io": "p.io"}}
    source = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "items": [pod], "functionConfig": config}
    for text in (json.dumps(source), json.dumps(source, indent=2)):
        output = json.loads(krm(text))
        results = output.pop("results")
        assert [each["field"]["proposedValue"] for each in results] == ["p.io/library/b:latest"], results
        assert output.pop("items")[0]["spec"]["containers"] == [{"image": "p.io/library/b:latest"}]
        source_rest = {key: value for key, value in source.items() if key != "items"}
        assert output == source_rest


def check_nothing():
    """Input that needs no change stays, without results. Options suffice as a configuration."""
    for text in ("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n",
                 "kind: ResourceList\napiVersion: config.kubernetes.io/v1\n",
                 "{kind: ResourceList, apiVersion: config.kubernetes.io/v1, items: []}"):
        assert krm(text, "--mirror", "docker.io=p.io") == text
    items = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n" + indented(ITEM, "- ").rstrip(" ")
    results, _ = split(krm(items, "--mirror", "docker.io=p.io"))
    assert results[0]["message"] == "redirected, mirror docker.io at --mirror"


def check_kustomize():
    """The example's configuration and manifest, in the ResourceList that kustomize makes from them."""
    with open(examples + "/kustomize/pisw.yaml", encoding="utf-8") as file:
        config = file.read()
    with open(examples + "/kustomize/deployment.yaml", encoding="utf-8") as file:
        deployment = file.read()
    assert re.search(r"path: \./pisw-krm\n", config) and "- pisw.yaml" in open(
        examples + "/kustomize/kustomization.yaml", encoding="utf-8").read()
    text = ("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n" + indented(deployment, "- ").rstrip(" ")
            + "functionConfig:\n" + indented(config).rstrip(" "))
    done = subprocess.run([examples + "/kustomize/pisw-krm"], input=text.encode(), capture_output=True, check=True,
                          env={"PATH": pisw.rsplit("/", 1)[0] + ":/usr/bin:/bin"})
    results, rest = split(done.stdout.decode())
    assert [each["severity"] for each in results] == ["info", "info"], results
    assert "image: proxy.example.com/library/nginx:1.27 # the page" in rest, rest


check_block()
check_json()
check_nothing()
check_kustomize()
