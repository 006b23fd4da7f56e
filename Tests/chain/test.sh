#!/usr/bin/env bash
# The whole chain on loopback: real etcd and API server, the chart by real Helm, pisw-serve and socat as its pods, an
# image pulled by skopeo through a real pull-through registry; create-cert.sh; the documents' mirrors for products, and their
# commands of kubectl.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"
here=$top/Tests/chain
server=$top/.build/static/release/pisw-serve

need openssl openssl
need /usr/bin/python3 python3
need socat socat
need skopeo skopeo
need docker-registry docker-registry
build_static
python=$("$top/Tests/chart/venv.sh") || exit 71
assets=$("$top/Tests/cluster/assets.sh") || exit 70
# Copies, so that nobody's build changes them under the tests.
cp "$server" "$pisw_mutate" "$work" || exit 70
server=$work/pisw-serve
# cluster.sh wants to know where its own server would listen.
server_port=0
# The service's address is one of loopback, where this stands in for kube-proxy: on port 443.
service_range=127.10.0.0/24
if [ "$(id -u)" -ne 0 ] && [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 443 ]; then
  echo "this listens on 127.10.0.x:443: run it as root" >&2
  exit 71
fi

# shellcheck source=Tests/cluster/cluster.sh
source "$top/Tests/cluster/cluster.sh"
export PISW_SERVE=$server PISW_MUTATE=$work/pisw-mutate PYTHONDONTWRITEBYTECODE=1
PATH=$work:$assets:$PATH

check "certificates" make_certificates
check "etcd and the API server start" start_cluster
# Without these there is nothing to test.
[ "$failed" -eq 0 ] || summary

table "chain pisw-serve" "$python" "$here/chain.py" pisw-serve
table "chain socat" "$python" "$here/chain.py" socat
table create_cert "$python" "$here/create_cert.py"
table migration "$python" "$here/migration.py"
table mirrors "$python" "$here/mirrors.py"
table kubectl "$python" "$here/kubectl.py"
summary
