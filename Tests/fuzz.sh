#!/usr/bin/env bash
# Fuzzes for longer than the tests do: fuzz.sh MINUTES [TARGET]... Runs all targets, or the named ones, for that time
# each, one on each processor. The corpus is in .build/fuzz/corpus, and the next run continues with it. Findings are in
# Tests/fuzz/findings. A fixed finding becomes a seed in Tests/fuzz/seeds.
set -euo pipefail
cd "$(dirname "$0")"

case ${1:-} in
  '' | *[!0-9]*)
    echo "usage: fuzz.sh MINUTES [TARGET]..." >&2
    exit 64
    ;;
esac
minutes=$1
shift
targets=("$@")
[ $# -gt 0 ] || targets=(configuration http json krm manifest pod reference report review)

fuzz/build.sh
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I '{}' \
  fuzz/run.sh '{}' $((minutes * 60)) "$PWD/../.build/fuzz/corpus/{}"
