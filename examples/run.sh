#!/usr/bin/env bash
# Builds the static programs, installs the packages that the build needs, and pipes a real AdmissionReview through
# pisw-mutate.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "building .build/static/release/pisw-mutate (the first time takes a minute or two)"
Build/build.sh
command -v python3 >/dev/null || Build/install.sh python3-minimal

review=examples/reviews/bare-pod-without-labels.json
echo
echo "the review of a pod with the image nginx, as a kube-apiserver sent it: $review"
echo "\$ pisw-mutate --mirror docker.io=proxy.example.com < $review"
answer=$(.build/static/release/pisw-mutate --mirror docker.io=proxy.example.com <"$review")
echo "$answer"
echo
echo "the patch in the answer, decoded:"
python3 -c '
import base64, json, sys
print(json.dumps(json.loads(base64.b64decode(json.load(sys.stdin)["response"]["patch"])), indent=2))' <<<"$answer"
echo
echo "why, with examples/config.yaml:"
echo "\$ pisw-mutate --config examples/config.yaml --explain < $review"
.build/static/release/pisw-mutate --config examples/config.yaml --explain <"$review" 2>&1 >/dev/null
