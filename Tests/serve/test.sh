#!/usr/bin/env bash
# pisw-serve from outside: options, TLS and HTTP with real clients, what its processes hold, metrics, log, reload, drain and
# overload. Each table is a Python program beside this file.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"
here=$top/Tests/serve

need curl curl ca-certificates
need openssl openssl
need /usr/bin/python3 python3
need wrk wrk
need promtool prometheus
need testssl testssl.sh
need setpriv util-linux
build_static
# Copies, so that a build cannot change them during the tests.
cp "$pisw_mutate" "$top/.build/static/release/pisw-serve" "$work"
pisw_mutate=$work/pisw-mutate
# The settings of whoever runs the tests must not reach the programs.
unset PISW_CONFIG REGISTRY_URL PROXY_URL LOGLEVEL GATEWAY_INTERFACE SSL_CERT_FILE SSL_CERT_DIR OPENSSL_CONF
export PISW_SERVE=$work/pisw-serve WORK=$work

# shellcheck source=Tests/serve/certificates.sh
source "$here/certificates.sh"
check "certificates are made" make_certificates
make_reviews

# Two tables run at the same time, because most of them wait.
in_turn() {
  local table
  for table; do
    /usr/bin/python3 "$here/$table.py" >"$work/$table.out" 2>&1
    echo $? >"$work/$table.status"
  done
}
lanes=("options tls requests drain" "keys processes admin logs reload overload")
[ $# -eq 0 ] || lanes=("$*")
lane_pids=()
for lane in "${lanes[@]}"; do
  # shellcheck disable=SC2086
  in_turn $lane &
  lane_pids+=($!)
  started+=($!)
done

wait "${lane_pids[@]}"
for lane in "${lanes[@]}"; do
  for table in $lane; do
    cat "$work/$table.out"
    count_table "$table" "$(cat "$work/$table.status" 2>/dev/null)" "$work/$table.out"
  done
done

summary
