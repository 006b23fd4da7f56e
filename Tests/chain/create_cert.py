"""create-cert.sh against the real API server: with nobody who signs, with a stand-in for the cluster's signer, and
with an authority of its own, whose certificate the chart then serves."""

import base64
import glob
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/..", f"{HERE}/../chart", f"{HERE}/../cluster"]
from api import API  # noqa: E402
from chain import pod_of  # noqa: E402
from helm import Release  # noqa: E402
from node import Pod, Proxy  # noqa: E402
from serving import check, wait_until  # noqa: E402

WORK = os.environ["WORK"]
SCRIPT = f"{HERE}/../../create-cert.sh"
NAMESPACE = "certificates"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
# The original's command line, in another namespace.
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
    """What must not be there when the script has ended: files, and signing requests."""
    requests = [each["metadata"]["name"] for each in get(REQUESTS)["items"]]
    return [f"left: {each}" for each in glob.glob(f"{SCRATCH}/*") + requests]


class Signer:
    """What the controller manager does for kubernetes.io/kubelet-serving, to its rules: signs what is approved."""

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
    """Nothing is wrong if it ended with that status and said that."""
    wrong = [] if (done.returncode, text in done.stderr) == (status, True) else [done.returncode, done.stderr]
    return wrong + leftovers()


def nobody_signs():
    done = run("--timeout", "2")
    wrong = expect(done, 69, "no certificate of kubernetes.io/kubelet-serving within 2 s: does this cluster run that")
    return wrong + ([] if secret() is None and done.stdout == "" else ["a secret"])


def the_signer_refuses():
    with Signer(refuse=True):
        return expect(run(), 69, "kubernetes.io/kubelet-serving signs no such request: not to my taste")


def is_ended():
    """A signal while it waits: no key, no request stays."""
    with subprocess.Popen([SCRIPT, *LINE], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env={**os.environ, "TMPDIR": SCRATCH}) as process:
        assert wait_until(lambda: get(f"{REQUESTS}/k8s-pisw.{NAMESPACE}"))
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
    return leftovers() + ([] if process.returncode else ["it ended well"])


def the_cluster_signs():
    with Signer() as signer:
        done = run()
    wrong = expect(done, 0, "has a certificate for k8s-pisw.certificates.svc")
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
        wrong.append("the printed authority is another")
    of_key = openssl("pkey", "-pubout", text=files["key.pem"])
    of_certificate = openssl("x509", "-noout", "-pubkey", text=files["cert.pem"])
    if sorted(files) != ["cert.pem", "key.pem"] or of_key != of_certificate:
        wrong.append("key and certificate do not fit")
    stored = get(f"{SECRETS}/k8s-proxy-image-swapper-tls-secret")
    return wrong + (["the key is in an annotation too"] if "annotations" in stored["metadata"] else [])


def again_changes_nothing():
    before, done = secret(), run()
    wrong = expect(done, 0, "--renew makes another")
    return wrong + ([] if secret() == before and done.stdout else ["it changed"])


def renews():
    before = secret()
    with Signer() as signer:
        done = run("--renew", "--rsa", "--signer", "example.com/any")
    after = secret()
    text = openssl("x509", "-noout", "-text", text=after["cert.pem"])
    return expect(done, 0, "has a certificate") + ([] if after != before and "(2048 bit)" in text else [text]) \
        + ([] if [each["spec"]["signerName"] for each in signer.seen] == ["example.com/any"] else ["another signer"])


def signs_itself():
    done = run("--self-signed", "--renew", "--days", "40")
    files = secret()
    wrong = expect(done, 0, "has a certificate")
    wrong += [] if sorted(files) == ["ca.pem", "cert.pem", "key.pem"] else [files]
    wrong += [] if base64.b64decode(done.stdout).decode() == files["ca.pem"] else ["another authority was printed"]
    wrong += [] if files["ca.pem"].count("BEGIN CERTIFICATE") == 1 else ["more than one authority"]
    again = run()
    wrong += [] if (again.returncode, again.stdout) == (0, done.stdout) else ["another authority the second time"]
    return wrong


def is_trusted_meanwhile():
    """Renewed, the printed bundle trusts the certificate before as well, and that of before that no more."""
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


def the_chart_serves_it():
    """The original's way: the secret of the script, and its authority as caBundle."""
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


def a_releases_secret_is_left_alone():
    release = Release(os.environ["KUBECONFIG"], "served")
    release.install({"registryUrl": "proxy.example.com", "enableMutatingWebhook": False})
    done = run(line=["--namespace", "served"])
    release.uninstall()
    return expect(done, 71, "is of the Helm release pisw, which makes its certificate itself")


def refuses(options, status, text):
    return expect(run(*options), status, text)


def dry_runs(options, text):
    done = run("--dry-run", *options)
    wrong = [] if text in done.stdout and "PRIVATE" not in done.stdout else [done.stdout]
    return wrong + expect(done, 0, "nothing was sent")


def misses_a_program():
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
        check("create-cert.sh: with nobody who signs what was approved it gives up, and says what to do", nobody_signs),
        check("create-cert.sh: a signer that refuses is quoted", the_signer_refuses),
        check("create-cert.sh: ended by a signal, it leaves nothing", is_ended),
        check("create-cert.sh: the cluster signs", the_cluster_signs),
        check("create-cert.sh: run again it changes nothing", again_changes_nothing),
        check("create-cert.sh: --renew, --rsa, --signer", renews),
        check("create-cert.sh: --self-signed", signs_itself),
        check("create-cert.sh: renewed, the one before is trusted meanwhile", is_trusted_meanwhile),
        check("create-cert.sh: the chart serves its certificate, and a pod is swapped", the_chart_serves_it),
        check("create-cert.sh: a secret of a Helm release is left alone", a_releases_secret_is_left_alone),
        check("create-cert.sh: no kubectl", misses_a_program),
        check("create-cert.sh: --dry-run shows the request", dry_runs, [], "kind: CertificateSigningRequest"),
        check("create-cert.sh: --dry-run --self-signed shows the certificate", dry_runs, ["--self-signed"],
              "DNS:k8s-pisw.certificates.svc"),
    ]
    results += [check(f"create-cert.sh {' '.join(options)}: refused", refuses, options, 64, text) for options, text in [
        (["--nonsense"], "unknown option '--nonsense'"), (["--days"], "--days needs a value"),
        (["--days", "0"], "--days: expected a number"), (["--service", "a b"], "--service: 'a b' is no name"),
        (["--signer", "x"], "--signer: expected DOMAIN/NAME"), (["--timeout", "-1"], "--timeout: expected seconds"),
    ]]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
