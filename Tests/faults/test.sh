#!/usr/bin/env bash
# pisw-serve under attack, while files change, while it is replaced, while its processes are killed, over
# many reviews, and on a machine that has run out of something: what it promises is that no other request is
# lost.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"

need openssl openssl
need /usr/bin/python3 python3
need haproxy haproxy
need wrk wrk
need setpriv util-linux
[ -n "${PISW_BUILT:-}" ] || "$top/Build/build.sh" || exit 70
# Copies, so that nobody's build changes them under the tests; another user runs them too.
chmod 711 "$work"
cp "$pisw_mutate" "$top/.build/static/release/pisw-serve" "$work/"
export PISW_SERVE=$work/pisw-serve PISW_MUTATE=$work/pisw-mutate REVIEWS=$reviews PYTHONDONTWRITEBYTECODE=1

# One after the other: beside a test that wants both processors, another's deadlines tell nothing.
for table in ${PISW_FAULTS:-silent changes rolling kills growth scarce}; do
  mkdir -m 711 "$work/$table"
  WORK=$work/$table PATH=$PATH:/usr/sbin /usr/bin/python3 "$top/Tests/faults/$table.py" | tee "$work/$table/out"
  count_table "$table" "${PIPESTATUS[0]}" 0 "$work/$table/out"
done
summary
