"""Prints the review of a pod with 5 000 containers and an original-images annotation with 12 000 members."""

import json

originals = json.dumps({f"k{i}": 1 for i in range(12000)})
print(json.dumps({
    "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
    "request": {
        "uid": "u", "operation": "CREATE", "resource": {"group": "", "version": "v1", "resource": "pods"},
        "object": {
            "kind": "Pod",
            "metadata": {"annotations": {"k8s-proxy-image-swapper/original-images": originals}},
            "spec": {"containers": [{"name": f"c{i}", "image": "x"} for i in range(5000)]},
        },
    },
}))
