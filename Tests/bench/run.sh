#!/usr/bin/env bash
# Prints the benchmark table in docs/speed.md: whole runs of pisw-mutate and of an empty Swift program, in turns, and
# the review function in process. Ratios are medians of the rounds. Trust them, not single times.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-15}
review=examples/reviews/deployment-pod.json
PISW_TEST_PROGRAMS=1 Build/build.sh bench-review
Build/build.sh
command -v gcc >/dev/null || Build/install.sh gcc libc6-dev

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
gcc -O2 Tests/bench/spawn.c -o "$scratch/spawn"
echo 'print("")' >"$scratch/empty.swift"
swiftc -O -static-executable "$scratch/empty.swift" -o "$scratch/empty.unstripped" 2>/dev/null
cp .build/static/release/pisw-mutate "$scratch/pisw-mutate.unstripped"
for program in empty pisw-mutate; do
  # A file's place in the page cache changes its start by a fifth, so both are stripped and copied in the same way.
  strip -o "$scratch/$program.stripped" "$scratch/$program.unstripped"
  cp "$scratch/$program.stripped" "$scratch/$program"
done

for ((round = 0; round < rounds; round++)); do
  "$scratch/spawn" 200 "$review" "$scratch/empty"
  "$scratch/spawn" 200 "$review" "$scratch/pisw-mutate" --config Tests/bench/config.yaml
done >"$scratch/times"

# spawn prints: PROGRAM min N p50 N p99 N us, peak N KB, N failed
awk '
  { time = $5; peak = $10; failed += $12 }
  NR % 2 { empty[++n] = time; empty_peak = peak }
  NR % 2 == 0 { ours[n] = time; ratio[n] = time / empty[n]; ours_peak = peak }
  function median(values, count,   i, j, swap) {
    for (i = 1; i <= count; i++) for (j = i + 1; j <= count; j++)
      if (values[j] < values[i]) { swap = values[i]; values[i] = values[j]; values[j] = swap }
    return values[int((count + 1) / 2)]
  }
  END {
    printf "one whole run, 2.8 KB review, ten-line configuration (median of %d rounds of 200)\n", n
    printf "  empty static Swift program   %4d us  %5d KB\n", median(empty, n), empty_peak
    printf "  pisw-mutate                  %4d us  %5d KB\n", median(ours, n), ours_peak
    printf "  ratio                        %.2f\n", median(ratio, n)
    if (failed) { print failed " runs failed"; exit 1 }
  }' "$scratch/times"
printf '  stripped binary              %.1f MB\n' "$(awk "BEGIN { print $(stat -c %s "$scratch/pisw-mutate") / 1e6 }")"
echo "the review function in process (median of 15 rounds)"
.build/static/release/bench-review Tests/bench/config.yaml "$review" | sed 's/^/  /'
