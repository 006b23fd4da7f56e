"""The values that the chart refuses, and its messages: the schema refuses typing errors, the templates the rest."""

import sys

import helm_sdkpy
from harness.checks import check
from helm import render
from manifests import PROXY

# Values in addition to a proxy, and a text that the message must contain.
SCHEMA = [
    ({"registrUrl": "proxy.example.com"}, "additional properties 'registrUrl' not allowed"),
    ({"webhook": {"failurepolicy": "Fail"}}, "at '/webhook': additional properties 'failurepolicy' not allowed"),
    ({"config": {"ignoreImages": []}}, "at '/config': additional properties 'ignoreImages' not allowed"),
    ({"server": {"kind": "nginx"}}, "at '/server/kind': value must be one of 'pisw-serve', 'socat'"),
    ({"tls": {"mode": "selfsigned"}}, "at '/tls/mode': value must be one of"),
    ({"registryUrl": "https://proxy.example.com"}, "at '/registryUrl': 'https://proxy.example.com' does not match"),
    ({"registryUrl": "proxy"}, "at '/registryUrl': 'proxy' does not match"),
    ({"mirrors": {"quay.io": ""}}, "at '/mirrors/quay.io': '' does not match"),
    ({"mirrors": ["quay.io"]}, "at '/mirrors': got array, want object"),
    ({"replicaCount": "2"}, "at '/replicaCount': got string, want integer"),
    ({"enableDebug": "true"}, "at '/enableDebug': got string, want boolean"),
    ({"caBundle": "not base64"}, "at '/caBundle': 'not base64' does not match"),
    ({"config": {"port": 70000}}, "at '/config/port': maximum"),
    ({"config": {"tlscertpath": "cert.pem"}}, "at '/config/tlscertpath': 'cert.pem' does not match"),
    ({"webhook": {"timeoutSeconds": 31}}, "at '/webhook/timeoutSeconds': maximum"),
    ({"webhook": {"failurePolicy": "ignore"}}, "at '/webhook/failurePolicy': value must be one of 'Ignore', 'Fail'"),
    ({"webhook": {"matchConditions": [{"name": "x"}]}}, "missing property 'expression'"),
    ({"image": {"digest": "sha256:1"}}, "at '/image/digest': 'sha256:1' does not match"),
    ({"image": {"tag": "a b"}}, "at '/image/tag': 'a b' does not match"),
    ({"server": {"reviewMemory": 8}}, "at '/server/reviewMemory': 'anyOf' failed"),
    ({"securityContext": {"capabilities": {}}}, "at '/securityContext': 'not' failed"),
    ({"exclude": {"labels": {"a b": "c"}}}, "'a b' does not match"),
    ({"exclude": {"labels": {"a": "b c"}}}, "at '/exclude/labels/a': 'anyOf' failed"),
    ({"exclude": {"labels": {"a": ["b", "c d"]}}}, "at '/exclude/labels/a': 'anyOf' failed"),
    ({"exclude": {"labels": {"a": ["b", None]}}}, "at '/exclude/labels/a': 'anyOf' failed"),
    ({"exclude": {"labels": {"a": {"b": "c"}}}}, "at '/exclude/labels/a': 'anyOf' failed"),
    ({"podLabels": {"a": True}}, "at '/podLabels/a': got boolean, want string"),
    ({"resources": {"limit": {}}}, "at '/resources': additional properties 'limit' not allowed"),
]

TEMPLATES = [
    ({"registryUrl": ""}, "registryUrl: name your proxy for Docker Hub"),
    ({"mirrors": {"docker.io": "other.example.com"}},
     'registryUrl and mirrors.docker.io mean the same, but are "proxy.example.com" and "other.example.com"'),
    ({"tls": {"mode": "existingSecret"}},
     "caBundle: tls.mode existingSecret needs it: the CA certificate that the API server must trust"),
    ({"tls": {"mode": "selfSigned"}, "caBundle": "LS0t"}, "caBundle: tls.mode selfSigned sets it itself: remove it"),
    ({"tls": {"mode": "certManager"}, "caBundle": "LS0t"}, "caBundle: tls.mode certManager sets it itself: remove it"),
    ({"tlsdirpath": "/certs"}, 'config.tlscertpath: "/tls/cert.pem" is not in tlsdirpath, "/certs"'),
    ({"server": {"drainDelay": 30}}, "server.drainTimeout: must be at least server.drainDelay"),
    ({"server": {"adminPort": 8443}}, "server.adminPort: must differ from config.port"),
    ({"resources": {"limits": {"memory": "351Mi"}}, "server": {"maxReviews": 4, "reviewMemory": 64}},
     "resources.limits.memory: 351Mi is too low: 4 reviews at 64 MiB each, plus 96 MiB for the server, need 352Mi."),
    ({"server": {"maxReviews": 8, "reviewMemory": 64}},
     "8 reviews at 64 MiB each, plus 96 MiB for the server, need 608Mi"),
    ({"resources": {"limits": {"memory": "100Mi"}}},
     "1 reviews at 16 MiB each, plus 96 MiB for the server, need 112Mi"),
    ({"resources": {"limits": {"memory": 1000}}}, "1000 is too low"),
    ({"resources": {"limits": {"memory": "1Zi"}}}, 'write "1Zi" as a number with Ki, Mi, Gi or Ti'),
    ({"resources": {"limits": {"memory": "128974848m"}}}, 'write "128974848m" as a number'),
    ({"isolation": "connection", "server": {"sandbox": "require"}}, "server.sandbox require: needs isolation request"),
    ({"server": {"kind": "socat", "sandbox": "require"}}, "server.sandbox require: needs server.kind pisw-serve"),
    ({"isolation": "connection", "server": {"kind": "socat"}}, "isolation connection: needs server.kind pisw-serve"),
    ({"serviceMonitor": {"enabled": True}, "server": {"kind": "socat"}}, "serviceMonitor: needs server.kind"),
    ({"prometheusRule": {"enabled": True}, "server": {"kind": "socat"}}, "prometheusRule: needs server.kind"),
]

# Values that need a younger cluster.
OLD_CLUSTERS = [
    (27, {"webhook": {"matchConditions": [{"name": "x", "expression": "true"}]}},
     "webhook.matchConditions: needs Kubernetes 1.28 or later; this cluster is v1.27.0"),
    (22, {"autoscaling": {"enabled": True}}, "autoscaling.enabled: needs autoscaling/v2"),
    (19, {}, "chart requires kubeVersion: >=1.20.0-0"),
]

ACCEPTED = [
    {"resources": {"limits": {"memory": "352Mi"}}, "server": {"maxReviews": 4, "reviewMemory": 64}},
    {"resources": {"limits": {"memory": "0.5Gi"}}},
    {"resources": {"limits": {"memory": 400000000}}},
    {"resources": {"limits": {"memory": "400M"}}},
    {"mirrors": {"docker.io": "proxy.example.com"}},
    {"registryUrl": "localhost:5000/hub"},
    {"registryUrl": "", "mirrors": {"*": "proxy.example.com/{registry}"}},
    {"caBundle": {}},
    {"securityContext": None},
    {"global": {"anything": 1}},
    {"exclude": {"labels": {"a": ["b", "", "c*"], "d": []}}},
]


def refuses(values, text, minor=34):
    try:
        render({**PROXY, **values}, minor)
    except helm_sdkpy.InstallError as error:
        return [] if text in str(error) else [str(error)]
    return ["the chart accepts it"]


def accepts(values):
    render({**PROXY, **values})
    return []


def main():
    results = [check(f"the schema refuses {values}", refuses, values, text) for values, text in SCHEMA]
    results += [check(f"the templates refuse {values}", refuses, values, text) for values, text in TEMPLATES]
    results += [check(f"Kubernetes 1.{minor} is refused: {text}", refuses, values, text, minor)
                for minor, values, text in OLD_CLUSTERS]
    results += [check(f"the chart accepts {values}", accepts, values) for values in ACCEPTED]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
