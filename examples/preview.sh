#!/usr/bin/env bash
# Runs pisw preview on the manifests in examples/manifests: a table, a diff, the check for CI, and --write. Then pipes a
# pod's review through the webhook's own program.
set -euo pipefail
cd "$(dirname "$0")/.."

Build/build.sh pisw pisw-mutate
PATH=$PWD/.build/static/release:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -r examples/manifests examples/config.yaml "$scratch"
cd "$scratch"

echo "what becomes of each image, and why:"
echo "\$ pisw preview --config config.yaml --output table manifests/shop"
pisw preview --config config.yaml --output table manifests/shop
echo
echo "the same as a diff:"
echo "\$ pisw preview --config config.yaml manifests/shop/frontend.yaml"
pisw preview --config config.yaml manifests/shop/frontend.yaml
echo
echo "the check for CI: would any image change?"
echo "\$ pisw preview --config config.yaml --check --output images manifests/shop"
pisw preview --config config.yaml --check --output images manifests/shop || echo "status $?: images would change"
echo
echo "--write changes the files; after that, no image would change:"
echo "\$ pisw preview --config config.yaml --write manifests/shop"
pisw preview --config config.yaml --write manifests/shop >written.diff
echo "\$ pisw preview --config config.yaml --check manifests/shop"
pisw preview --config config.yaml --check manifests/shop && echo "status 0"
echo
echo "the review of a pod, and the webhook's answer:"
echo "\$ pisw review manifests/operators/rollout.yaml | head -n 1 | pisw-mutate --config config.yaml"
pisw review manifests/operators/rollout.yaml | head -n 1 | pisw-mutate --config config.yaml
