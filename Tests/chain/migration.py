"""Migration from the original chart: `helm upgrade` of its release with unchanged values, and a secret that
create-cert.sh made."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../chart", f"{HERE}/../cluster"]
import yaml  # noqa: E402
from api import API  # noqa: E402
from chain import pod_of  # noqa: E402
from helm import CHART, Release  # noqa: E402
from node import DEPLOYMENT, Pod, Proxy  # noqa: E402
from harness.checks import check, wait_until  # noqa: E402

SECRET = "/api/v1/namespaces/kube-system/secrets/k8s-proxy-image-swapper-tls-secret"
WEBHOOK = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/k8s-proxy-image-swapper-webhook"
SERVICE = "/api/v1/namespaces/kube-system/services/k8s-pisw"


class Migration:
    def __init__(self):
        self.api = API()
        with open(f"{HERE}/../chart/values/original.yaml", encoding="utf-8") as file:
            self.values = yaml.safe_load(file)
        self.release = Release(os.environ["KUBECONFIG"], "kube-system", "swapper", f"{HERE}/before")
        self.before = {}

    def uids(self):
        """The uids of the objects that both charts have."""
        paths = [DEPLOYMENT.format("kube-system"), WEBHOOK, SERVICE, SECRET]
        return {path: self.api.request("GET", path)[1]["metadata"]["uid"] for path in paths}

    def original_runs(self):
        done = subprocess.run(
            [f"{HERE}/../../create-cert.sh", "--self-signed", "--secret", "k8s-proxy-image-swapper-tls-secret",
             "--namespace", "kube-system", "--service", "k8s-pisw"], capture_output=True, text=True, check=True)
        self.values["caBundle"] = done.stdout.strip()
        self.release.install(self.values)
        self.before = self.uids()
        return []

    def upgrades_in_place(self):
        """The objects keep their uids, because the deployment's selector cannot change; and the secret stays."""
        secret = self.api.request("GET", SECRET)[1]["data"]
        self.release.chart = CHART
        self.release.upgrade(self.values)
        assert self.api.request("GET", SECRET)[1]["data"] == secret, "the certificate changed"
        return [] if self.uids() == self.before else ["an object was made anew"]

    def redirects(self):
        proxy = Proxy(self.api.request("GET", SERVICE)[1]["spec"]["clusterIP"])
        pod = Pod(self.api, "kube-system", f"{os.environ['WORK']}/migrated",
                  {"k8s-proxy-image-swapper": os.environ["PISW_SERVE"], "pisw": os.environ["PISW_SERVE"]})
        proxy.pods = [pod]
        try:
            assert wait_until(pod.is_ready), "not ready"

            def image():
                status, answer = self.api.request("POST", "/api/v1/namespaces/default/pods?dryRun=All",
                                                  pod_of("it", "nginx"))
                return status == 201 and answer["spec"]["containers"][0]["image"]
            wanted = "docker-registry-internal.example.com/library/nginx:latest"
            return [] if wait_until(lambda: image() == wanted) else [image()]
        finally:
            pod.stop()
            proxy.close()

    def uninstalls(self):
        """Helm did not make the secret, so the secret stays."""
        self.release.uninstall()
        status = [self.api.request("GET", path)[0] for path in (WEBHOOK, SERVICE, SECRET)]
        self.api.request("DELETE", SECRET)
        return [] if status == [404, 404, 200] else [status]


def main():
    it = Migration()
    results = [
        check("migration: the original's release is installed, with a secret of create-cert.sh", it.original_runs),
        check("migration: helm upgrade to this chart with the same values keeps the objects", it.upgrades_in_place),
        check("migration: a pod is redirected as the values say", it.redirects),
        check("migration: uninstalling removes everything but the secret", it.uninstalls),
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
