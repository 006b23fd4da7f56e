#!/usr/bin/env bash
# Fuzzes for longer than the tests do: fuzz.sh MINUTES [TARGET]... Every target, or those named, for so many minutes,
# as many at a time as there are processors. Inputs are kept in .build/fuzz/corpus, where the next run takes up again;
# findings in Tests/fuzz/findings. A finding that is fixed becomes a seed in Tests/fuzz/seeds.
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
