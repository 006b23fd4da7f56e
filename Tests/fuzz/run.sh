#!/usr/bin/env bash
# Runs one fuzz target: run.sh TARGET SECONDS CORPUS. Adds inputs with new coverage to the folder CORPUS, and findings
# to Tests/fuzz/findings. Prints one line. After a finding, it also prints libFuzzer's messages, and fails.
set -euo pipefail
cd "$(dirname "$0")"
target=$1
seconds=$2
corpus=$3

# The shortest lengths that still reach everything. Shorter inputs run faster and are mutated more thoroughly.
declare -A lengths=([configuration]=1024 [http]=512 [json]=1024 [krm]=1024 [manifest]=1024 [pod]=256 [reference]=400 [report]=320 [review]=2048)
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
mkdir -p findings "$corpus"
[ ! -d "seeds/$target" ] || cp "seeds/$target"/* "$seeds"
if [ "$target" = review ] || [ "$target" = json ]; then
  for review in ../../examples/reviews/*.json; do
    # Removes blanks, and the long members that pisw only skips.
    /usr/bin/python3 - "$review" >"$seeds/${review##*/}" <<'PYTHON'
import json, sys

def trimmed(value):
    if isinstance(value, list):
        return [trimmed(element) for element in value]
    if isinstance(value, dict):
        long = {"managedFields", "status", "tolerations", "userInfo", "env", "volumeMounts", "options", "resources"}
        return {key: trimmed(member) for key, member in value.items() if key not in long}
    return value

print(json.dumps(trimmed(json.load(open(sys.argv[1]))), separators=(",", ":")))
PYTHON
  done
fi

log=findings/$target.log
status=0
# Otherwise Swift would catch the signal of a trap, and libFuzzer would not keep the input.
SWIFT_BACKTRACE=enable=no "../../.build/fuzz/release/fuzz-$target" "$corpus" "$seeds" -max_total_time="$seconds" -max_len="${lengths[$target]}" \
  -dict=words.dict -timeout=10 -rss_limit_mb=2048 -artifact_prefix="findings/$target-" -print_final_stats=1 \
  >"$log" 2>&1 || status=$?
awk -v target="$target" -v seconds="$seconds" '
  / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") covered = $(i + 1) }
  /stat::number_of_executed_units/ { runs = $2 }
  END { printf "%s: %d runs (%d a second), %d edges covered\n", target, runs, runs / seconds, covered }
' "$log"
if [ "$status" -ne 0 ]; then
  grep -E '^broken|Fatal error|ERROR: libFuzzer|Test unit written' "$log" || tail -n 20 "$log"
  exit 1
fi
rm -f "$log"
