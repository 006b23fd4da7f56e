"""create-cert.sh against the real API server: without a signer, with a stand-in for the cluster's signer, and with
--self-signed. The chart then serves the certificate."""

import base64
import glob
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../chart", f"{HERE}/../cluster"]
from api import API  # noqa: E402
from chain import pod_of  # noqa: E402
from helm import Release  # noqa: E402
from node import Pod, Proxy  # noqa: E402
from harness.checks import check, wait_until  # noqa: E402

WORK = os.environ["WORK"]
SCRIPT = f"{HERE}/../../create-cert.sh"
NAMESPACE = "certificates"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
# The command line of the original's documentation, in another namespace.
LINE = ["--secret", "k8s-proxy-image-swapper-tls-secret", "--namespace", NAMESPACE, "--service", "k8s-pisw"]
SCRATCH = f"{WORK}/scratch"


def run(*options, line=(), environment=None):
    return subprocess.run([SCRIPT, *(line or LINE), *options], capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, "TMPDIR": SCRATCH, **(environment or {})})


def get(path):
    status, answer = API().request("GET", path)
    return answer if status == 200 else None


def secret():
    """The files of the secret, or None."""
    stored = get(f"{SECRETS}/k8s-proxy-image-swapper-tls-secret")
    return stored and {name: base64.b64decode(text).decode() for name, text in stored["data"].items()}


def openssl(*arguments, text):
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=True)
    return done.stdout


def leftovers():
    """Files and signing requests that the script must have removed when it has ended."""
    requests = [each["metadata"]["name"] for each in get(REQUESTS)["items"]]
    return [f"left: {each}" for each in glob.glob(f"{SCRATCH}/*") + requests]


class Signer:
    """Signs approved requests by the rules of kubernetes.io/kubelet-serving, as the controller manager does."""

    def __init__(self, refuse=False):
        self.refuse, self.stopped, self.seen, self.api = refuse, threading.Event(), [], API()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def watch(self):
        while not self.stopped.is_set():
            for request in self.api.request("GET", REQUESTS)[1]["items"]:
                kinds = [each["type"] for each in request["status"].get("conditions", [])]
                if kinds == ["Approved"] and "certificate" not in request["status"]:
                    self.sign(request)
            time.sleep(0.1)

    def sign(self, request):
        self.seen.append(request)
        if self.refuse:
            request["status"]["conditions"].append(
                {"type": "Failed", "status": "True", "reason": "SignerValidationFailure", "message": "not to my taste"})
        else:
            text = base64.b64decode(request["spec"]["request"]).decode()
            signed = openssl(
                "x509", "-req", "-CA", f"{WORK}/cluster-ca.pem", "-CAkey", f"{WORK}/cluster-ca.key", "-set_serial",
                str(time.monotonic_ns()), "-days", "90", "-extfile", f"{WORK}/extensions", text=text)
            request["status"]["certificate"] = base64.b64encode(signed.encode()).decode()
        status, answer = self.api.request("PUT", f"{REQUESTS}/{request['metadata']['name']}/status", request)
        assert status == 200, answer


def expect(done, status, text):
    """The script ended with that status, and its standard error contains the text."""
    wrong = [] if (done.returncode, text in done.stderr) == (status, True) else [done.returncode, done.stderr]
    return wrong + leftovers()


def gives_up_without_signer():
    done = run("--timeout", "2")
    wrong = expect(
        done, 69, "kubernetes.io/kubelet-serving did not sign within 2 s. Does this cluster run that signer?")
    return wrong + ([] if secret() is None and done.stdout == "" else ["it stored a secret"])


def quotes_refusal():
    with Signer(refuse=True):
        return expect(run(), 69, "kubernetes.io/kubelet-serving refused the request: not to my taste")


def cleans_up_after_signal():
    """A signal while it waits for the signer: no file and no request is left."""
    with subprocess.Popen([SCRIPT, *LINE], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env={**os.environ, "TMPDIR": SCRATCH}) as process:
        assert wait_until(lambda: get(f"{REQUESTS}/k8s-pisw.{NAMESPACE}"))
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
    return leftovers() + ([] if process.returncode else ["it ended with status 0"])


def cluster_signs():
    with Signer() as signer:
        done = run()
    wrong = expect(done, 0, "now has a certificate for k8s-pisw.certificates.svc")
    [request] = signer.seen
    spec = request["spec"]
    if (spec["signerName"], sorted(spec["usages"])) != (
            "kubernetes.io/kubelet-serving", ["digital signature", "key encipherment", "server auth"]):
        wrong.append(spec)
    text = openssl("req", "-noout", "-text", text=base64.b64decode(spec["request"]).decode())
    for wanted in ("Subject: O = system:nodes, CN = system:node:k8s-pisw.certificates.svc", "NIST CURVE: P-256",
                   "DNS:k8s-pisw.certificates.svc, DNS:k8s-pisw.certificates, DNS:k8s-pisw\n"):
        wrong += [] if wanted in text else [f"no {wanted} in {text}"]
    files = secret()
    with open(f"{WORK}/cluster-ca.pem", encoding="utf-8") as file:
        authority = file.read()
    if base64.b64decode(done.stdout).decode() != authority:
        wrong.append("it did not print the cluster's CA")
    of_key = openssl("pkey", "-pubout", text=files["key.pem"])
    of_certificate = openssl("x509", "-noout", "-pubkey", text=files["cert.pem"])
    if sorted(files) != ["cert.pem", "key.pem"] or of_key != of_certificate:
        wrong.append("the key does not belong to the certificate")
    stored = get(f"{SECRETS}/k8s-proxy-image-swapper-tls-secret")
    return wrong + (["the key is in an annotation, too"] if "annotations" in stored["metadata"] else [])


def second_run_changes_nothing():
    before, done = secret(), run()
    wrong = expect(done, 0, "--renew makes a new one")
    return wrong + ([] if secret() == before and done.stdout else ["the secret changed"])


def renews():
    before = secret()
    with Signer() as signer:
        done = run("--renew", "--rsa", "--signer", "example.com/any")
    after = secret()
    text = openssl("x509", "-noout", "-text", text=after["cert.pem"])
    return expect(done, 0, "now has a certificate") + ([] if after != before and "(2048 bit)" in text else [text]) \
        + ([] if [each["spec"]["signerName"] for each in signer.seen] == ["example.com/any"] else ["another signer"])


def self_signs():
    done = run("--self-signed", "--renew", "--days", "40")
    files = secret()
    wrong = expect(done, 0, "now has a certificate")
    wrong += [] if sorted(files) == ["ca.pem", "cert.pem", "key.pem"] else [files]
    wrong += [] if base64.b64decode(done.stdout).decode() == files["ca.pem"] else ["it printed another CA"]
    wrong += [] if files["ca.pem"].count("BEGIN CERTIFICATE") == 1 else ["more than one CA"]
    again = run()
    wrong += [] if (again.returncode, again.stdout) == (0, done.stdout) else ["the second run printed another CA"]
    return wrong


def bundle_trusts_previous_certificate():
    """The bundle after --renew trusts the new and the previous certificate, but not the one before that."""
    certificates, bundles = [secret()["cert.pem"]], []
    for _ in range(2):
        bundles.append(base64.b64decode(run("--self-signed", "--renew").stdout).decode())
        certificates.append(secret()["cert.pem"])
    wrong = []
    for bundle, certificate, expected in [(0, 0, True), (0, 1, True), (1, 0, False), (1, 1, True), (1, 2, True)]:
        with open(f"{WORK}/bundle", "w", encoding="utf-8") as file:
            file.write(bundles[bundle])
        done = subprocess.run(["openssl", "verify", "-CAfile", f"{WORK}/bundle", "/dev/stdin"], capture_output=True,
                              input=certificates[certificate], text=True, check=False)
        wrong += [] if (done.returncode == 0) == expected else [f"bundle {bundle}, certificate {certificate}"]
    return wrong + leftovers()


def chart_serves_certificate():
    """The original's way: the secret that the script made, and the CA that it printed as caBundle."""
    release = Release(os.environ["KUBECONFIG"], NAMESPACE)
    bundle = run().stdout.strip()
    release.install({"registryUrl": "proxy.example.com", "caBundle": bundle, "webhook": {"failurePolicy": "Fail"},
                     "resources": {"limits": {"memory": "128Mi"}}})
    api = API()
    _, service = api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/services/k8s-pisw")
    proxy = Proxy(service["spec"]["clusterIP"])
    pod = Pod(api, NAMESPACE, f"{WORK}/pod-of-the-script", {"pisw": os.environ["PISW_SERVE"]})
    try:
        assert wait_until(pod.is_ready), "not ready"
        proxy.pods = [pod]

        def image():
            status, answer = api.request("POST", "/api/v1/namespaces/served/pods?dryRun=All", pod_of("it", "nginx"))
            return status == 201 and answer["spec"]["containers"][0]["image"]
        wanted = "proxy.example.com/library/nginx:latest"
        return [] if wait_until(lambda: image() == wanted) else [image()]
    finally:
        pod.stop()
        proxy.close()
        release.uninstall()


def release_secret_stays():
    release = Release(os.environ["KUBECONFIG"], "served")
    release.install({"registryUrl": "proxy.example.com", "enableMutatingWebhook": False})
    done = run(line=["--namespace", "served"])
    release.uninstall()
    return expect(done, 71, "belongs to the Helm release pisw, which makes its own certificate")


def refuses(options, status, text):
    return expect(run(*options), status, text)


def dry_runs(options, text):
    done = run("--dry-run", *options)
    wrong = [] if text in done.stdout and "PRIVATE" not in done.stdout else [done.stdout]
    return wrong + expect(done, 0, "nothing was sent")


def kubectl_is_missing():
    folder = f"{WORK}/without-kubectl"
    os.makedirs(folder)
    for program in ("openssl", "base64"):
        os.symlink(f"/usr/bin/{program}", f"{folder}/{program}")
    done = subprocess.run(["/bin/bash", SCRIPT], capture_output=True, text=True, check=False, env={"PATH": folder})
    return expect(done, 71, "kubectl is not installed")


def main():
    os.makedirs(SCRATCH)
    with open(f"{WORK}/extensions", "w", encoding="utf-8") as file:
        file.write("subjectAltName=DNS:k8s-pisw.certificates.svc\nextendedKeyUsage=serverAuth\n")
    for name in (NAMESPACE, "served"):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        API().request("POST", "/api/v1/namespaces", namespace)
    results = [
        check("create-cert.sh: without a signer it gives up, and says what to do", gives_up_without_signer),
        check("create-cert.sh: it quotes a signer that refuses", quotes_refusal),
        check("create-cert.sh: after SIGTERM it leaves nothing behind", cleans_up_after_signal),
        check("create-cert.sh: the cluster's signer signs", cluster_signs),
        check("create-cert.sh: a second run changes nothing", second_run_changes_nothing),
        check("create-cert.sh: --renew, --rsa, --signer", renews),
        check("create-cert.sh: --self-signed", self_signs),
        check("create-cert.sh: after --renew, the bundle still trusts the previous certificate",
              bundle_trusts_previous_certificate),
        check("create-cert.sh: the chart serves its certificate, and a pod is redirected", chart_serves_certificate),
        check("create-cert.sh: it refuses to replace a secret of a Helm release", release_secret_stays),
        check("create-cert.sh: it says that kubectl is not installed", kubectl_is_missing),
        check("create-cert.sh: --dry-run shows the request", dry_runs, [], "kind: CertificateSigningRequest"),
        check("create-cert.sh: --dry-run --self-signed shows the certificate", dry_runs, ["--self-signed"],
              "DNS:k8s-pisw.certificates.svc"),
    ]
    results += [check(f"create-cert.sh refuses {' '.join(options)}", refuses, options, 64, text) for options, text in [
        (["--nonsense"], "unknown option '--nonsense'"), (["--days"], "--days needs a value"),
        (["--days", "0"], "--days: expected a number"),
        (["--service", "a b"], "--service: 'a b' is not a valid Kubernetes name"),
        (["--signer", "x"], "--signer: expected DOMAIN/NAME"),
        (["--timeout", "-1"], "--timeout: expected a number of seconds"),
    ]]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
