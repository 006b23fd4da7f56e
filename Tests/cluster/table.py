"""The table of outcomes: what is done to the API server, and what it stores with the webhook in its way.

Each row is done twice: without the webhook, and with it under each failure policy. With it, the images named in `swaps`
and the label of patched pods are all that may differ. The server's configuration is config.yaml.
"""

from dataclasses import dataclass, field

PROXY = "proxy.example.com"
DIGEST = "@sha256:" + "0123456789abcdef" * 4
LABEL = {"k8s-proxy-image-swapper": "patched-image"}
CREATE = "create -f -"
# A step that does nothing: the object is, in every byte, what it was before the last step.
NOTHING_CHANGED = "nothing changed"


@dataclass
class Row:
    """What is done, step by step, with kubectl, and what comes of it. {name} is the object's name."""

    name: str
    manifest: dict
    # Where an image is (see `pod`), and what it becomes. Every other image is stored as it was written.
    swaps: dict = field(default_factory=dict)
    # Arguments for kubectl, which reads the manifest; or a pair of them and another manifest.
    steps: tuple = (CREATE,)
    # What each warning contains.
    warnings: tuple = ()
    # Whether the pod gets the label; if it is not said, a pod gets it when anything is swapped.
    labelled: bool | None = None
    # What kubectl says if the API server refuses it, with the webhook or without.
    refused: str = ""
    # Nothing is stored; the object is what kubectl prints.
    dry_run: bool = False
    # In a namespace that the configuration excludes.
    excluded: bool = False
    # The minor versions of Kubernetes that the row is about.
    since: int = 20
    until: int = 99


def pod(image="nginx", *, images=None, metadata=None, **spec):
    """A pod of one container, `web`; or of those in `images`, by place (`containers/web`); or of those in `spec`."""
    if "containers" not in spec:
        for place, name in (images or {"containers/web": image}).items():
            kind, container = place.split("/")
            spec.setdefault(kind, []).append({"name": container} | ({} if name is None else {"image": name}))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata or {}, "spec": spec}


def labels(**others):
    return {"labels": others}


def of_template(kind):
    """A Deployment or a ReplicaSet: nothing here makes pods of it."""
    name = {"app": "web"}
    template = {"metadata": {"labels": name}, "spec": pod()["spec"]}
    spec = {"replicas": 2, "selector": {"matchLabels": name}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {}, "spec": spec}


def web(stored):
    return {"containers/web": stored}


NGINX = web(f"{PROXY}/library/nginx:latest")
HTTPD = web(f"{PROXY}/library/httpd:2.4")
STAYS = None
INVALID = "not a valid image name, left as it is"

# An image as it is written in a pod of one container, and as it is stored.
IMAGES = [
    # Docker Hub, by all its names. What a person left out is filled in; tag and digest are kept.
    ("nginx", f"{PROXY}/library/nginx:latest"),
    ("nginx:1.19", f"{PROXY}/library/nginx:1.19"),
    (f"nginx{DIGEST}", f"{PROXY}/library/nginx{DIGEST}"),
    (f"nginx:1.19{DIGEST}", f"{PROXY}/library/nginx:1.19{DIGEST}"),
    ("bitnami/redis", f"{PROXY}/bitnami/redis:latest"),
    ("bitnami/redis:7.2", f"{PROXY}/bitnami/redis:7.2"),
    (f"bitnami/redis:7.2{DIGEST}", f"{PROXY}/bitnami/redis:7.2{DIGEST}"),
    ("org/team/app:v1", f"{PROXY}/org/team/app:v1"),
    ("docker.io/nginx", f"{PROXY}/library/nginx:latest"),
    ("docker.io/library/nginx:1.19", f"{PROXY}/library/nginx:1.19"),
    (f"docker.io/bitnami/redis{DIGEST}", f"{PROXY}/bitnami/redis{DIGEST}"),
    ("index.docker.io/nginx", f"{PROXY}/library/nginx:latest"),
    ("index.docker.io/bitnami/redis:7.2", f"{PROXY}/bitnami/redis:7.2"),
    ("registry-1.docker.io/library/nginx:1.19", f"{PROXY}/library/nginx:1.19"),
    ("registry-1.docker.io/bitnami/redis", f"{PROXY}/bitnami/redis:latest"),
    ("registry.hub.docker.com/library/nginx", f"{PROXY}/library/nginx:latest"),
    # Another registry that has a mirror.
    ("ghcr.io/org/app", f"{PROXY}/ghcr/org/app:latest"),
    (f"ghcr.io/org/app:v1{DIGEST}", f"{PROXY}/ghcr/org/app:v1{DIGEST}"),
    # Registries without a mirror: not even a tag is written out.
    ("quay.io/prometheus/node-exporter", STAYS),
    ("quay.io/prometheus/node-exporter:v1.8.0", STAYS),
    (f"registry.k8s.io/pause:3.9{DIGEST}", STAYS),
    ("docker.io.example.com/nginx", STAYS),
    ("localhost/app", STAYS),
    ("localhost:5000/app", STAYS),
    ("localhost:5000/org/app:v1", STAYS),
    ("myregistry:5000/app", STAYS),
    ("10.0.0.1:5000/app:v1", STAYS),
    ("MyRegistry/app:v1", STAYS),
    # What is swapped already.
    (f"{PROXY}/library/nginx:latest", STAYS),
    (f"{PROXY}/library/nginx", STAYS),
    (f"{PROXY}/ghcr/org/app{DIGEST}", STAYS),
    # What the configuration ignores, and what is only like it.
    ("registry", STAYS),
    ("registry:2", STAYS),
    (f"docker.io/library/registry:2{DIGEST}", STAYS),
    ("acme/tool:v1", STAYS),
    ("memcached:1.6", STAYS),
    ("memcached:1.5", f"{PROXY}/library/memcached:1.5"),
    ("acmes/tool:v1", f"{PROXY}/acmes/tool:v1"),
    ("org/registry", f"{PROXY}/org/registry:latest"),
    # A placeholder that Istio's webhook replaces.
    ("auto", STAYS),
    # IDs of images that the node has, and what is only like one.
    (DIGEST[1:], STAYS),
    (DIGEST[8:], STAYS),
    (DIGEST[1:-1], f"{PROXY}/library/{DIGEST[1:-1]}"),
    (f"library/{DIGEST[1:]}", f"{PROXY}/library/{DIGEST[1:]}"),
]

# Images that are none: the pod is what it is without us, and the person at the terminal is told.
NO_IMAGES = [
    ("nginx:", INVALID),
    ("UPPER/Case", INVALID),
    ("nginx::1.19", INVALID),
    ("nginx@sha256:beef", INVALID),
    ("https://docker.io/nginx", INVALID),
    ("a_b.com/app", "its registry is not a valid host, left as it is"),
]

SEVERAL = {
    "initContainers/fetch": "busybox:1.36",
    "initContainers/check": "quay.io/org/check:v1",
    "containers/web": "nginx",
    "containers/cache": "memcached:1.6",
    "containers/log": "ghcr.io/org/log:v2",
}
SEVERAL_SWAPPED = {
    "initContainers/fetch": f"{PROXY}/library/busybox:1.36",
    "containers/web": f"{PROXY}/library/nginx:latest",
    "containers/log": f"{PROXY}/ghcr/org/log:v2",
}
NEVER = {
    "initContainers": [{"name": "setup", "image": "team/setup:dev", "imagePullPolicy": "Never"}],
    "containers": [{"name": "web", "image": "nginx", "imagePullPolicy": "Never"},
                   {"name": "cache", "image": "redis:7", "imagePullPolicy": "IfNotPresent"}],
}
SKIP = "k8s-proxy-image-swapper/skip"
MIRROR_POD = {"annotations": {"kubernetes.io/config.mirror": "0123456789abcdef"}}
OWNER = {"apiVersion": "postgresql.example.com/v1", "kind": "Cluster", "name": "db", "uid": "1-2-3-4"}
ALL_LABELS = labels(**{"app.kubernetes.io/name": "web", "a.b-c.example/d_e.F": "", "k8s-proxy-image-swappers": "x"})
DEBUG = "debug pod/{name} --image=%s --container=%s"

ROWS = [
    *(Row(f"image '{written}'", pod(written), web(stored) if stored else {}) for written, stored in IMAGES),
    *(Row(f"image '{written}', which is none", pod(written), warnings=(text,)) for written, text in NO_IMAGES),
    Row("an image with a blank before it", pod(" nginx"), warnings=(INVALID,), refused="whitespace"),
    Row("an empty image", pod(""), refused="spec.containers[0].image: Required value"),
    Row("a missing image", pod(None), steps=("create --validate=false -f -",),
        refused="spec.containers[0].image: Required value"),
    Row("a pod without containers", {**pod(), "spec": {}}, steps=("create --validate=false -f -",),
        refused="spec.containers: Required value"),

    # Pods of every shape.
    Row("a pod without labels", pod(), NGINX),
    Row("a pod with labels", pod(metadata=labels(app="web", tier="front")), NGINX),
    Row("a pod with an empty map of labels", pod(metadata=labels()), NGINX),
    Row("labels whose names would be escaped in a JSON pointer", pod(metadata=ALL_LABELS), NGINX),
    Row("a label that the API server refuses", pod(metadata=labels(**{"a~b/c~d": "x"})), refused="metadata.labels"),
    Row("the label of patched pods, set by hand", pod("quay.io/x/y", metadata=labels(**LABEL)), labelled=True),
    Row("the label of patched pods, with another value", pod(metadata=labels(**{"k8s-proxy-image-swapper": "no"})),
        NGINX),
    Row("annotations", pod(metadata={"annotations": {"example.com/a~b": "x"}}), refused="metadata.annotations"),
    Row("several containers and init containers", pod(images=SEVERAL), SEVERAL_SWAPPED),
    Row("only an init container is swapped",
        pod(images={"initContainers/fetch": "busybox", "containers/web": "quay.io/x/y"}),
        {"initContainers/fetch": f"{PROXY}/library/busybox:latest"}),
    Row("nothing is swapped", pod(images={"initContainers/fetch": "quay.io/x/z", "containers/web": "quay.io/x/y"})),
    Row("a name to be generated", pod(metadata={"generateName": "web-"}), NGINX),
    Row("what is never pulled, beside what may be pulled", pod(**NEVER), {"containers/cache": f"{PROXY}/library/redis:7"}),
    Row("what is never pulled, updated", pod(**NEVER), {"containers/cache": f"{PROXY}/library/redis:7"},
        steps=(CREATE, "set image pod/{name} web=httpd:2.4")),
    Row("an image volume that is never pulled", pod(volumes=[{"name": "model", "image": {
        "reference": "team/model:1", "pullPolicy": "Never"}}]), NGINX, since=35),
    Row("a sidecar, which is an init container",
        pod(initContainers=[{"name": "log", "image": "busybox:1", "restartPolicy": "Always"}]),
        NGINX | {"initContainers/log": f"{PROXY}/library/busybox:1"}, since=29),
    Row("a dry run", pod(), NGINX, steps=("create --dry-run=server -o json -f -",), dry_run=True),

    # Pods that are left alone as a whole.
    Row("a mirror pod", pod(metadata=MIRROR_POD, nodeName="node")),
    Row("the label to skip", pod(metadata=labels(**{SKIP: "true"}))),
    Row("the annotation to skip", pod(metadata={"annotations": {SKIP: "true"}})),
    Row("a label to skip that says something else", pod(metadata=labels(**{SKIP: "yes"})), NGINX,
        warnings=(f'the label {SKIP} does nothing: its only value is "true"',)),
    Row("an excluded namespace", pod(images=SEVERAL), excluded=True),
    Row("an excluded label", pod(metadata=labels(**{"cnpg.io/cluster": "db"}))),
    Row("an excluded owner", pod(metadata={"ownerReferences": [OWNER]})),
    Row("an owner like it", pod(metadata={"ownerReferences": [OWNER | {"apiVersion": "example.com/v1"}]}), NGINX),

    # What is no pod.
    Row("a Deployment", of_template("Deployment")),
    Row("a ReplicaSet", of_template("ReplicaSet")),

    # Pods that change. An image that does not change is never touched: that would restart the container.
    Row("applied again", pod(images=SEVERAL), SEVERAL_SWAPPED, steps=("apply -f -", "apply -f -", NOTHING_CHANGED)),
    Row("applied on the server's side, again", pod(), NGINX, steps=("apply --server-side -f -",) * 2),
    Row("applied with another image", pod(), HTTPD, steps=("apply -f -", ("apply -f -", pod("httpd:2.4")))),
    Row("applied with the image that is stored", pod(), labelled=True,
        steps=("apply -f -", ("apply -f -", pod(f"{PROXY}/library/nginx:latest")))),
    Row("applied with an image that stays", pod(), steps=("apply -f -", ("apply -f -", pod("quay.io/x/y"))),
        labelled=True),
    Row("applied with an image that is none", pod(), steps=("apply -f -", ("apply -f -", pod("nginx:"))),
        warnings=(INVALID,), labelled=True),
    Row("a dry run of an update", pod(), NGINX,
        steps=(CREATE, "set image pod/{name} web=httpd:2.4 --dry-run=server", NOTHING_CHANGED)),
    Row("set image", pod(), HTTPD, steps=(CREATE, "set image pod/{name} web=httpd:2.4")),
    Row("set image to the same, swapped", pod(), NGINX, steps=(CREATE, "set image pod/{name} web=nginx")),
    Row("set image of one of several", pod(images=SEVERAL), SEVERAL_SWAPPED | HTTPD,
        steps=(CREATE, "set image pod/{name} web=httpd:2.4")),
    Row("set image of an init container", pod(images=SEVERAL),
        SEVERAL_SWAPPED | {"initContainers/check": f"{PROXY}/library/busybox:2"},
        steps=(CREATE, "set image pod/{name} check=busybox:2")),
    Row("set image of a pod without labels that nothing swapped", pod("quay.io/x/y"), HTTPD,
        steps=(CREATE, "set image pod/{name} web=httpd:2.4")),
    Row("a new label", pod(), NGINX, steps=(CREATE, "label pod/{name} tier=front")),
    Row("a new label on a pod that runs an image unswapped", pod(metadata=labels(**{SKIP: "true"})),
        steps=(CREATE, f"label pod/{{name}} {SKIP}- tier=front")),

    # kubectl debug. Before Kubernetes 1.22 the review holds a list of its own kind, not the pod, and stays untouched.
    Row("debug, before 1.22", pod(), NGINX, steps=(CREATE, DEBUG % ("busybox", "d1")), until=21),
    Row("debug", pod(), NGINX | {"ephemeralContainers/d1": f"{PROXY}/library/busybox:latest"},
        steps=(CREATE, DEBUG % ("busybox", "d1")), since=22),
    Row("debug twice", pod("quay.io/x/y"),
        {f"ephemeralContainers/{name}": f"{PROXY}/library/busybox:{tag}" for name, tag in (("d1", 1), ("d2", 2))},
        steps=(CREATE, DEBUG % ("busybox:1", "d1"), DEBUG % ("busybox:2", "d2")), labelled=False, since=22),
    Row("debug, with an image that stays", pod(), NGINX, steps=(CREATE, DEBUG % ("quay.io/x/tools", "d1"))),
    Row("debug in an excluded namespace", pod(), steps=(CREATE, DEBUG % ("busybox", "d1")), excluded=True),
]
