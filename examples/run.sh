#!/usr/bin/env bash
# Builds the static release of pisw-mutate, installing what the build needs, and pipes a real AdmissionReview through it.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "building .build/static/release/pisw-mutate (a minute or two the first time)"
Build/build.sh
command -v python3 >/dev/null || Build/install.sh python3-minimal

review=examples/reviews/bare-pod-without-labels.json
echo
echo "a pod with the image nginx, as a kube-apiserver sent it: $review"
echo "\$ pisw-mutate --mirror docker.io=proxy.example.com < $review"
answer=$(.build/static/release/pisw-mutate --mirror docker.io=proxy.example.com <"$review")
echo "$answer"
echo
echo "its patch, decoded:"
python3 -c '
import base64, json, sys
print(json.dumps(json.loads(base64.b64decode(json.load(sys.stdin)["response"]["patch"])), indent=2))' <<<"$answer"
echo
echo "and why, with examples/config.yaml:"
echo "\$ pisw-mutate --config examples/config.yaml --explain < $review"
.build/static/release/pisw-mutate --config examples/config.yaml --explain <"$review" 2>&1 >/dev/null
