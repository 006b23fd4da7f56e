"""The mirrors for products in docs/operations.md: each redirects nginx as the table says, and a redirected image can be
pulled through a real proxy behind that product's path."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../cluster"]
from registries import Gateway, Registry, pull, push  # noqa: E402
from harness.checks import check  # noqa: E402

WORK = os.environ["WORK"]
REVIEW = f"{HERE}/../../examples/reviews/bare-pod-without-labels.json"
PRODUCTS = ["distribution", "Harbor", "Nexus", "Artifactory", "ECR", "ACR", "GitLab"]


def rows():
    """The rows of the table: product, source, target, and the redirected nginx."""
    with open(f"{HERE}/../../docs/operations.md", encoding="utf-8") as file:
        table = file.read().partition("| product | `mirrors` | `nginx` becomes |")[2].partition("\n\n")[0]
    return re.findall(r"^\| (\w+).*? \| `(\S+): (\S+)` \| `(\S+)` \|$", table, re.M)


def redirected(source, target, image):
    """The image that pisw-serve sets."""
    with open(REVIEW, encoding="utf-8") as file:
        review = re.sub(r'"image": ?"[^"]*"', f'"image": "{image}"', file.read())
    done = subprocess.run([os.environ["PISW_MUTATE"], "--mirror", f"{source}={target}", "--explain"], input=review,
                          capture_output=True, text=True, check=True)
    return done.stderr.rstrip("\n").split("\t")[-1]


def matches_table(source, target, wanted):
    got = redirected(source, target, "nginx")
    return [] if got == wanted else [f"{got}, not {wanted}"]


def can_be_pulled(source, target, gateway, number):
    """Pulls the image with a gateway in place of the product's host."""
    here = re.sub(r"^[^/]+", f"127.0.0.1:{gateway.port}", target)
    image = redirected(source, here, "hello:1")
    got = pull(image, f"{WORK}/mirrors-{number}")
    return [] if got == "library/hello:1" else [f"{image}: {got}"]


def main():
    upstream = Registry(f"{WORK}/mirrors-upstream")
    push(upstream, "library/hello:1", f"{WORK}/mirrors-hello")
    cache = Registry(f"{WORK}/mirrors-cache", upstream)
    table = rows()
    # A target without a path is the proxy itself.
    gateway = Gateway(cache, [target.partition("/")[2] for _, _, target, _ in table if "/" in target])
    results = [check("docs/operations.md has a mirror for each product",
                     lambda: [] if [row[0] for row in table] == PRODUCTS else [table])]
    for number, (product, source, target, wanted) in enumerate(table):
        results.append(check(f"{product}: {source}: {target} redirects nginx to {wanted}",
                             matches_table, source, target, wanted))
        results.append(check(f"{product}: the redirected image can be pulled", can_be_pulled, source, target,
                             gateway if "/" in target else cache, number))
    cache.stop()
    upstream.stop()
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
