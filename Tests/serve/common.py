"""What the programs of this group share: pisw-serve with the group's certificates, its clients, and the reviews with
their answers. test.sh sets PISW_SERVE and WORK."""

import os
import ssl
from pathlib import Path

from harness.certificates import context
from harness.checks import expect
from harness.client import Client
from harness.client import post as request
from harness.log import PipeLog, UnreadLog
from harness.processes import CONFINED
from harness.server import Server

program = os.environ["PISW_SERVE"]
work = Path(os.environ["WORK"])
reviews = {file.stem: file.read_bytes() for file in sorted((work / "reviews").glob("*.json"))}
answers = {name: (work / "answers" / f"{name}.json").read_bytes() for name in reviews}
review, answer = reviews["job-pod"], answers["job-pod"]
captured = [name for name in reviews if name not in ("1MB", "8MiB")]


class PiswServe(Server):
    """pisw-serve on free ports, with a certificate and a mirror of the group's."""

    def __init__(self, *options, certificate="ec", mirror="docker.io=proxy.example.com", environment=None,
                 reads_log=True, confined=CONFINED, before=(),
                 listen=("--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")):
        arguments = [*listen]
        if certificate:
            arguments += ["--tls-cert", f"{work}/{certificate}.pem", "--tls-key", f"{work}/{certificate}.key"]
        if mirror:
            arguments += ["--mirror", mirror]
        # One for each --listen, or for its default; and the admin port, unless it is off.
        sockets = max(1, listen.count("--listen")) + ("off" not in listen)
        super().__init__([*before, program, *arguments, *options], PipeLog() if reads_log else UnreadLog(), confined,
                         environment, sockets)

    def connect(self, **options):
        return ReviewClient(self.port, **options)

    def post(self, name="job-pod", **options):
        """Sends a review over its own connection. The answer must be right."""
        with self.connect(**options) as connection:
            connection.review(name)


class ReviewClient(Client):
    """A client that trusts the group's root CA, and knows the reviews and their answers."""

    def __init__(self, port, host="127.0.0.1", **options):
        super().__init__(port, tls_context(**options), host)

    def review(self, name="job-pod", *fields):
        """Sends a review. The answer must be right. Returns the response's fields."""
        status, got, body = self.post(reviews[name], *fields)
        expect("status", (status, body if status != 200 else b""), (200, b""))
        expect("answer", body, answers[name])
        return got


def tls_context(client=None, **options):
    """TLS settings that trust the root CA, and show the named client certificate."""
    files = (work / f"{client}.leaf.pem", work / f"{client}.key") if client else None
    return context(work / "root.pem", certificate=files, **options)


def post(body=review, *fields, **options):
    """A request as the API server sends it, with further fields."""
    return request(body, *fields, **options)


def leaf(name):
    """A certificate in the form of `Client.certificate`."""
    return ssl.PEM_cert_to_DER_cert((work / f"{name}.leaf.pem").read_text())


def pod(metadata=None, spec=None, **request):
    """The review of a pod."""
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "operation": "CREATE", "namespace": "shop", "name": "web",
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "object": {"apiVersion": "v1", "kind": "Pod", "metadata": metadata or {},
                   "spec": spec or {"containers": [{"name": "web", "image": "nginx"}]}}} | request}
