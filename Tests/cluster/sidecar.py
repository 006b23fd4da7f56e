"""sidecar.py PORT CERTIFICATE KEY: another webhook, which adds a container to every pod, as service meshes do."""

import base64
import http.server
import json
import ssl
import sys


class Injector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        response = {"uid": request["uid"], "allowed": True}
        containers = request["object"]["spec"]["containers"]
        if not any(container["name"] == "proxy" for container in containers):
            proxy = {"name": "proxy", "image": "envoyproxy/envoy:v1"}
            patch = [{"op": "add", "path": "/spec/containers/-", "value": proxy}]
            response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
        answer = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Injector)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
