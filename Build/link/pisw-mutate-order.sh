#!/usr/bin/env bash
# Writes pisw-mutate.order: the functions of one run in the order of their first call. The linker places them in that
# order. Names that no longer exist do no harm.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v valgrind >/dev/null || Build/install.sh valgrind
Build/build.sh pisw-mutate
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# valgrind cannot read the debug information of Swift's own objects.
strip -g -o "$scratch/pisw-mutate" .build/static/release/pisw-mutate
valgrind --tool=callgrind --demangle=no --callgrind-out-file="$scratch/calls" \
  "$scratch/pisw-mutate" --config Tests/bench/config.yaml examples/reviews/deployment-pod.json >/dev/null 2>&1
grep -oE '^c?fn=\([0-9]+\) .*' "$scratch/calls" \
  | sed -E "s/^c?fn=\([0-9]+\) //; s/'[0-9]+$//" \
  | grep -v '^0x' | awk '!seen[$0]++' >Build/link/pisw-mutate.order
wc -l Build/link/pisw-mutate.order
