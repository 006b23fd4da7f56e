#!/usr/bin/env bash
# Prints the benchmark of `pisw preview` in docs/speed.md: 10 000 Deployments in one stream of 10 MB. In turns, it runs
# bare libyaml (yamlevents.c), PyYAML's C loader and, if it is installed, kubectl kustomize. Ratios are medians. A
# program is stopped after a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-7}
Build/build.sh pisw
command -v gcc >/dev/null || Build/install.sh gcc libc6-dev
/usr/bin/python3 -c 'import yaml' 2>/dev/null || Build/install.sh python3-yaml

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
gcc -O2 -static Tests/bench/yamlevents.c -o "$scratch/yamlevents" -lyaml
cp .build/static/release/pisw "$scratch"
/usr/bin/python3 Tests/bench/deployments.py 10000 >"$scratch/all.yaml"
kubectl=$(command -v kubectl || find "${XDG_CACHE_HOME:-$HOME/.cache}/pisw" -name kubectl -type f 2>/dev/null | head -n 1)
cd "$scratch"
cat >config.yaml <<'END'
mirrors: {docker.io: proxy.example.com}
END
cat >kustomization.yaml <<'END'
resources: [all.yaml]
images:
- {name: nginx, newName: proxy.example.com/library/nginx}
- {name: bitnami/migrate, newName: proxy.example.com/bitnami/migrate}
END
cat >pyyaml.py <<'END'
import sys
import yaml

documents = list(yaml.load_all(open("all.yaml"), Loader=yaml.CSafeLoader))
for document in documents:
    spec = document["spec"]["template"]["spec"]
    for container in spec["containers"] + spec["initContainers"]:
        container["image"] = "proxy.example.com/" + container["image"]
yaml.dump_all(documents, sys.stdout, Dumper=yaml.CSafeDumper)
END

# measure NAME COMMAND...: runs the command, and appends `NAME seconds kilobytes` to the results.
measure() {
  /usr/bin/python3 - "$@" >>results <<'END'
import resource, subprocess, sys, time

start = time.monotonic()
try:
    status = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, check=False, timeout=60).returncode
except subprocess.TimeoutExpired:
    status = 0
seconds = time.monotonic() - start
if status not in (0, 1):
    sys.exit(f"{sys.argv[2:]}: status {status}")
print(sys.argv[1], seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
END
}

for ((round = 0; round < rounds; round++)); do
  measure libyaml ./yamlevents all.yaml
  measure yaml ./pisw preview --config config.yaml --output yaml all.yaml
  measure check ./pisw preview --config config.yaml --check --output images all.yaml
  measure diff ./pisw preview --config config.yaml all.yaml
done
measure pyyaml /usr/bin/python3 pyyaml.py
[ -z "$kubectl" ] || measure kustomize "$kubectl" kustomize .

/usr/bin/python3 - "$(stat -c %s all.yaml)" <<'END'
import statistics, sys

size = int(sys.argv[1])
runs = {}
for line in open("results"):
    name, seconds, kilobytes = line.split()
    runs.setdefault(name, []).append((float(seconds), int(kilobytes)))
floor = [seconds for seconds, _ in runs["libyaml"]]
print(f"10 000 Deployments, one stream of {size / 1e6:.1f} MB (medians of {len(floor)} rounds)")
titles = {
    "libyaml": "libyaml's events, nothing else", "yaml": "pisw preview --output yaml",
    "check": "pisw preview --check --output images", "diff": "pisw preview (a diff)",
    "pyyaml": "PyYAML's C loader and dumper (once)", "kustomize": "kubectl kustomize, images: (once)",
}
ours = statistics.median(seconds for seconds, _ in runs["yaml"])
for name, title in titles.items():
    if name not in runs:
        print(f"  {title:38} kubectl is not installed")
        continue
    seconds = statistics.median(s for s, _ in runs[name])
    memory = statistics.median(k for _, k in runs[name]) * 1024
    if name in ("yaml", "check", "diff"):
        ratio = statistics.median(a / b for a, (b, _) in zip(floor, runs[name]))
        note = f"{ratio:5.2f} of libyaml   memory {memory / size:.1f} times the input"
    elif name == "libyaml":
        note = ""
    else:
        note = f"{seconds / ours:5.0f} times as long as pisw" + (", and not ended" if seconds >= 60 else "")
    print(f"  {title:38} {seconds * 1000:6.0f} ms {size / 1e6 / seconds:5.0f} MB/s {note}".rstrip())
END
