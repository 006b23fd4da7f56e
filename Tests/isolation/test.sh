#!/usr/bin/env bash
# One review, one process: the accept loop of pisw-serve with a review function that crashes, hangs, writes without end
# and makes system calls (Tests/isolation/faulty), while good reviews run.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"

need openssl openssl
need /usr/bin/python3 python3
PISW_TEST_PROGRAMS=1 "$top/Build/build.sh" faulty-serve || exit 70
# A copy, so that a build cannot change it during the tests.
cp "$top/.build/static/release/faulty-serve" "$work/faulty-serve"

FAULTY_SERVE=$work/faulty-serve WORK=$work /usr/bin/python3 "$top/Tests/isolation/misdeeds.py" | tee "$work/table.out"
count_table misdeeds "${PIPESTATUS[0]}" "$work/table.out"
summary
