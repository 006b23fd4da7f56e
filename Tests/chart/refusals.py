"""What the chart refuses, and what it says: typing errors by its schema, the rest by its templates."""

import os
import sys

import helm_sdkpy
from helm import render
from manifests import PROXY

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from serving import check  # noqa: E402

# Values beside a proxy, and what the message must hold.
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
    ({"registryUrl": ""}, "registryUrl: set your proxy for Docker Hub"),
    ({"mirrors": {"docker.io": "other.example.com"}},
     'registryUrl and mirrors.docker.io are one setting: "proxy.example.com" or "other.example.com"?'),
    ({"tls": {"mode": "existingSecret"}}, "caBundle: with tls.mode existingSecret the API server must be told"),
    ({"tls": {"mode": "selfSigned"}, "caBundle": "LS0t"}, "caBundle: with tls.mode selfSigned it is made for you"),
    ({"tls": {"mode": "certManager"}, "caBundle": "LS0t"}, "caBundle: with tls.mode certManager it is made for you"),
    ({"tlsdirpath": "/certs"}, 'config.tlscertpath: "/tls/cert.pem" does not lie in tlsdirpath, "/certs"'),
    ({"server": {"drainDelay": 30}}, "server.drainTimeout must be no less than server.drainDelay"),
    ({"server": {"adminPort": 8443}}, "server.adminPort and config.port must differ"),
    ({"resources": {"limits": {"memory": "351Mi"}}, "server": {"maxReviews": 4, "reviewMemory": 64}},
     "resources.limits.memory: 4 reviews of 64 MiB need 352Mi with the 96Mi of the rest; 351Mi is too little"),
    ({"server": {"maxReviews": 8, "reviewMemory": 64}}, "8 reviews of 64 MiB need 608Mi"),
    ({"resources": {"limits": {"memory": "100Mi"}}}, "1 reviews of 16 MiB need 112Mi"),
    ({"resources": {"limits": {"memory": 1000}}}, "1000 is too little"),
    ({"resources": {"limits": {"memory": "1Zi"}}}, 'write "1Zi" as a number with Ki, Mi, Gi or Ti'),
    ({"resources": {"limits": {"memory": "128974848m"}}}, 'write "128974848m" as a number'),
    ({"isolation": "connection", "server": {"sandbox": "require"}}, "server.sandbox require: needs isolation request"),
    ({"server": {"kind": "socat", "sandbox": "require"}}, "server.sandbox require: needs server.kind pisw-serve"),
    ({"isolation": "connection", "server": {"kind": "socat"}}, "isolation connection: needs server.kind pisw-serve"),
    ({"serviceMonitor": {"enabled": True}, "server": {"kind": "socat"}}, "serviceMonitor: needs server.kind"),
    ({"prometheusRule": {"enabled": True}, "server": {"kind": "socat"}}, "prometheusRule: needs server.kind"),
]

# What only a younger cluster has.
OLD_CLUSTERS = [
    (27, {"webhook": {"matchConditions": [{"name": "x", "expression": "true"}]}},
     "webhook.matchConditions: Kubernetes v1.27.0 has none; they need 1.28"),
    (22, {"autoscaling": {"enabled": True}}, "autoscaling.enabled: this cluster has no autoscaling/v2"),
    (19, {}, "chart requires kubeVersion: >=1.20.0-0"),
]

TAKEN = [
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
    return ["it was taken"]


def takes(values):
    render({**PROXY, **values})
    return []


def main():
    results = [check(f"the schema refuses {values}", refuses, values, text) for values, text in SCHEMA]
    results += [check(f"the templates refuse {values}", refuses, values, text) for values, text in TEMPLATES]
    results += [check(f"on 1.{minor}: refused, {text}", refuses, values, text, minor)
                for minor, values, text in OLD_CLUSTERS]
    results += [check(f"taken: {values}", takes, values) for values in TAKEN]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
