#!/usr/bin/env bash
# The whole chain on loopback: real etcd and API server, real Helm, pisw-serve and socat as pods, and skopeo, which
# pulls through a real pull-through registry. Also create-cert.sh, and the documents' mirrors and kubectl commands.
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
# Copies, so that a build cannot change them during the tests.
cp "$server" "$pisw_mutate" "$work" || exit 70
server=$work/pisw-serve
# cluster.sh needs a port for its own server, which is not used here.
server_port=0
# The service gets a loopback address, on whose port 443 a stand-in for kube-proxy listens.
service_range=127.10.0.0/24
if [ "$(id -u)" -ne 0 ] && [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 443 ]; then
  echo "the tests must listen on 127.10.0.x:443: run them as root" >&2
  exit 71
fi

# shellcheck source=Tests/cluster/cluster.sh
source "$top/Tests/cluster/cluster.sh"
export PISW_SERVE=$server PISW_MUTATE=$work/pisw-mutate
PATH=$work:$assets:$PATH

check "certificates" make_certificates
check "etcd and the API server start" start_cluster
# Without a cluster there is nothing to test.
[ "$failed" -eq 0 ] || summary

table "chain pisw-serve" "$python" "$here/chain.py" pisw-serve
table "chain socat" "$python" "$here/chain.py" socat
table create_cert "$python" "$here/create_cert.py"
table migration "$python" "$here/migration.py"
table mirrors "$python" "$here/mirrors.py"
table kubectl "$python" "$here/kubectl.py"
summary
