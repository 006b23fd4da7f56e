#!/usr/bin/env bash
# Runs the tests: all groups, or the named ones. A group is a folder with a test.sh, which prints a line for each check.
# The last line is `N passed, N failed`. The status is 0 only if no check failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 71

all=(lint unit cli preview tools docs reviews hosts serve isolation faults cluster chart chain fuzz images)
groups=("$@")
[ $# -gt 0 ] || groups=("${all[@]}")
for group in "${groups[@]}"; do
  if [ ! -x "Tests/$group/test.sh" ]; then
    echo "there is no test group '$group'; the groups are ${all[*]}" >&2
    exit 64
  fi
done

Build/build.sh || exit
export PISW_BUILT=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0
for group in "${groups[@]}"; do
  echo "== $group"
  start=$SECONDS
  "Tests/$group/test.sh" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
  if [ -z "$counts" ]; then
    counts="0 passed, 1 failed"
    echo "$group ended with status $status before it printed its counts"
  elif [ "$status" -ne 0 ] && [[ $counts = *", 0 failed" ]]; then
    counts="${counts%% *} passed, 1 failed"
    echo "$group ended with status $status"
  fi
  passed=$((passed + ${counts%% *}))
  counts=${counts#*, }
  failed=$((failed + ${counts%% *}))
  echo "== $group: $((SECONDS - start)) s"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
