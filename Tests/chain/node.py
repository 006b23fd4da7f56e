"""Stand-ins for a node's kubelet and kube-proxy, as far as the chart relies on them. The programs run on loopback,
without containers."""

import base64
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
import urllib.request

DEPLOYMENT = "/apis/apps/v1/namespaces/{}/deployments/k8s-proxy-image-swapper-webhook-deployment"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Pod:
    """A pod of the stored deployment: volumes in folders that are written as the kubelet writes them, and the container
    as a process. The container's paths and ports are translated to this machine's."""

    def __init__(self, api, namespace, folder, programs):
        self.api, self.namespace, self.folder = api, namespace, folder
        status, deployment = api.request("GET", DEPLOYMENT.format(namespace))
        assert status == 200, deployment
        self.spec = deployment["spec"]["template"]["spec"]
        self.labels = deployment["spec"]["template"]["metadata"]["labels"]
        self.container = self.spec["containers"][0]
        self.ports = {port["name"]: (port["containerPort"], free_port()) for port in self.container["ports"]}
        self.program = programs[self.container["image"].split("/")[-1].split(":")[0]]
        self.log = open(f"{folder}.log", "a", encoding="utf-8")
        self.sync()
        environment = {"PATH": f"{os.path.dirname(programs['pisw'])}:{os.environ['PATH']}"}
        for variable in self.container["env"]:
            environment[variable["name"]] = self.here(variable["value"])
        command = [self.program, *(self.here(each) for each in self.container.get("args", []))]
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log)

    def here(self, text):
        """Translates a value of the manifest to this machine's paths and ports."""
        for mount in self.container["volumeMounts"]:
            text = text.replace(f"{mount['mountPath']}/", f"{self.folder}/{mount['name']}/")
        for inside, outside in self.ports.values():
            text = text.replace(f"[::]:{inside}", f"127.0.0.1:{outside}")
            text = str(outside) if text == str(inside) else text
        return text

    def sync(self):
        """Writes the volumes again. Each is replaced atomically, through a symbolic link."""
        for volume in self.spec["volumes"]:
            files = self.files_of(volume)
            place = f"{self.folder}/{volume['name']}"
            new = f"..{time.monotonic_ns()}"
            os.makedirs(f"{place}/{new}")
            for name, content in files.items():
                with open(f"{place}/{new}/{name}", "wb") as file:
                    file.write(content)
                if not os.path.lexists(f"{place}/{name}"):
                    os.symlink(f"..data/{name}", f"{place}/{name}")
            before = os.readlink(f"{place}/..data") if os.path.lexists(f"{place}/..data") else None
            os.symlink(new, f"{place}/..data_tmp")
            os.replace(f"{place}/..data_tmp", f"{place}/..data")
            if before:
                shutil.rmtree(f"{place}/{before}")

    def files_of(self, volume):
        kind, source = next((key, value) for key, value in volume.items() if key != "name")
        name = source.get("secretName") or source["name"]
        plural = {"secret": "secrets", "configMap": "configmaps"}[kind]
        status, stored = self.api.request("GET", f"/api/v1/namespaces/{self.namespace}/{plural}/{name}")
        assert status == 200, f"a pod would wait for ever: there is no {name} in {plural}"
        content = {key: base64.b64decode(text) if kind == "secret" else text.encode()
                   for key, text in stored["data"].items()}
        items = source.get("items") or [{"key": key, "path": key} for key in content]
        return {item["path"]: content[item["key"]] for item in items}

    def port(self, name="https"):
        return self.ports[name][1]

    def is_ready(self):
        """Runs the manifest's readiness probe. Like the kubelet, it does not verify the certificate."""
        probe = self.container["readinessProbe"]["httpGet"]
        scheme = probe.get("scheme", "HTTP").lower()
        context = ssl._create_unverified_context()  # pylint: disable=protected-access
        try:
            url = f"{scheme}://127.0.0.1:{self.port(probe['port'])}{probe['path']}"
            with urllib.request.urlopen(url, timeout=3, context=context) as answer:
                return answer.status == 200
        except OSError:
            return False

    def certificate(self):
        """The certificate that the pod serves, as PEM."""
        return ssl.get_server_certificate(("127.0.0.1", self.port()))

    def stop(self):
        """Ends the pod as the kubelet does, within the manifest's grace period. Returns the exit status."""
        hook = self.container.get("lifecycle", {}).get("preStop")
        if hook:
            subprocess.run(hook["exec"]["command"], check=True)
        self.process.terminate()
        status = self.process.wait(self.spec["terminationGracePeriodSeconds"])
        self.log.close()
        return status


class Proxy:
    """A stand-in for kube-proxy: forwards connections to the service's address to the pods in turn."""

    def __init__(self, address):
        self.pods, self.turn = [], 0
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                proxy.relay(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True
            request_queue_size = 128

        self.server = Server((address, 443), Handler)
        threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def relay(self, client):
        self.turn += 1
        pods = list(self.pods)
        if not pods:
            return
        with socket.create_connection(("127.0.0.1", pods[self.turn % len(pods)].port())) as server:
            threading.Thread(target=copy, args=[server, client], daemon=True).start()
            copy(client, server)


def copy(source, target):
    """Copies bytes from one socket to the other until the end, and passes the end on."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for each, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
        try:
            each.shutdown(how)
        except OSError:
            pass
