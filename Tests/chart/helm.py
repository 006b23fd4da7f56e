"""Real Helm, from the Python package helm-sdkpy, and a stand-in for an API server.

Helm renders a chart for the cluster that it finds. The stand-in has the version, the kinds and the objects that a test
needs. It stores what is created, as an API server would, but validates nothing. It cannot store Helm's releases, so set
HELM_DRIVER=memory before Python starts.
"""

import asyncio
import http.server
import json
import os
import threading

import helm_sdkpy
import yaml

CHART = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../chart"))

# Group and version, with the plurals and kinds that the chart may use. A cluster that lacks a version does not list it.
KINDS = {
    "v1": {"secrets": "Secret", "configmaps": "ConfigMap", "services": "Service", "namespaces": "Namespace"},
    "apps/v1": {"deployments": "Deployment"},
    "networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
    "policy/v1beta1": {"poddisruptionbudgets": "PodDisruptionBudget"},
    "autoscaling/v2": {"horizontalpodautoscalers": "HorizontalPodAutoscaler"},
    "admissionregistration.k8s.io/v1": {"mutatingwebhookconfigurations": "MutatingWebhookConfiguration"},
    "cert-manager.io/v1": {"issuers": "Issuer", "certificates": "Certificate"},
    "monitoring.coreos.com/v1": {"servicemonitors": "ServiceMonitor", "prometheusrules": "PrometheusRule"},
}
CLUSTER_WIDE = {"Namespace", "MutatingWebhookConfiguration"}


class Cluster:
    """The stand-in, which listens on a free port until `close`."""

    def __init__(self, minor=34, without=()):
        without = {*without, "policy/v1beta1"} if minor >= 25 else {*without}
        if minor < 21:
            without.add("policy/v1")
        if minor < 23:
            without.add("autoscaling/v2")
        self.minor = minor
        self.kinds = {name: kinds for name, kinds in KINDS.items() if name not in without}
        self.objects = {}
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self):
                size = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(size)) if size else None
                status, value = cluster.answer(self.command, self.path.split("?")[0], body)
                text = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()
        self.kubeconfig = yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}],
            "users": [{"name": "me", "user": {}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}]})

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method, path, body):
        """The status and the body of the answer to a request."""
        if path == "/version":
            return 200, {"major": "1", "minor": str(self.minor), "gitVersion": f"v1.{self.minor}.0"}
        if path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": self.groups()}
        version = path.removeprefix("/apis/").removeprefix("/api/")
        if version in self.kinds:
            verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
            return 200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": [
                {"name": plural, "kind": kind, "namespaced": kind not in CLUSTER_WIDE, "verbs": verbs,
                 "singularName": kind.lower()} for plural, kind in self.kinds[version].items()]}
        if method == "POST":
            self.objects[f"{path}/{body['metadata']['name']}"] = body
            return 201, body
        if path not in self.objects:
            return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        if method == "DELETE":
            return 200, self.objects.pop(path)
        if method in ("PATCH", "PUT"):
            self.objects[path] = merged(self.objects[path], body)
        return 200, self.objects[path]

    def groups(self):
        """The groups that /apis lists."""
        versions = {}
        for name in self.kinds:
            if "/" in name:
                versions.setdefault(name.split("/")[0], []).append(name)
        entries = {
            group: [{"groupVersion": name, "version": name.split("/")[1]} for name in names]
            for group, names in versions.items()}
        return [{"name": group, "versions": names, "preferredVersion": names[0]} for group, names in entries.items()]


def merged(old, patch):
    """Applies a JSON merge patch (RFC 7396). For maps of texts, a strategic merge patch does the same."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


class Release:
    """A release of the chart, in the cluster of a kubeconfig."""

    def __init__(self, kubeconfig, namespace="kube-system", name="pisw", chart=CHART):
        self.configuration = helm_sdkpy.Configuration(namespace=namespace, kubeconfig=kubeconfig)
        self.name = name
        self.chart = chart

    def install(self, values, **options):
        """Installs the chart and returns what Helm rendered; raises Helm's error."""
        action = helm_sdkpy.Install(self.configuration)
        return self.rendered(action.run(self.name, self.chart, values, wait=False, **options))

    def upgrade(self, values):
        return self.rendered(helm_sdkpy.Upgrade(self.configuration).run(self.name, self.chart, values, wait=False))

    def uninstall(self):
        asyncio.run(helm_sdkpy.Uninstall(self.configuration).run(self.name, wait=False))

    def rendered(self, action):
        answer = asyncio.run(action)
        return Rendered(answer["manifest"], answer["info"].get("notes", ""))


class Rendered:
    """A manifest that Helm rendered: its text, its objects by kind and name, and the notes."""

    def __init__(self, text, notes):
        self.text = text
        self.notes = notes
        self.objects = [each for each in yaml.safe_load_all(text) if each]
        self.by_name = {(each["kind"], each["metadata"]["name"]): each for each in self.objects}
        assert len(self.by_name) == len(self.objects), "the manifest has an object twice"

    def one(self, kind, name=None):
        """The only object of a kind, or the one of that name."""
        found = [each for each in self.objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
        assert len(found) == 1, f"{len(found)} objects {kind} {name or ''}"
        return found[0]


def render(values, minor=34, without=(), namespace="kube-system"):
    """Renders the chart with values, for a cluster of Kubernetes 1.MINOR without some API versions."""
    cluster = Cluster(minor, without)
    try:
        return Release(cluster.kubeconfig, namespace).install(values)
    finally:
        cluster.close()
