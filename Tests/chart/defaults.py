"""What the chart renders, line by line: object, path, value. First the defaults, then what each value changes."""

import base64
import sys

import yaml

from harness.checks import check
from helm import render
from manifests import PROXY, values_of

ABSENT = object()

# The names of the original chart. Its rescue command names the webhook configuration.
OBJECTS = [
    ("ConfigMap", "k8s-proxy-image-swapper-config"),
    ("Deployment", "k8s-proxy-image-swapper-webhook-deployment"),
    ("MutatingWebhookConfiguration", "k8s-proxy-image-swapper-webhook"),
    ("NetworkPolicy", "k8s-proxy-image-swapper-webhook-deployment"),
    ("PodDisruptionBudget", "k8s-proxy-image-swapper-webhook-deployment"),
    ("Secret", "k8s-proxy-image-swapper-tls-secret"),
    ("Service", "k8s-pisw"),
]

POD = "spec.template.spec"
IT = f"{POD}.containers.0"
FIRST, SECOND = "webhooks.0", "webhooks.1"
OPERATORS = [
    {"key": "aerospike.com/cr", "operator": "DoesNotExist"},
    {"key": "app", "operator": "NotIn", "values": ["longhorn-manager"]},
    {"key": "application", "operator": "NotIn", "values": ["spilo"]},
    {"key": "cnpg.io/cluster", "operator": "DoesNotExist"},
    {"key": "kubevirt.io", "operator": "NotIn", "values": ["virt-launcher"]},
    {"key": "nifi_cr", "operator": "DoesNotExist"},
    {"key": "olm.catalogSource", "operator": "DoesNotExist"},
    {"key": "strimzi.io/cluster", "operator": "DoesNotExist"},
]
SKIP = {"key": "k8s-proxy-image-swapper/skip", "operator": "NotIn", "values": ["true"]}
EXEMPT = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "tools"]}
OWN = {"app": "k8s-proxy-image-swapper-webhook"}
CREATED = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
           "scope": "Namespaced"}
EPHEMERAL = {**CREATED, "operations": ["UPDATE"], "resources": ["pods/ephemeralcontainers"]}

DEFAULTS = [
    ("MutatingWebhookConfiguration", "metadata.namespace", ABSENT),
    ("MutatingWebhookConfiguration", "webhooks.2", ABSENT),
    ("MutatingWebhookConfiguration", f"{FIRST}.name", "k8s-pisw.tools.svc"),
    ("MutatingWebhookConfiguration", f"{FIRST}.rules", [CREATED, EPHEMERAL]),
    ("MutatingWebhookConfiguration", f"{FIRST}.failurePolicy", "Ignore"),
    ("MutatingWebhookConfiguration", f"{FIRST}.timeoutSeconds", 2),
    ("MutatingWebhookConfiguration", f"{FIRST}.sideEffects", "None"),
    ("MutatingWebhookConfiguration", f"{FIRST}.reinvocationPolicy", "IfNeeded"),
    ("MutatingWebhookConfiguration", f"{FIRST}.matchPolicy", "Equivalent"),
    ("MutatingWebhookConfiguration", f"{FIRST}.admissionReviewVersions", ["v1", "v1beta1"]),
    ("MutatingWebhookConfiguration", f"{FIRST}.clientConfig.service",
     {"name": "k8s-pisw", "namespace": "tools", "path": "/mutate", "port": 443}),
    ("MutatingWebhookConfiguration", f"{FIRST}.namespaceSelector", {"matchExpressions": [SKIP, EXEMPT]}),
    ("MutatingWebhookConfiguration", f"{FIRST}.objectSelector", {"matchExpressions": [SKIP, *OPERATORS]}),
    ("MutatingWebhookConfiguration", f"{FIRST}.matchConditions", ABSENT),
    ("MutatingWebhookConfiguration", f"{SECOND}.name", "update.k8s-pisw.tools.svc"),
    ("MutatingWebhookConfiguration", f"{SECOND}.rules", [{**CREATED, "operations": ["UPDATE"]}]),
    ("MutatingWebhookConfiguration", f"{SECOND}.failurePolicy", "Ignore"),
    ("MutatingWebhookConfiguration", f"{SECOND}.timeoutSeconds", 2),
    ("MutatingWebhookConfiguration", f"{SECOND}.sideEffects", "None"),
    ("MutatingWebhookConfiguration", f"{SECOND}.namespaceSelector", {"matchExpressions": [SKIP, EXEMPT]}),
    ("MutatingWebhookConfiguration", f"{SECOND}.objectSelector", {"matchExpressions": [SKIP, *OPERATORS]}),
    ("Deployment", "metadata.namespace", "tools"),
    ("Deployment", "spec.replicas", 2),
    ("Deployment", "spec.selector.matchLabels", OWN),
    ("Deployment", "spec.strategy.rollingUpdate", {"maxSurge": 1, "maxUnavailable": 0}),
    ("Deployment", "spec.template.metadata.labels.app", "k8s-proxy-image-swapper-webhook"),
    ("Deployment", "spec.template.metadata.labels.k8s-proxy-image-swapper/skip", "true"),
    ("Deployment", "spec.template.metadata.annotations", ABSENT),
    ("Deployment", f"{POD}.automountServiceAccountToken", False),
    ("Deployment", f"{POD}.serviceAccountName", ABSENT),
    ("Deployment", f"{POD}.enableServiceLinks", False),
    ("Deployment", f"{POD}.hostNetwork", ABSENT),
    ("Deployment", f"{POD}.terminationGracePeriodSeconds", 30),
    ("Deployment", f"{POD}.nodeSelector", {"kubernetes.io/os": "linux"}),
    ("Deployment", f"{POD}.topologySpreadConstraints",
     [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
       "labelSelector": {"matchLabels": OWN}}]),
    ("Deployment", f"{POD}.securityContext",
     {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
      "seccompProfile": {"type": "RuntimeDefault"}}),
    ("Deployment", f"{POD}.containers.1", ABSENT),
    ("Deployment", f"{IT}.image", "ghcr.io/pisw/pisw:0.1.0"),
    ("Deployment", f"{IT}.imagePullPolicy", "IfNotPresent"),
    ("Deployment", f"{IT}.command", ABSENT),
    ("Deployment", f"{IT}.args",
     ["--listen=[::]:8443", "--admin-listen=[::]:9090", "--tls-cert=/tls/cert.pem", "--tls-key=/tls/key.pem",
      "--isolation=request", "--max-reviews=4", "--review-memory=64", "--max-connections=256", "--drain-delay=5",
      "--drain-timeout=25", "--log-format=json", "--sandbox=prefer"]),
    ("Deployment", f"{IT}.env", [{"name": "PISW_CONFIG", "value": "/config/config.yaml"}]),
    ("Deployment", f"{IT}.ports",
     [{"name": "https", "containerPort": 8443, "protocol": "TCP"},
      {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}]),
    ("Deployment", f"{IT}.livenessProbe.httpGet", {"path": "/livez", "port": "metrics"}),
    ("Deployment", f"{IT}.readinessProbe.httpGet", {"path": "/readyz", "port": "metrics"}),
    ("Deployment", f"{IT}.lifecycle", ABSENT),
    ("Deployment", f"{IT}.resources",
     {"requests": {"cpu": "50m", "memory": "48Mi"}, "limits": {"memory": "352Mi"}}),
    ("Deployment", f"{IT}.securityContext",
     {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}),
    ("Deployment", f"{IT}.volumeMounts",
     [{"name": "config", "mountPath": "/config", "readOnly": True},
      {"name": "tls", "mountPath": "/tls", "readOnly": True}]),
    ("Deployment", f"{POD}.volumes.0", {"name": "config", "configMap": {"name": "k8s-proxy-image-swapper-config"}}),
    ("Deployment", f"{POD}.volumes.1.secret",
     {"secretName": "k8s-proxy-image-swapper-tls-secret", "defaultMode": 0o440,
      "items": [{"key": "cert.pem", "path": "cert.pem"}, {"key": "key.pem", "path": "key.pem"}]}),
    ("Deployment", f"{POD}.volumes.2", ABSENT),
    ("Service", "spec",
     {"type": "ClusterIP", "selector": OWN,
      "ports": [{"name": "https", "port": 443, "targetPort": "https", "protocol": "TCP"},
                {"name": "metrics", "port": 9090, "targetPort": "metrics", "protocol": "TCP"}]}),
    ("PodDisruptionBudget", "spec",
     {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": {"matchLabels": OWN}}),
    ("NetworkPolicy", "spec",
     {"podSelector": {"matchLabels": OWN}, "policyTypes": ["Ingress", "Egress"], "egress": [],
      "ingress": [{"ports": [{"port": 8443, "protocol": "TCP"}]}, {"ports": [{"port": 9090, "protocol": "TCP"}]}]}),
    ("ConfigMap", "data.config.yaml.mirrors", {"docker.io": "proxy.example.com"}),
    ("ConfigMap", "data.config.yaml.ignoreimages", []),
    ("ConfigMap", "data.config.yaml.exclude.namespaces", ["kube-system", "tools"]),
    ("ConfigMap", "data.config.yaml.exclude.owners", []),
    ("ConfigMap", "data.config.yaml.exclude.labels",
     {"aerospike.com/cr": "*", "app": "longhorn-manager", "application": "spilo", "cnpg.io/cluster": "*",
      "kubevirt.io": "virt-launcher", "nifi_cr": "*", "olm.catalogSource": "*", "strimzi.io/cluster": "*"}),
    ("ConfigMap", "data.config.yaml.annotateOriginal", False),
    ("ConfigMap", "data.config.yaml.imagePullSecrets", []),
]

# The original chart's values, unchanged.
ORIGINAL = [
    ("Deployment", "spec.replicas", 2),
    ("Deployment", f"{IT}.image", "registry.example.com/toto/k8s-proxy-image-swapper:v0.3.3"),
    ("Deployment", f"{POD}.securityContext.runAsUser", 1000),
    ("Deployment", f"{POD}.securityContext.runAsNonRoot", True),
    ("Deployment", f"{POD}.securityContext.fsGroup", 65532),
    ("Deployment", f"{IT}.resources",
     {"requests": {"memory": "64Mi", "cpu": "250m"}, "limits": {"memory": "128Mi", "cpu": "500m"}}),
    # As much as fits into 128Mi.
    ("Deployment", f"{IT}.args.5", "--max-reviews=1"),
    ("Deployment", f"{IT}.args.6", "--review-memory=32"),
    ("Deployment", f"{IT}.volumeMounts.1.mountPath", "/tls"),
    ("ConfigMap", "data.config.yaml.mirrors", {"docker.io": "docker-registry-internal.example.com"}),
    ("ConfigMap", "data.config.yaml.ignoreimages", ["registry", "registry.example.com/toto/k8s-proxy-image-swapper"]),
    ("MutatingWebhookConfiguration", f"{FIRST}.name", "k8s-pisw.kube-system.svc"),
    ("MutatingWebhookConfiguration", f"{FIRST}.failurePolicy", "Ignore"),
]

# What single values change: a name, values in addition to a proxy, and lines that are then rendered.
CHANGES = [
    ("caBundle makes the chart use an existing secret",
     {"caBundle": "LS0tLS1CRUdJTg=="},
     [("Secret", None, ABSENT),
      ("MutatingWebhookConfiguration", f"{FIRST}.clientConfig.caBundle", "LS0tLS1CRUdJTg=="),
      ("MutatingWebhookConfiguration", f"{SECOND}.clientConfig.caBundle", "LS0tLS1CRUdJTg=="),
      ("Deployment", f"{POD}.volumes.1.secret.secretName", "k8s-proxy-image-swapper-tls-secret")]),
    ("existingSecret accepts a secret of type kubernetes.io/tls",
     {"caBundle": "LS0tLS1CRUdJTg==", "tls": {"mode": "existingSecret", "secretName": "mine"},
      "config": {"tlscertpath": "/tls/tls.crt", "tlskeypath": "/tls/tls.key"}},
     [("Deployment", f"{POD}.volumes.1.secret.secretName", "mine"),
      ("Deployment", f"{POD}.volumes.1.secret.items",
       [{"key": "tls.crt", "path": "tls.crt"}, {"key": "tls.key", "path": "tls.key"}]),
      ("Deployment", f"{IT}.args.2", "--tls-cert=/tls/tls.crt")]),
    ("certManager has cert-manager make a CA and a certificate, and write the caBundle",
     {"tls": {"mode": "certManager"}},
     [("Secret", None, ABSENT),
      ("Issuer/k8s-pisw-self-signed", "spec", {"selfSigned": {}}),
      ("Certificate/k8s-pisw-authority", "spec.isCA", True),
      ("Certificate/k8s-pisw-authority", "spec.issuerRef.name", "k8s-pisw-self-signed"),
      ("Issuer/k8s-pisw-authority", "spec.ca.secretName", "k8s-pisw-authority"),
      ("Certificate/k8s-pisw", "spec.issuerRef.name", "k8s-pisw-authority"),
      ("Certificate/k8s-pisw", "spec.secretName", "k8s-proxy-image-swapper-tls-secret"),
      ("Certificate/k8s-pisw", "spec.dnsNames", ["k8s-pisw.tools.svc"]),
      ("MutatingWebhookConfiguration", "metadata.annotations",
       {"cert-manager.io/inject-ca-from": "tools/k8s-pisw"}),
      ("MutatingWebhookConfiguration", f"{FIRST}.clientConfig.caBundle", ABSENT),
      ("Deployment", f"{POD}.volumes.1.secret.items",
       [{"key": "tls.crt", "path": "cert.pem"}, {"key": "tls.key", "path": "key.pem"}])]),
    ("certManager.issuerRef replaces the chart's CA",
     {"tls": {"mode": "certManager", "certManager": {"issuerRef": {"name": "company", "kind": "ClusterIssuer"}}}},
     [("Issuer", None, ABSENT), ("Certificate", "spec.issuerRef", {"name": "company", "kind": "ClusterIssuer"})]),
    ("server.kind socat: another image, its own variables and probes, a preStop pause, no metrics",
     {"server": {"kind": "socat", "drainDelay": 7}, "config": {"port": 9443}},
     [("Deployment", f"{IT}.image", "ghcr.io/pisw/pisw-socat:0.1.0"),
      ("Deployment", f"{IT}.args", ABSENT),
      ("Deployment", f"{IT}.env",
       [{"name": "PISW_CONFIG", "value": "/config/config.yaml"}, {"name": "PISW_PORT", "value": "9443"},
        {"name": "PISW_TLS_CERT", "value": "/tls/cert.pem"}, {"name": "PISW_TLS_KEY", "value": "/tls/key.pem"},
        {"name": "PISW_MAX_CHILDREN", "value": "26"}]),
      ("Deployment", f"{IT}.ports", [{"name": "https", "containerPort": 9443, "protocol": "TCP"}]),
      ("Deployment", f"{IT}.livenessProbe.tcpSocket", {"port": "https"}),
      ("Deployment", f"{IT}.readinessProbe.httpGet", {"path": "/readyz", "port": "https", "scheme": "HTTPS"}),
      ("Deployment", f"{IT}.lifecycle", {"preStop": {"exec": {"command": ["sleep", "7"]}}}),
      ("Service", "spec.ports.1", ABSENT),
      ("NetworkPolicy", "spec.ingress.1", ABSENT)]),
    ("labels and podLabels cannot replace the chart's own labels",
     {"labels": {"app.kubernetes.io/name": "x", "team": "t"},
      "podLabels": {"app": "x", "k8s-proxy-image-swapper/skip": "false", "tier": "w"}},
     [("Deployment", "metadata.labels.app.kubernetes.io/name", "pisw"), ("Deployment", "metadata.labels.team", "t"),
      ("Service", "metadata.labels.team", "t"),
      ("Deployment", "spec.template.metadata.labels.app", OWN["app"]),
      ("Deployment", "spec.template.metadata.labels.k8s-proxy-image-swapper/skip", "true"),
      ("Deployment", "spec.template.metadata.labels.tier", "w")]),
    ("socat without a memory limit serves server.maxConnections connections",
     {"server": {"kind": "socat", "maxConnections": 100}, "resources": {"limits": None}},
     [("Deployment", f"{IT}.env.4.value", "100")]),
    ("a higher memory limit does not allow more than four reviews",
     {"resources": {"limits": {"memory": "2Gi"}}},
     [("Deployment", f"{IT}.args.5", "--max-reviews=4"), ("Deployment", f"{IT}.args.6", "--review-memory=64")]),
    ("a lower memory limit allows fewer reviews",
     {"resources": {"limits": {"memory": "256Mi"}}},
     [("Deployment", f"{IT}.args.5", "--max-reviews=2"), ("Deployment", f"{IT}.args.6", "--review-memory=64")]),
    ("server.maxReviews divides the memory limit",
     {"resources": {"limits": {"memory": "256M"}}, "server": {"maxReviews": 4}},
     [("Deployment", f"{IT}.args.5", "--max-reviews=4"), ("Deployment", f"{IT}.args.6", "--review-memory=37")]),
    ("without a memory limit, server.maxReviews stays as it is",
     {"resources": {"limits": None}, "server": {"maxReviews": 100}},
     [("Deployment", f"{IT}.args.5", "--max-reviews=100"), ("Deployment", f"{IT}.args.6", "--review-memory=64")]),
    ("a longer drain gets a longer grace period",
     {"server": {"drainDelay": 20, "drainTimeout": 60}},
     [("Deployment", f"{POD}.terminationGracePeriodSeconds", 65), ("Deployment", f"{IT}.args.8", "--drain-delay=20"),
      ("Deployment", f"{IT}.args.9", "--drain-timeout=60")]),
    ("excluded namespaces and labels with * are in the configuration, not in the selectors",
     {"exclude": {"namespaces": ["team-*", "exact"], "labels": {"tier": "gold*", "cnpg.io/cluster": None}}},
     [("ConfigMap", "data.config.yaml.exclude.namespaces", ["team-*", "exact"]),
      ("ConfigMap", "data.config.yaml.exclude.labels.tier", "gold*"),
      ("ConfigMap", "data.config.yaml.exclude.labels.cnpg.io/cluster", ABSENT),
      ("MutatingWebhookConfiguration", f"{FIRST}.namespaceSelector.matchExpressions",
       [SKIP, {**EXEMPT, "values": ["exact"]}]),
      ("MutatingWebhookConfiguration", f"{SECOND}.objectSelector.matchExpressions",
       [SKIP, *(each for each in OPERATORS if each["key"] != "cnpg.io/cluster")])]),
    ("several values of a label become one expression, without patterns; * among them becomes DoesNotExist",
     {"exclude": {"labels": {"app": ["longhorn-manager", "db", "gold*", "db"], "application": ["*", "x"],
                             "nifi_cr": [], "aerospike.com/cr": ["a*"], "olm.catalogSource": ["", "x"]}}},
     [("ConfigMap", "data.config.yaml.exclude.labels.app", ["longhorn-manager", "db", "gold*", "db"]),
      ("ConfigMap", "data.config.yaml.exclude.labels.nifi_cr", []),
      ("MutatingWebhookConfiguration", f"{SECOND}.objectSelector.matchExpressions",
       [SKIP, {"key": "app", "operator": "NotIn", "values": ["longhorn-manager", "db"]},
        {"key": "application", "operator": "DoesNotExist"}, {"key": "cnpg.io/cluster", "operator": "DoesNotExist"},
        {"key": "kubevirt.io", "operator": "NotIn", "values": ["virt-launcher"]},
        {"key": "olm.catalogSource", "operator": "NotIn", "values": ["", "x"]},
        {"key": "strimzi.io/cluster", "operator": "DoesNotExist"}])]),
    ("webhook.namespaceSelector and objectSelector are added to the chart's selectors",
     {"webhook": {"namespaceSelector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c",
                                                                                        "operator": "Exists"}]},
                  "objectSelector": {"matchLabels": {"d": "e"}}}},
     [("MutatingWebhookConfiguration", f"{FIRST}.namespaceSelector",
       {"matchLabels": {"a": "b"}, "matchExpressions": [SKIP, EXEMPT, {"key": "c", "operator": "Exists"}]}),
      ("MutatingWebhookConfiguration", f"{SECOND}.objectSelector.matchLabels", {"d": "e"})]),
    ("failurePolicy Fail does not apply to updates",
     {"webhook": {"failurePolicy": "Fail"}},
     [("MutatingWebhookConfiguration", f"{FIRST}.failurePolicy", "Fail"),
      ("MutatingWebhookConfiguration", f"{SECOND}.failurePolicy", "Ignore")]),
    ("enableMutatingWebhook false removes the webhook configuration",
     {"enableMutatingWebhook": False}, [("MutatingWebhookConfiguration", None, ABSENT)]),
    ("enableDebug sets LOGLEVEL", {"enableDebug": True},
     [("Deployment", f"{IT}.env.1", {"name": "LOGLEVEL", "value": "DEBUG"})]),
    ("with hostNetwork, the old pod ends before the new one starts",
     {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"},
     [("Deployment", f"{POD}.hostNetwork", True), ("Deployment", f"{POD}.dnsPolicy", "ClusterFirstWithHostNet"),
      ("Deployment", "spec.strategy.rollingUpdate", {"maxSurge": 0, "maxUnavailable": 1})]),
    ("autoscaling replaces replicaCount",
     {"autoscaling": {"enabled": True}},
     [("Deployment", "spec.replicas", ABSENT),
      ("HorizontalPodAutoscaler", "spec.scaleTargetRef.name", "k8s-proxy-image-swapper-webhook-deployment"),
      ("HorizontalPodAutoscaler", "spec.minReplicas", 2)]),
    ("a digest takes precedence over the tag",
     {"image": {"tag": "x", "digest": "sha256:" + "0" * 64}},
     [("Deployment", f"{IT}.image", "ghcr.io/pisw/pisw@sha256:" + "0" * 64)]),
    ("the ServiceMonitor selects the service",
     {"serviceMonitor": {"enabled": True, "labels": {"release": "p"}}},
     [("ServiceMonitor", "spec.selector.matchLabels", OWN), ("Service", "metadata.labels.app", OWN["app"]),
      ("ServiceMonitor", "metadata.labels.release", "p"), ("ServiceMonitor", "spec.endpoints.0.port", "metrics")]),
]


def value_at(rendered, which, path):
    """The value at a path of an object. A key may contain dots. The configuration, a text, is read as YAML."""
    kind, _, name = which.partition("/")
    found = [each for each in rendered.objects if each["kind"] == kind and name in ("", each["metadata"]["name"])]
    if path is None:
        return found[0] if found else ABSENT
    assert len(found) == 1, f"{len(found)} objects {which}"
    return descend(found[0], path)


def descend(value, path):
    if not path:
        return value
    if isinstance(value, str):
        return descend(yaml.safe_load(value), path)
    if isinstance(value, list):
        first, _, rest = path.partition(".")
        return descend(value[int(first)], rest) if int(first) < len(value) else ABSENT
    if isinstance(value, dict):
        for key in sorted(value, key=len, reverse=True):
            if path == key or path.startswith(f"{key}."):
                return descend(value[key], path[len(key) + 1:])
    return ABSENT


def differences(rendered, rows):
    wrong = []
    for which, path, expected in rows:
        got = value_at(rendered, which, path)
        if got != expected:
            shown = ["absent" if each is ABSENT else repr(each) for each in (got, expected)]
            wrong.append(f"{which} {path}: {shown[0]}, not {shown[1]}")
    return wrong


def objects_are(rendered):
    got = sorted((each["kind"], each["metadata"]["name"]) for each in rendered.objects)
    return [] if got == OBJECTS else [f"{got}"]


def ca_bundle_matches_secret(rendered):
    """The API server trusts the CA in the secret."""
    secret = rendered.one("Secret")["data"]
    wrong = []
    for webhook in rendered.one("MutatingWebhookConfiguration")["webhooks"]:
        if webhook["clientConfig"]["caBundle"] != secret["ca.pem"]:
            wrong.append(f"{webhook['name']} has another caBundle")
    if base64.b64decode(secret["ca.pem"]).count(b"BEGIN CERTIFICATE") != 1:
        wrong.append("the bundle has not exactly one CA")
    return wrong


def notes_name_commands(rendered):
    wanted = ["kubectl delete mutatingwebhookconfiguration k8s-proxy-image-swapper-webhook",
              "kubectl --namespace tools rollout status deployment/k8s-proxy-image-swapper-webhook-deployment",
              "kube-system, tools"]
    return [f"missing in the notes: {each}" for each in wanted if each not in rendered.notes]


def warns_of_a_single_pod():
    risky = {**PROXY, "replicaCount": 1, "webhook": {"failurePolicy": "Fail"}}
    return [] if "WARNING" in render(risky).notes else ["no warning"]


def changes(values, rows):
    return differences(render({**PROXY, **values}, namespace="tools"), rows)


def main():
    default = render(PROXY, namespace="tools")
    original = render(values_of("original"))
    results = [
        check("defaults: the chart renders exactly the expected objects", objects_are, default),
        check(f"defaults: {len(DEFAULTS)} lines are as expected", differences, default, DEFAULTS),
        check("defaults: the API server trusts the CA in the secret", ca_bundle_matches_secret, default),
        check("the notes name the excluded namespaces, the next command, and the rescue", notes_name_commands, default),
        check("the notes warn if failurePolicy is Fail with a single pod", warns_of_a_single_pod),
        check("original's values: the chart renders the same objects", objects_are, original),
        check(f"original's values: {len(ORIGINAL)} lines are as expected", differences, original, ORIGINAL),
    ]
    results += [check(name, changes, values, rows) for name, values, rows in CHANGES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
