"""Registries on loopback: an upstream and its pull-through proxy, both real docker-registry, and a gateway that serves
images under a path, as products do."""

import hashlib
import http.client
import http.server
import io
import json
import os
import subprocess
import tarfile
import threading
import time

from node import free_port


class Registry:
    """A docker-registry, or with an upstream, its pull-through cache."""

    def __init__(self, folder, upstream=None):
        self.folder = folder
        self.port = free_port()
        settings = {
            "version": 0.1, "log": {"level": "warn"}, "storage": {"filesystem": {"rootdirectory": folder}},
            "http": {"addr": f"127.0.0.1:{self.port}", "headers": {"X-Content-Type-Options": ["nosniff"]}}}
        if upstream:
            settings["proxy"] = {"remoteurl": f"http://127.0.0.1:{upstream.port}"}
        with open(f"{folder}.json", "w", encoding="utf-8") as file:
            json.dump(settings, file)
        self.log = open(f"{folder}.log", "a", encoding="utf-8")
        self.process = subprocess.Popen(["docker-registry", "serve", f"{folder}.json"], stdout=self.log,
                                        stderr=self.log)
        end = time.monotonic() + 20
        while not self.answers():
            assert time.monotonic() < end, "docker-registry does not answer"
            time.sleep(0.05)

    def answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def holds(self, repository, pulled):
        """Whether the cache has stored all blobs of a pulled image. It answers a pull first, and stores in the
        background."""
        with open(f"{pulled}/manifest.json", encoding="utf-8") as file:
            manifest = json.load(file)
        links = f"{self.folder}/docker/registry/v2/repositories/{repository}/_layers"
        return all(os.path.exists(f"{links}/{blob['digest'].replace(':', '/')}/link")
                   for blob in [manifest["config"], *manifest["layers"]])

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


class Gateway:
    """A server before a registry that removes one of `prefixes` from paths, as Harbor removes a project's name."""

    def __init__(self, registry, prefixes):
        port = registry.port

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                path = self.path
                for prefix in prefixes:
                    path = path.replace(f"/v2/{prefix}/", "/v2/", 1)
                if path == self.path != "/v2/":
                    self.send_error(404)
                    return
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request(self.command, path, headers={"Accept": self.headers.get("Accept", "*/*")})
                answer = connection.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                connection.close()

            do_GET = do_HEAD = forward

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()


def skopeo(*arguments):
    return subprocess.run(["skopeo", *arguments], capture_output=True, text=True, timeout=60, check=False)


def push(registry, name, folder):
    """Pushes a small image with one file under that name."""
    make_image(folder, name)
    done = skopeo("copy", "--dest-tls-verify=false", f"oci:{folder}", f"docker://127.0.0.1:{registry.port}/{name}")
    assert done.returncode == 0, done.stderr


def pull(image, folder):
    """Pulls an image by the name in the pod, as a node would. Returns the content of its one file, or None."""
    done = skopeo("copy", "--src-tls-verify=false", f"docker://{image}", f"dir:{folder}")
    if done.returncode:
        return None
    with open(f"{folder}/manifest.json", encoding="utf-8") as file:
        layer = json.load(file)["layers"][0]["digest"].removeprefix("sha256:")
    with tarfile.open(f"{folder}/{layer}") as archive:
        return archive.extractfile("hello").read().decode()


def make_image(folder, text):
    """Writes an OCI layout (image-spec, image-layout.md) whose one file `hello` has the text."""
    os.makedirs(f"{folder}/blobs/sha256")

    def blob(content):
        digest = hashlib.sha256(content).hexdigest()
        with open(f"{folder}/blobs/sha256/{digest}", "wb") as file:
            file.write(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        entry = tarfile.TarInfo("hello")
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", **blob(layer.getvalue())}
    config = {"architecture": "amd64", "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    manifest = {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(json.dumps(config).encode())},
        "layers": [layer]}
    index = {"schemaVersion": 2, "manifests": [
        {"mediaType": manifest["mediaType"], **blob(json.dumps(manifest).encode())}]}
    for name, content in (("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            json.dump(content, file)
