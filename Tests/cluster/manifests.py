"""Manifests for previews.py, in forms that only a real YAML parser reads correctly."""

DIGEST = "@sha256:" + "0123456789abcdef" * 4
SKIP = "k8s-proxy-image-swapper/skip"


def pod(image="nginx", metadata="{name: a}"):
    return f"apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec:\n  containers:\n  - name: c\n    image: {image}\n"


def spec(text):
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n{text}"


def item(text):
    return "- " + text.replace("\n", "\n  ").rstrip(" ")


JSON = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"%s"}]}}'
LIST = "apiVersion: v1\nkind: List\nitems:\n"

# Manifests that the API server accepts, as documents of one stream.
DOCUMENTS = [
    # Forms of an image.
    *map(pod, [
        "nginx", "'nginx'", '"nginx"', r'"ngi\x6ex"', '"ngi\\\n      nx"', "nginx # c", "nginx#c", "nginx ", "&a nginx",
        "!!str nginx", "! nginx", "!foo nginx", "|-\n      nginx", ">-\n      nginx", "\n      nginx", f"nginx{DIGEST}",
        "'123'", '"123"', "!!str 123", "'yes'", "'null'", "'~'", "'1e3'", "'0x1f'", "0b", "08x", "1:20:x", "2001-01-01",
        "1.2.3", "1..2", "_1", "=", "'<<'", f"'{DIGEST[1:]}'", DIGEST[8:], f"'{DIGEST[1:-1]}'", "nullx", "yess", "quay.io/x/y", "auto", "registry", "acme/x", "ghcr.io/a/b:1",
        "proxy.example.com/x", "localhost:5000/x", "NGINX", "a_b.com/app", "'nginx latest'",
        "nginx\n      latest", "é", "a" * 300,
    ]),
    spec("  containers:\n  - name: c\n    ? image\n    : nginx\n"),
    spec('  containers: [{"name": c, "im\\x61ge": nginx}]\n'),
    # Names, and labels and annotations that leave a pod alone.
    *(pod("nginx", metadata) for metadata in [
        "{generateName: web-}", "{name: null, generateName: web-}", "{name: '123'}", "{name: a, namespace: null}",
        "{name: a, namespace: ''}", "{name: a, namespace: kube-system}", "{name: a, namespace: excluded-ignore}",
        "{name: a, labels: null, annotations: null, ownerReferences: null}", "{name: a, labels: {}}",
        *(f"{{name: a, {map}: {{{SKIP}: {value}}}}}" for map in ("labels", "annotations")
          for value in ("'true'", "!!str true", "'yes'", "''", "'TRUE'")),
        "{name: a, labels: {cnpg.io/cluster: x}}", "{name: a, labels: {cnpg.io/cluster: ''}}",
        "{name: a, ownerReferences: [{apiVersion: postgresql.example.com/v1, kind: Cluster, name: x, uid: u}]}",
        "{name: a, labels: {k8s-proxy-image-swapper: x}}", "{name: a, deletionTimestamp: null}",
    ]),
    # Anchors, aliases and merge keys.
    spec("  containers:\n  - name: c\n    image: &i nginx\n  - name: d\n    image: *i\n"),
    spec("  containers:\n  - &b\n    name: c\n    image: nginx\n  - <<: *b\n    name: d\n"),
    spec("  containers:\n  - {name: c, image: nginx, <<: {image: redis}}\n"),
    spec("  containers:\n  - &b {name: c, image: nginx}\n  - &e {name: e, image: redis}\n  - <<: [*e, *b]\n    name: d\n"),
    spec("  containers:\n  - &b {name: c, image: nginx}\n  initContainers:\n  - {<<: *b, name: i}\n"),
    # Images that are never pulled.
    spec("  containers:\n  - {imagePullPolicy: Never, name: c, image: nginx}\n  - {name: d, image: httpd, imagePullPolicy: Always}\n"),
    spec("  containers:\n  - &n {name: c, imagePullPolicy: Never, image: nginx}\n  - {<<: *n, name: d, image: httpd}\n"),
    spec("  containers: [{name: c, image: nginx, imagePullPolicy: null}]\n"
         "  initContainers: [{name: i, image: 'nginx:1', imagePullPolicy: !!str Never}]\n"),
    # Empty lists, and nulls.
    spec("  containers: [{name: c, image: nginx, env: null}]\n  initContainers: null\n  volumes: null\n"),
    spec("  containers: [{name: c, image: nginx}]\n  initContainers: []\n"),
]

# The same, each as its own stream.
STREAMS = [
    "---\n".join(DOCUMENTS),
    LIST + item(pod()) + item(pod("httpd")),
    LIST.replace("List", "PodList") + item(pod()),
    LIST.replace("List", "PodList") + "- metadata: {name: a}\n  spec: {containers: [{name: c, image: nginx}]}\n",
    "# first\n---\n" + pod() + "---   \n" + pod("httpd"),
    "---\n---\n" + pod() + "...\n---\n" + pod("httpd"),
    "\ufeff" + pod() + "---\n\ufeff" + pod("httpd"),
    (pod() + "---\n" + pod("httpd")).replace("\n", "\r\n"),
    pod().replace("\n", "\r"),
    pod() + "---\n---\nnull\n---\n" + pod("httpd").rstrip("\n"),
    pod() + "    args:\n    - |\n      a\n      ---\n      b\n",
    "--- " + JSON % "nginx" + "\n",
    pod() + "---\n" + JSON % "httpd",
    # JSON where its rules differ from YAML's.
    JSON % "nginx", JSON % r"ng\u0069nx", JSON % r"bitnami\/redis", JSON % "nginx" + "\n" + JSON % "httpd",
    (JSON % "nginx").replace(",", ",\t"),
]

# Manifests that both the API server and the preview refuse.
REFUSED = [
    *map(pod, ["123", "1.5", "0123", "0x1f", "1_000", "yes", "on", "True", "n", ".5", "[nginx]", "{a: b}", "*x", "@foo"]),
    *(pod("nginx", f"{{name: a, {map}: {{{SKIP}: {value}}}}}") for map in ("labels", "annotations")
      for value in ("true", "yes")),
    pod("nginx", "{name: a, labels: []}"), pod("nginx", "{name: a, namespace: n}"), pod("nginx", "[]"),
    spec("  containers: {}\n"), spec("  containers: [{name: c, image: nginx, imagePullPolicy: 1}]\n"), spec("  containers: [{name: c, image: nginx}]\n  initContainers: {}\n"),
    pod().replace("    image", "\timage"), pod("'nginx"), (JSON % "nginx")[:-1],
]

# Intended differences: the reason, and the manifest.
UNLIKE = [
    ("the preview refuses a duplicate key, kubectl takes the last one", pod() + "    image: httpd\n"),
    ("the preview does not decode !!binary", pod("!!binary bmdpbng=")),
    ("kubectl ignores the document after a --- with a comment", pod() + "--- # next\n" + pod("httpd")),
    ("kubectl ignores the document after ...", pod() + "...\n" + pod("httpd")),
]
