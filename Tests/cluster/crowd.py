"""crowd.py NAMESPACE COUNT | crowd.py NAMESPACE until FILE: eight clients create pods, COUNT in all, or until the file
exists. Fails unless the API server accepts every pod and stores it redirected.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import api
from table import LABEL, NGINX, pod

CLIENTS = 8


def make(client, namespace, names, problems):
    """Creates a pod for each name, and records those that the API server refused."""
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
    """Yields numbers, at most 20 per second, until the file exists."""
    number, end = 0, time.monotonic() + 120
    while not os.path.exists(path):
        assert time.monotonic() < end, f"{path} never appeared"
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
    print(f"{len(images)} are stored, {right} of them redirected, {labelled} labelled")
    # Fails if an image was not redirected, a pod is missing, or nothing was created.
    sys.exit(not (made > 0 and made == len(images) == right == labelled and not problems))


main()
