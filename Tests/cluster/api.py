"""Clients of the API server: kubectl, which people use, and an HTTP client, which reads stored objects."""

import http.client
import json
import os
import ssl
import subprocess

WORK = os.environ["WORK"]
KUBECTL = os.environ["KUBECTL"]
PORT = int(os.environ["API_PORT"])

PATHS = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
}


class API:
    """A client with one connection. Only one thread may use it."""

    def __init__(self):
        context = ssl.create_default_context(cafile=f"{WORK}/cluster-ca.pem")
        context.load_cert_chain(f"{WORK}/admin.pem", f"{WORK}/admin.key")
        self.connection = http.client.HTTPSConnection("127.0.0.1", PORT, timeout=60, context=context)

    def request(self, method, path, body=None):
        """The status and the object of the answer."""
        text = None if body is None else json.dumps(body)
        self.connection.request(method, path, text, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def get(self, kind, namespace, name):
        """The stored object, or None."""
        status, answer = self.request("GET", f"{PATHS[kind].format(namespace)}/{name}")
        assert status in (200, 404), answer
        return answer if status == 200 else None


def kubectl(namespace, arguments, manifest):
    """Runs kubectl: the exit status, standard output, the API server's warnings, and the other messages."""
    command = [KUBECTL, "--namespace", namespace, *arguments.split()]
    done = subprocess.run(command, input=json.dumps(manifest), capture_output=True, text=True, timeout=120)
    messages = done.stderr.splitlines()
    warnings = [line.removeprefix("Warning: ") for line in messages if line.startswith("Warning: ")]
    return done.returncode, done.stdout, warnings, [line for line in messages if not line.startswith("Warning: ")]
