#!/usr/bin/env bash
# One review, one process: the accept loop of pisw-serve around a review function that crashes, hangs,
# floods and calls the system (Tests/isolation/faulty), with good reviews at its side.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"

need openssl openssl
need /usr/bin/python3 python3
"$top/Build/build.sh" faulty-serve || exit 70
# A copy, so that nobody's build changes it under the tests.
cp "$top/.build/static/release/faulty-serve" "$work/faulty-serve"

PYTHONDONTWRITEBYTECODE=1 FAULTY_SERVE=$work/faulty-serve WORK=$work /usr/bin/python3 "$top/Tests/isolation/misdeeds.py" |
  tee "$work/table.out"
count_table misdeeds "${PIPESTATUS[0]}" 0 "$work/table.out"
summary
