"""Runs every kubectl command in the documents against a real API server with the chart installed. Each must succeed and
find its object."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../chart", f"{HERE}/../cluster"]
from api import API  # noqa: E402
from chain import pod_of  # noqa: E402
from documents import DOCUMENTS, blocks  # noqa: E402
from helm import Release  # noqa: E402
from node import DEPLOYMENT  # noqa: E402
from harness.checks import check  # noqa: E402

RESCUE = "kubectl delete mutatingwebhookconfiguration k8s-proxy-image-swapper-webhook"
SELECTOR = "app=k8s-proxy-image-swapper-webhook"


def commands():
    """Each command once, in the order of the documents. The rescue command, which deletes the webhook, comes last."""
    lines = [line for document in DOCUMENTS for block in blocks(document, "sh") for line in block.splitlines()]
    found = dict.fromkeys(line for line in lines if line.startswith("kubectl "))
    found.pop(RESCUE)
    return [*found, RESCUE]


def works(command):
    words = re.sub(r"\bPOD\b", "web", re.sub(r"\bNAMESPACE\b", "default", command))
    kubectl = f'kubectl() {{ {os.environ["KUBECTL"]} "$@"; }}; set -o pipefail; '
    done = subprocess.run(["bash", "-c", kubectl + words], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        return [f"status {done.returncode}: {done.stdout}{done.stderr}"]
    # Nobody runs the pods that a selector looks for: it must be the deployment's.
    if "--selector" in command:
        return [] if f"--selector={SELECTOR}" in command else ["another selector"]
    return [] if done.stdout else ["it prints nothing"]


def main():
    api = API()
    release = Release(os.environ["KUBECONFIG"], "kube-system")
    release.install({"registryUrl": "proxy.example.com"})
    status, answer = api.request("POST", "/api/v1/namespaces/default/pods", pod_of("web", "nginx"))
    assert status == 201, answer
    # Nobody runs pods here: the deployment is told that its own are there.
    path = DEPLOYMENT.format("kube-system")
    _, deployment = api.request("GET", path)
    labels = [f"{key}={value}" for key, value in deployment["spec"]["selector"]["matchLabels"].items()]
    assert labels == [SELECTOR], labels
    count = deployment["spec"]["replicas"]
    deployment["status"] = {"observedGeneration": deployment["metadata"]["generation"], "replicas": count,
                            "updatedReplicas": count, "readyReplicas": count, "availableReplicas": count}
    status, answer = api.request("PUT", f"{path}/status", deployment)
    assert status == 200, answer

    results = [check(command[:110], works, command) for command in commands()]
    release.uninstall()
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
