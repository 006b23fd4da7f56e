"""crowd.py NAMESPACE COUNT | crowd.py NAMESPACE until FILE: makes pods from eight clients at a time, so many, or until
the file exists; fails unless the API server takes every one and stores it with its image swapped.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import api
from table import LABEL, NGINX, pod

CLIENTS = 8


def make(client, namespace, names, problems):
    """Makes a pod of each name, and tells of those that the API server refused."""
    server = api.API()
    made = 0
    for name in names:
        manifest = pod("nginx", metadata={"name": f"crowd-{client}-{name}", "labels": {"app": "crowd"}})
        status, answer = server.request("POST", api.PATHS["Pod"].format(namespace), manifest)
        if status != 201:
            problems.append(answer.get("message"))
        made += 1
    return made


def until(path):
    """Numbers, at most 20 in a second, until the file exists."""
    number, end = 0, time.monotonic() + 120
    while not os.path.exists(path):
        assert time.monotonic() < end, f"{path} never came"
        yield number
        number += 1
        time.sleep(0.05)


def main():
    namespace, problems = sys.argv[1], []
    if sys.argv[2] == "until":
        names = [until(sys.argv[3]) for _ in range(CLIENTS)]
    else:
        names = [range(client, int(sys.argv[2]), CLIENTS) for client in range(CLIENTS)]
    start = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        made = sum(pool.map(make, range(CLIENTS), [namespace] * CLIENTS, names, [problems] * CLIENTS))
    print(f"{made} pods in {time.monotonic() - start:.1f} s")
    for problem in problems:
        print(problem)
    status, answer = api.API().request("GET", api.PATHS["Pod"].format(namespace) + "?labelSelector=app%3Dcrowd")
    assert status == 200, answer
    images = [each["spec"]["containers"][0]["image"] for each in answer["items"]]
    labelled = sum(LABEL.items() <= each["metadata"]["labels"].items() for each in answer["items"])
    right = images.count(NGINX["containers/web"])
    print(f"{len(images)} are stored, {right} of them swapped, {labelled} labelled")
    # An image that is not swapped, a pod that is lost, or nothing done at all.
    sys.exit(not (made > 0 and made == len(images) == right == labelled and not problems))


main()
