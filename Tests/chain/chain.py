"""The whole chain: Helm installs the chart into a real API server, the webhook's pods run from the stored objects, a
new pod is redirected, and its image is pulled through a real proxy. Then upgrade, rotation and removal.

chain.py KIND: server.kind, pisw-serve or socat
"""

import base64
import json
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../chart", f"{HERE}/../cluster"]
from api import API  # noqa: E402
from helm import Release  # noqa: E402
from node import DEPLOYMENT, Pod, Proxy  # noqa: E402
from registries import Registry, pull, push  # noqa: E402
from harness.checks import check, wait_until  # noqa: E402

WORK = os.environ["WORK"]
NAMESPACE = "tools"
PROGRAMS = {"pisw": os.environ["PISW_SERVE"], "pisw-socat": f"{HERE}/../../socat/entrypoint.sh"}
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
KINDS = ["/api/v1/secrets", "/api/v1/configmaps", "/api/v1/services", "/apis/apps/v1/deployments", WEBHOOKS,
         "/apis/networking.k8s.io/v1/networkpolicies"]


def pod_of(name, image, labels=None):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}},
            "spec": {"containers": [{"name": "it", "image": image}]}}


class Chain:
    """One release of the chart, which the checks take from installation to removal, in order."""

    def __init__(self, kind):
        self.kind = kind
        self.api = API()
        self.namespace = f"apps-{kind}"
        self.release = Release(os.environ["KUBECONFIG"], NAMESPACE)
        self.folder = f"{WORK}/chain-{kind}"
        os.makedirs(self.folder)
        self.upstream = Registry(f"{self.folder}/upstream")
        push(self.upstream, "library/hello:1", f"{self.folder}/hello")
        push(self.upstream, "acme/tool:2", f"{self.folder}/tool")
        self.cache = Registry(f"{self.folder}/cache", self.upstream)
        self.values = {"registryUrl": f"127.0.0.1:{self.cache.port}", "server": {"kind": kind, "drainDelay": 1},
                       "webhook": {"failurePolicy": "Fail", "timeoutSeconds": 10}}
        minor = int(os.environ["KUBERNETES_MINOR"])
        budgets = "policy/v1" if minor >= 21 else "policy/v1beta1"
        self.kinds = [*KINDS, f"/apis/{budgets}/poddisruptionbudgets"]
        self.pods, self.proxy, self.before = [], None, self.stored()

    # Requests to the API server.

    def stored(self):
        """The names of all objects that the chart could leave behind."""
        names = set()
        for path in self.kinds:
            status, answer = self.api.request("GET", path)
            assert status == 200, answer
            names |= {(path, each["metadata"].get("namespace"), each["metadata"]["name"]) for each in answer["items"]}
        return names

    def create(self, pod, namespace=None, dry_run=True):
        """Creates a pod: the status, and the image that was stored or, in a dry run, would be."""
        path = f"/api/v1/namespaces/{namespace or self.namespace}/pods" + ("?dryRun=All" if dry_run else "")
        status, answer = self.api.request("POST", path, pod)
        return status, answer["spec"]["containers"][0]["image"] if status == 201 else answer["message"]

    def redirected(self, name):
        return f"127.0.0.1:{self.cache.port}/{name}"

    def certificates(self):
        """The certificate in the secret, and the certificates that the pods serve."""
        path = f"/api/v1/namespaces/{NAMESPACE}/secrets/k8s-proxy-image-swapper-tls-secret"
        _, secret = self.api.request("GET", path)
        return base64.b64decode(secret["data"]["cert.pem"]).decode(), [pod.certificate() for pod in self.pods]

    def webhook_answers(self):
        return self.create(pod_of("probe", "hello:1")) == (201, self.redirected("library/hello:1"))

    def rotate(self, word):
        """Rotates the certificate. Returns when the API server uses the new configuration: the selector excludes a new
        label, so a pod with that label is no longer redirected."""
        marker = {"matchExpressions": [{"key": "rotation", "operator": "NotIn", "values": [word]}]}
        self.values = {**self.values, "tls": {"selfSigned": {"rotation": word}},
                       "webhook": {**self.values["webhook"], "objectSelector": marker}}
        self.release.upgrade(self.values)
        probe = pod_of("probe", "hello:1", {"rotation": word})
        assert wait_until(lambda: self.create(probe) == (201, "hello:1")), "the old configuration is still in use"

    # The checks.

    def installs(self):
        self.release.install(self.values)
        status, service = self.api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/services/k8s-pisw")
        assert status == 200, service
        self.proxy = Proxy(service["spec"]["clusterIP"])
        _, deployment = self.api.request("GET", DEPLOYMENT.format(NAMESPACE))
        self.pods = [Pod(self.api, NAMESPACE, f"{self.folder}/pod-{number}", PROGRAMS)
                     for number in range(deployment["spec"]["replicas"])]
        assert len(self.pods) == 2
        assert wait_until(lambda: all(pod.is_ready() for pod in self.pods)), "a pod does not become ready"
        self.proxy.pods = self.pods
        return [] if wait_until(self.webhook_answers) else [self.create(pod_of("probe", "hello:1"))]

    def swaps_and_pulls(self):
        got = self.create(pod_of("first", "hello:1"), dry_run=False)
        assert got == (201, self.redirected("library/hello:1")), got
        content = pull(got[1], f"{self.folder}/pulled")
        return [] if content == "library/hello:1" else [content]

    def pulls_from_the_cache(self):
        """With the upstream stopped, the image that was pulled can be pulled again, and another one cannot."""
        assert wait_until(lambda: self.cache.holds("library/hello", f"{self.folder}/pulled")), "it is not stored"
        self.upstream.stop()
        _, image = self.create(pod_of("second", "docker.io/library/hello:1"), dry_run=False)
        _, other = self.create(pod_of("third", "acme/tool:2"))
        got = pull(image, f"{self.folder}/cached"), pull(other, f"{self.folder}/missed")
        return [] if got == ("library/hello:1", None) else [got]

    def leaves_alone(self):
        """Excluded pods never reach the webhook: while it is down, failurePolicy Fail would reject them."""
        self.proxy.pods = []
        # Open connections still lead to the pods, so the pods must end.
        kept, own = self.pods, self.pods[0].labels
        for pod in kept:
            assert pod.stop() in (0, 143), "a pod ended with a wrong status"
        wrong = []
        for name, namespace, labels, expected in [
            ("of any other namespace", self.namespace, {}, 500),
            ("of the release itself", self.namespace, own, 201),
            ("of kube-system", "kube-system", {}, 201),
            ("of the release's namespace", NAMESPACE, {}, 201),
            ("of a namespace that opts out", "opted-out", {}, 201),
            ("that opts out", self.namespace, {"k8s-proxy-image-swapper/skip": "true"}, 201),
            ("of an operator", self.namespace, {"cnpg.io/cluster": "db"}, 201),
            ("of another operator", self.namespace, {"application": "spilo"}, 201),
            ("with a label like an operator's", self.namespace, {"application": "shop"}, 500),
        ]:
            got = self.create(pod_of("excluded", "hello:1", labels), namespace)
            if got[0] != expected or (expected == 201 and got[1] != "hello:1"):
                wrong.append(f"a pod {name}: {got}")
        # The webhook for updates has failurePolicy Ignore: updates still work.
        status, answer = self.api.request("GET", f"/api/v1/namespaces/{self.namespace}/pods/first")
        answer["metadata"]["labels"]["changed"] = "yes"
        status, answer = self.api.request("PUT", f"/api/v1/namespaces/{self.namespace}/pods/first", answer)
        wrong += [] if status == 200 else [f"an update: {answer}"]
        self.pods = [Pod(self.api, NAMESPACE, pod.folder, PROGRAMS) for pod in kept]
        assert wait_until(lambda: all(pod.is_ready() for pod in self.pods)), "a pod does not become ready again"
        self.proxy.pods = self.pods
        return wrong + ([] if wait_until(self.webhook_answers) else ["the webhook did not come back"])

    def upgrade_keeps_the_certificate(self):
        before = self.certificates()
        self.values = {**self.values, "annotateOriginal": True}
        self.release.upgrade(self.values)
        return [] if self.certificates() == before else ["the certificate changed"]

    def rescue_works(self):
        """The command in the notes takes the webhook out at once. The next upgrade brings it back with its
        certificate."""
        before = self.certificates()
        done = subprocess.run([os.environ["KUBECTL"], "delete", "mutatingwebhookconfiguration",
                               "k8s-proxy-image-swapper-webhook"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert wait_until(lambda: self.create(pod_of("rescued", "hello:1")) == (201, "hello:1")), "still redirected"
        self.release.upgrade(self.values)
        assert self.certificates() == before, "the certificate changed"
        return [] if wait_until(self.webhook_answers) else ["the webhook did not come back"]

    def configuration_reloads(self):
        """The upgrade changed the configuration. The pods read it once the kubelet has written it."""
        for pod in self.pods:
            pod.sync()

        def annotated():
            path = f"/api/v1/namespaces/{self.namespace}/pods?dryRun=All"
            _, answer = self.api.request("POST", path, pod_of("annotated", "hello:1"))
            return "k8s-proxy-image-swapper/original-images" in answer["metadata"].get("annotations", {})
        return [] if wait_until(annotated) else ["the pods do not use the new configuration"]

    def rotates(self):
        """The certificate rotates while clients create pods, and kubelets write it at different times."""
        stop, wrong, counts = threading.Event(), [], [0, 0, 0]

        def make(client):
            chain_api = API()
            while not stop.is_set():
                status, answer = chain_api.request("POST", f"/api/v1/namespaces/{self.namespace}/pods?dryRun=All",
                                                   pod_of(f"client-{client}", "hello:1"))
                if status != 201 or answer["spec"]["containers"][0]["image"] != self.redirected("library/hello:1"):
                    wrong.append(f"{status}: {answer.get('message', answer.get('spec'))}")
                counts[client] += 1

        clients = [threading.Thread(target=make, args=[number]) for number in range(3)]
        for client in clients:
            client.start()
        before, _ = self.certificates()
        # The API server learns of the new CA within about a second. A kubelet updates a secret about once a minute.
        self.rotate("2026")
        stored, served = self.certificates()
        assert stored != before and served == [before, before]
        for pod in self.pods:
            pod.sync()
            if not wait_until(lambda pod=pod: pod.certificate() == stored):
                wrong.append("a pod serves the old certificate")
            # Meanwhile one pod serves the new certificate, and the other one the old.
            time.sleep(2)
        stop.set()
        for client in clients:
            client.join()
        print(f"        {sum(counts)} pods were created meanwhile", flush=True)
        # socat/entrypoint.sh says which requests may be lost: those that connect when one socat takes over from
        # another.
        lost = [each for each in wrong if each.startswith("500: ") and ("reset" in each or "EOF" in each)]
        if self.kind == "socat" and len(lost) <= 2:
            wrong = [each for each in wrong if each not in lost]
        return wrong + ([] if min(counts) > 5 else [f"only {counts} pods were created"])

    def new_authority_is_used(self):
        """Another rotation drops the first CA. The pods' certificate is of the second CA, which stays trusted."""
        self.rotate("2027")
        for pod in self.pods:
            assert pod.stop() in (0, 143)
        self.pods = [Pod(self.api, NAMESPACE, pod.folder, PROGRAMS) for pod in self.pods]
        assert wait_until(lambda: all(pod.is_ready() for pod in self.pods))
        self.proxy.pods = self.pods
        stored, served = self.certificates()
        works = served == [stored, stored] and wait_until(self.webhook_answers)
        return [] if works else ["the pods do not serve the new certificate"]

    def uninstall_leaves_nothing(self):
        self.release.uninstall()
        for pod in self.pods:
            assert pod.stop() in (0, 143)
        self.proxy.close()
        self.cache.stop()
        left = self.stored() - self.before
        got = wait_until(lambda: self.create(pod_of("after", "hello:1")) == (201, "hello:1"))
        return sorted(map(str, left)) + ([] if got else ["the API server still calls the webhook"])


def main():
    kind = sys.argv[1]
    chain = Chain(kind)
    skip = {"k8s-proxy-image-swapper/skip": "true"}
    for namespace, labels in [(chain.namespace, {}), (NAMESPACE, {}), ("opted-out", skip)]:
        # Since 1.21 the API server sets this label itself.
        name = {"name": namespace, "labels": {"kubernetes.io/metadata.name": namespace, **labels}}
        chain.api.request("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": name})
    chain.api.connection.request("PATCH", "/api/v1/namespaces/kube-system", json.dumps(
        {"metadata": {"labels": {"kubernetes.io/metadata.name": "kube-system"}}}),
        {"Content-Type": "application/merge-patch+json"})
    chain.api.connection.getresponse().read()
    chain.before = chain.stored()
    steps = [
        ("Helm installs the chart, its pods become ready, and the API server calls them", chain.installs),
        ("a pod is redirected, and its image is pulled through the proxy", chain.swaps_and_pulls),
        ("with the upstream stopped, the image is pulled from the cache", chain.pulls_from_the_cache),
        ("the API server never calls the webhook for excluded pods, and never rejects updates", chain.leaves_alone),
        ("an upgrade keeps the certificate", chain.upgrade_keeps_the_certificate),
        ("the pods reload a changed configuration without a restart", chain.configuration_reloads),
        ("the rescue command takes the webhook out, and an upgrade brings it back", chain.rescue_works),
        ("the certificate rotates, and every pod is accepted and redirected", chain.rotates),
        ("after a second rotation, the new certificate alone suffices", chain.new_authority_is_used),
        ("uninstalling leaves no object behind", chain.uninstall_leaves_nothing),
    ]
    results = [check(f"{kind}: {name}", step) for name, step in steps]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
