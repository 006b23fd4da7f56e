#!/usr/bin/env bash
# pisw-serve under attack, while files change, while it is replaced, while its processes are killed, over many reviews, and
# on a machine without enough of something. It promises that no other request is lost.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"

need openssl openssl
need /usr/bin/python3 python3
need haproxy haproxy
need wrk wrk
need setpriv util-linux
[ -n "${PISW_BUILT:-}" ] || "$top/Build/build.sh" || exit 70
# Copies, so that a build cannot change them during the tests. Another user runs them, too.
chmod 711 "$work"
cp "$pisw_mutate" "$top/.build/static/release/pisw-serve" "$work/"
export PISW_SERVE=$work/pisw-serve PISW_MUTATE=$work/pisw-mutate REVIEWS=$reviews

# One after the other, because each needs both processors: otherwise deadlines would mean nothing.
for table in ${PISW_FAULTS:-silent changes rolling kills growth scarce}; do
  mkdir -m 711 "$work/$table"
  WORK=$work/$table PATH=$PATH:/usr/sbin /usr/bin/python3 "$top/Tests/faults/$table.py" | tee "$work/$table/out"
  count_table "$table" "${PIPESTATUS[0]}" "$work/$table/out"
done
summary
