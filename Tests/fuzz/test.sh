#!/usr/bin/env bash
# Runs each fuzz target for 20 seconds, starting from its seeds; prints its runs and the edges that it covered.
# shellcheck source=Tests/lib.sh
. "$(dirname "$0")/../lib.sh"

"$top/Tests/fuzz/build.sh" || exit

# Runs targets one after the other.
fuzz() {
  local target
  for target; do
    "$top/Tests/fuzz/run.sh" "$target" 20 "$work/$target" >"$work/$target.log" 2>&1
    echo $? >"$work/$target.status"
  done
}

# Shows what a target printed, and ends as it ended.
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
