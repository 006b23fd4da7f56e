#!/usr/bin/env bash
# Shows pisw preview on the manifests beside this file: a table, a diff, the check that CI runs, the changes written, and
# the review of a pod piped through the webhook's own program.
set -euo pipefail
cd "$(dirname "$0")/.."

Build/build.sh pisw pisw-mutate
PATH=$PWD/.build/static/release:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -r examples/manifests examples/config.yaml "$scratch"
cd "$scratch"

echo "what becomes of every image, and why:"
echo "\$ pisw preview --config config.yaml --output table manifests/shop"
pisw preview --config config.yaml --output table manifests/shop
echo
echo "the same as a diff:"
echo "\$ pisw preview --config config.yaml manifests/shop/frontend.yaml"
pisw preview --config config.yaml manifests/shop/frontend.yaml
echo
echo "what CI asks:"
echo "\$ pisw preview --config config.yaml --check --output images manifests/shop"
pisw preview --config config.yaml --check --output images manifests/shop || echo "status $?: images would change"
echo
echo "written into the files, there is nothing more to do:"
echo "\$ pisw preview --config config.yaml --write manifests/shop"
pisw preview --config config.yaml --write manifests/shop >written.diff
echo "\$ pisw preview --config config.yaml --check manifests/shop"
pisw preview --config config.yaml --check manifests/shop && echo "status 0"
echo
echo "a pod's review, and the webhook's answer:"
echo "\$ pisw review manifests/operators/rollout.yaml | head -n 1 | pisw-mutate --config config.yaml"
pisw review manifests/operators/rollout.yaml | head -n 1 | pisw-mutate --config config.yaml
