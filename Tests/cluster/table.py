"""The table of outcomes: kubectl commands, and what the API server stores when it calls the webhook.

Each row runs without the webhook, and with it under each failure policy. With the webhook, only the images in `swaps`
and the label of patched pods may differ. The server's configuration is config.yaml.
"""

from dataclasses import dataclass, field

PROXY = "proxy.example.com"
DIGEST = "@sha256:" + "0123456789abcdef" * 4
LABEL = {"k8s-proxy-image-swapper": "patched-image"}
CREATE = "create -f -"
# A step that does nothing: the last step must not have changed a byte of the object.
NOTHING_CHANGED = "nothing changed"


@dataclass
class Row:
    """Steps of kubectl, and their outcome. {name} stands for the object's name."""

    name: str
    manifest: dict
    # The place of an image (see `pod`) and the image that is stored. Every other image is stored as written.
    swaps: dict = field(default_factory=dict)
    # Arguments of kubectl, which reads the manifest; or a pair of arguments and another manifest.
    steps: tuple = (CREATE,)
    # Texts that the warnings contain, one for each.
    warnings: tuple = ()
    # Whether the pod gets the label. By default, it does if an image is redirected.
    labelled: bool | None = None
    # The message of kubectl if the API server refuses the object, with and without the webhook.
    refused: str = ""
    # A dry run: the API server stores nothing, and kubectl prints the object.
    dry_run: bool = False
    # The object is in a namespace that the configuration excludes.
    excluded: bool = False
    # The minor versions of Kubernetes for which the row holds.
    since: int = 20
    until: int = 99


def pod(image="nginx", *, images=None, metadata=None, **spec):
    """A pod with the container `web`, or with containers from `images`, by place (`containers/web`), or from `spec`."""
    if "containers" not in spec:
        for place, name in (images or {"containers/web": image}).items():
            kind, container = place.split("/")
            spec.setdefault(kind, []).append({"name": container} | ({} if name is None else {"image": name}))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata or {}, "spec": spec}


def labels(**others):
    return {"labels": others}


def of_template(kind):
    """A Deployment or a ReplicaSet. No controller runs here, so it gets no pods."""
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

# An image as written in a pod with one container, and as stored.
IMAGES = [
    # Docker Hub, under all its names. Missing parts are filled in; tag and digest stay.
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
    # Registries without a mirror: not even a missing tag is added.
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
    # Images that are redirected already.
    (f"{PROXY}/library/nginx:latest", STAYS),
    (f"{PROXY}/library/nginx", STAYS),
    (f"{PROXY}/ghcr/org/app{DIGEST}", STAYS),
    # Images in ignoreimages, and similar ones.
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
    # Image IDs, and similar names.
    (DIGEST[1:], STAYS),
    (DIGEST[8:], STAYS),
    (DIGEST[1:-1], f"{PROXY}/library/{DIGEST[1:-1]}"),
    (f"library/{DIGEST[1:]}", f"{PROXY}/library/{DIGEST[1:]}"),
]

# Invalid images: pisw leaves the pod alone, and the user of kubectl gets a warning.
NO_IMAGES = [
    ("nginx:", INVALID),
    ("UPPER/Case", INVALID),
    ("nginx::1.19", INVALID),
    ("nginx@sha256:beef", INVALID),
    ("https://docker.io/nginx", INVALID),
    ("a_b.com/app", "no registry can be told from the image name"),
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
    *(Row(f"image '{written}', which is invalid", pod(written), warnings=(text,)) for written, text in NO_IMAGES),
    Row("an image after a blank", pod(" nginx"), warnings=(INVALID,), refused="whitespace"),
    Row("an empty image", pod(""), refused="spec.containers[0].image: Required value"),
    Row("a missing image", pod(None), steps=("create --validate=false -f -",),
        refused="spec.containers[0].image: Required value"),
    Row("a pod without containers", {**pod(), "spec": {}}, steps=("create --validate=false -f -",),
        refused="spec.containers: Required value"),

    # Pods of all forms.
    Row("a pod without labels", pod(), NGINX),
    Row("a pod with labels", pod(metadata=labels(app="web", tier="front")), NGINX),
    Row("a pod with an empty map of labels", pod(metadata=labels()), NGINX),
    Row("label names that a JSON pointer must escape", pod(metadata=ALL_LABELS), NGINX),
    Row("a label that the API server refuses", pod(metadata=labels(**{"a~b/c~d": "x"})), refused="metadata.labels"),
    Row("the label of patched pods, set by hand", pod("quay.io/x/y", metadata=labels(**LABEL)), labelled=True),
    Row("the label of patched pods, with another value", pod(metadata=labels(**{"k8s-proxy-image-swapper": "no"})),
        NGINX),
    Row("annotations", pod(metadata={"annotations": {"example.com/a~b": "x"}}), refused="metadata.annotations"),
    Row("several containers and init containers", pod(images=SEVERAL), SEVERAL_SWAPPED),
    Row("only an init container is redirected",
        pod(images={"initContainers/fetch": "busybox", "containers/web": "quay.io/x/y"}),
        {"initContainers/fetch": f"{PROXY}/library/busybox:latest"}),
    Row("nothing is redirected", pod(images={"initContainers/fetch": "quay.io/x/z", "containers/web": "quay.io/x/y"})),
    Row("a generated name", pod(metadata={"generateName": "web-"}), NGINX),
    Row("pull policy Never beside others", pod(**NEVER), {"containers/cache": f"{PROXY}/library/redis:7"}),
    Row("an update of a pod with pull policy Never", pod(**NEVER), {"containers/cache": f"{PROXY}/library/redis:7"},
        steps=(CREATE, "set image pod/{name} web=httpd:2.4")),
    Row("an image volume with pull policy Never", pod(volumes=[{"name": "model", "image": {
        "reference": "team/model:1", "pullPolicy": "Never"}}]), NGINX, since=35),
    Row("a sidecar, which is an init container",
        pod(initContainers=[{"name": "log", "image": "busybox:1", "restartPolicy": "Always"}]),
        NGINX | {"initContainers/log": f"{PROXY}/library/busybox:1"}, since=29),
    Row("a dry run", pod(), NGINX, steps=("create --dry-run=server -o json -f -",), dry_run=True),

    # Pods that are left alone as a whole.
    Row("a mirror pod", pod(metadata=MIRROR_POD, nodeName="node")),
    Row("the skip label", pod(metadata=labels(**{SKIP: "true"}))),
    Row("the skip annotation", pod(metadata={"annotations": {SKIP: "true"}})),
    Row("a skip label with another value", pod(metadata=labels(**{SKIP: "yes"})), NGINX,
        warnings=(f'the label {SKIP} does nothing: its only value is "true"',)),
    Row("an excluded namespace", pod(images=SEVERAL), excluded=True),
    Row("an excluded label", pod(metadata=labels(**{"cnpg.io/cluster": "db"}))),
    Row("an excluded owner", pod(metadata={"ownerReferences": [OWNER]})),
    Row("an owner of the same kind in another group",
        pod(metadata={"ownerReferences": [OWNER | {"apiVersion": "example.com/v1"}]}), NGINX),

    # Objects that are not pods.
    Row("a Deployment", of_template("Deployment")),
    Row("a ReplicaSet", of_template("ReplicaSet")),

    # Updates. An image that did not change stays, because a change would restart the container.
    Row("applied again", pod(images=SEVERAL), SEVERAL_SWAPPED, steps=("apply -f -", "apply -f -", NOTHING_CHANGED)),
    Row("applied server-side, again", pod(), NGINX, steps=("apply --server-side -f -",) * 2),
    Row("applied with another image", pod(), HTTPD, steps=("apply -f -", ("apply -f -", pod("httpd:2.4")))),
    Row("applied with the image that is stored", pod(), labelled=True,
        steps=("apply -f -", ("apply -f -", pod(f"{PROXY}/library/nginx:latest")))),
    Row("applied with an image that stays", pod(), steps=("apply -f -", ("apply -f -", pod("quay.io/x/y"))),
        labelled=True),
    Row("applied with an invalid image", pod(), steps=("apply -f -", ("apply -f -", pod("nginx:"))),
        warnings=(INVALID,), labelled=True),
    Row("a dry run of an update", pod(), NGINX,
        steps=(CREATE, "set image pod/{name} web=httpd:2.4 --dry-run=server", NOTHING_CHANGED)),
    Row("set image", pod(), HTTPD, steps=(CREATE, "set image pod/{name} web=httpd:2.4")),
    Row("set image to the image as written at first", pod(), NGINX, steps=(CREATE, "set image pod/{name} web=nginx")),
    Row("set image of one of several", pod(images=SEVERAL), SEVERAL_SWAPPED | HTTPD,
        steps=(CREATE, "set image pod/{name} web=httpd:2.4")),
    Row("set image of an init container", pod(images=SEVERAL),
        SEVERAL_SWAPPED | {"initContainers/check": f"{PROXY}/library/busybox:2"},
        steps=(CREATE, "set image pod/{name} check=busybox:2")),
    Row("set image of a pod without labels that was not redirected", pod("quay.io/x/y"), HTTPD,
        steps=(CREATE, "set image pod/{name} web=httpd:2.4")),
    Row("a new label", pod(), NGINX, steps=(CREATE, "label pod/{name} tier=front")),
    Row("a new label on a pod whose image was not redirected", pod(metadata=labels(**{SKIP: "true"})),
        steps=(CREATE, f"label pod/{{name}} {SKIP}- tier=front")),

    # kubectl debug. Before Kubernetes 1.22 the review holds an EphemeralContainers object instead of the pod, and
    # stays.
    Row("debug before Kubernetes 1.22", pod(), NGINX, steps=(CREATE, DEBUG % ("busybox", "d1")), until=21),
    Row("debug", pod(), NGINX | {"ephemeralContainers/d1": f"{PROXY}/library/busybox:latest"},
        steps=(CREATE, DEBUG % ("busybox", "d1")), since=22),
    Row("debug twice", pod("quay.io/x/y"),
        {f"ephemeralContainers/{name}": f"{PROXY}/library/busybox:{tag}" for name, tag in (("d1", 1), ("d2", 2))},
        steps=(CREATE, DEBUG % ("busybox:1", "d1"), DEBUG % ("busybox:2", "d2")), labelled=False, since=22),
    Row("debug, with an image that stays", pod(), NGINX, steps=(CREATE, DEBUG % ("quay.io/x/tools", "d1"))),
    Row("debug in an excluded namespace", pod(), steps=(CREATE, DEBUG % ("busybox", "d1")), excluded=True),
]
