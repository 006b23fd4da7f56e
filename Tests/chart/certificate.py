"""The certificate that the chart makes: its contents, that upgrades keep it, and its rotation."""

import base64
import re
import subprocess
import sys
import tempfile

import helm_sdkpy
from harness.checks import check
from helm import Cluster, Release
from manifests import PROXY

SECRET = "/api/v1/namespaces/tools/secrets/k8s-proxy-image-swapper-tls-secret"
HOST = "k8s-pisw.tools.svc"


class Installed:
    """The chart, installed in its own stand-in cluster."""

    def __init__(self, values=None, secret=None):
        self.cluster = Cluster()
        if secret:
            self.cluster.objects[SECRET] = secret
        self.release = Release(self.cluster.kubeconfig, "tools")
        self.rendered = self.release.install({**PROXY, **(values or {})})

    def upgrade(self, values=None):
        self.rendered = self.release.upgrade({**PROXY, **(values or {})})

    def secret(self):
        """The decoded files of the secret, and the CA certificates that the API server trusts."""
        data = self.rendered.one("Secret")["data"]
        bundles = {each["clientConfig"]["caBundle"]
                   for each in self.rendered.one("MutatingWebhookConfiguration")["webhooks"]}
        assert len(bundles) == 1, "the webhooks differ"
        files = {name: base64.b64decode(text).decode() for name, text in data.items()}
        return files, base64.b64decode(bundles.pop()).decode()


def rotation(token):
    return {"tls": {"selfSigned": {"rotation": token}}}


def openssl(*arguments, text):
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def trusts(bundle, certificate):
    """Whether a client that trusts the bundle accepts the certificate for the service."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(bundle)
        file.flush()
        return openssl("verify", "-CAfile", file.name, "-purpose", "sslserver", "-verify_hostname", HOST, "/dev/stdin",
                       text=certificate)[0] == 0


def authorities(bundle):
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", bundle, re.S)


def is_for_the_service():
    files, bundle = Installed().secret()
    assert sorted(files) == ["ca.pem", "cert.pem", "key.pem"], sorted(files)
    assert trusts(bundle, files["cert.pem"])
    assert bundle == files["ca.pem"] and len(authorities(bundle)) == 1
    text = openssl("x509", "-noout", "-text", text=files["cert.pem"])[1]
    wanted = ["Public-Key: (256 bit)", f"DNS:{HOST}, DNS:{HOST}.cluster.local", "TLS Web Server Authentication",
              "CA:FALSE"]
    return [f"no {each} in {text}" for each in wanted if each not in text]


def has_its_key():
    files, _ = Installed().secret()
    of_key = openssl("pkey", "-pubout", text=files["key.pem"])[1]
    of_certificate = openssl("x509", "-noout", "-pubkey", text=files["cert.pem"])[1]
    return [] if "PUBLIC KEY" in of_key and of_key == of_certificate else [of_key, of_certificate]


def holds_for(days, values):
    """The certificate is valid for the given number of days, give or take one."""
    files, _ = Installed(values).secret()
    wrong = []
    for name in ("cert.pem", "ca.pem"):
        ends = [openssl("x509", "-noout", "-checkend", str(day * 86400), text=files[name])[0]
                for day in (days - 1, days + 1)]
        wrong += [] if ends == [0, 1] else [f"{name}: {ends}"]
    return wrong


def upgrades_keep_it():
    it = Installed()
    before = it.secret()
    it.upgrade()
    it.upgrade({"replicaCount": 3, "config": {"tlscertpath": "/tls/other.pem"}})
    return [] if it.secret() == before else ["the certificate changed"]


def rotates():
    """The bundle after a rotation trusts both certificates. The next bundle no longer trusts the first certificate."""
    it = Installed()
    first, first_bundle = it.secret()
    it.upgrade(rotation("1"))
    second, second_bundle = it.secret()
    it.upgrade(rotation("1"))
    assert it.secret() == (second, second_bundle), "an upgrade with the same word rotated the certificate"
    it.upgrade(rotation("2"))
    third, third_bundle = it.secret()
    table = [
        ("first", first_bundle, first, True), ("first", first_bundle, second, False),
        ("second", second_bundle, first, True), ("second", second_bundle, second, True),
        ("third", third_bundle, first, False), ("third", third_bundle, second, True),
        ("third", third_bundle, third, True),
    ]
    wrong = [f"the {name} bundle trusts a certificate: {not expected}" for name, bundle, files, expected in table
             if trusts(bundle, files["cert.pem"]) != expected]
    return wrong + [f"{len(authorities(bundle))} authorities" for bundle in (second_bundle, third_bundle)
                    if len(authorities(bundle)) != 2]


def damaged_secret_is_replaced():
    it = Installed()
    before, _ = it.secret()
    it.cluster.objects[SECRET]["data"].pop("key.pem")
    it.upgrade()
    files, bundle = it.secret()
    return [] if files["cert.pem"] != before["cert.pem"] and trusts(bundle, files["cert.pem"]) else ["not usable"]


def foreign_secret_is_refused():
    """Helm would overwrite a secret that somebody else made and trusts, for instance with create-cert.sh."""
    foreign = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET.rpartition("/")[2],
                                                                   "namespace": "tools"}, "data": {}}
    try:
        Installed(secret=foreign)
    except helm_sdkpy.InstallError as error:
        expected = "exists, and this release did not make it: set caBundle to use it, or delete it"
        return [] if expected in str(error) else [error]
    return ["the chart accepted it"]


def another_mode_needs_another_secret():
    """Helm deletes objects that leave the manifest: it would delete the very secret that the pods mount."""
    wrong = []
    for values in ({"tls": {"mode": "certManager"}}, {"caBundle": "LS0t"}):
        it = Installed()
        try:
            it.upgrade(values)
            wrong.append(f"the chart accepted {values}")
        except helm_sdkpy.UpgradeError as error:
            expected = "which the chart made for tls.mode selfSigned: name another secret"
            wrong += [] if expected in str(error) else [error]
        values.setdefault("tls", {})["secretName"] = "another"
        it.upgrade(values)
    return wrong


def main():
    results = [
        check("the certificate names the service, has a P-256 key, and the API server trusts it", is_for_the_service),
        check("the private key belongs to the certificate", has_its_key),
        check("the certificate is valid for ten years", holds_for, 3650, {}),
        check("tls.selfSigned.days sets its lifetime", holds_for, 30, {"tls": {"selfSigned": {"days": 30}}}),
        check("upgrades keep the certificate", upgrades_keep_it),
        check("another rotation word makes a new certificate; the previous CA stays trusted until the next", rotates),
        check("the chart replaces a secret without a private key", damaged_secret_is_replaced),
        check("another tls.mode must name another secret", another_mode_needs_another_secret),
        check("the chart refuses a secret that it did not make", foreign_secret_is_refused),
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
