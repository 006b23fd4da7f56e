#!/usr/bin/env bash
# Runs each fuzz target for 20 seconds from its seeds, and prints the number of runs and of covered edges.
# shellcheck source=Tests/lib.sh
. "$(dirname "$0")/../lib.sh"

"$top/Tests/fuzz/build.sh" || exit

# fuzz TARGET...: runs the targets one after the other.
fuzz() {
  local target
  for target; do
    "$top/Tests/fuzz/run.sh" "$target" 20 "$work/$target" >"$work/$target.log" 2>&1
    echo $? >"$work/$target.status"
  done
}

# result TARGET: shows the target's output, and returns its status.
# shellcheck disable=SC2317 # called by check
result() {
  cat "$work/$1.log"
  return "$(cat "$work/$1.status")"
}

fuzz configuration json review krm &
fuzz http manifest pod reference report
wait
for target in configuration http json krm manifest pod reference report review; do
  check "$(head -n 1 "$work/$target.log")" result "$target"
done
summary
