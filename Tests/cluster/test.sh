#!/usr/bin/env bash
# pisw-serve as the webhook of a real API server: the outcomes of kubectl commands under both failure policies, and what
# happens to pods while the server is down or busy, or gets another configuration or certificate.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"
here=$top/Tests/cluster
server=$top/.build/static/release/pisw-serve

need openssl openssl
need /usr/bin/python3 python3
/usr/bin/python3 -c "import yaml" 2>/dev/null || "$top/Build/install.sh" python3-yaml || exit 71
{ [ -n "${PISW_BUILT:-}" ] && [ -x "$server" ]; } || "$top/Build/build.sh" pisw-serve pisw || exit 70
# A copy, so that a build cannot change it during the tests.
cp "$server" "$work/pisw-serve" || exit 70
server=$work/pisw-serve
assets=$("$here/assets.sh") || exit 70
server_port=$(free_port)

# shellcheck source=Tests/cluster/cluster.sh
source "$here/cluster.sh"
# shellcheck source=Tests/cluster/scenes.sh
source "$here/scenes.sh"
cp "$here/config.yaml" "$work/config.yaml"
# What the image nginx becomes.
swapped=proxy.example.com/library/nginx:latest

check "certificates are made" make_certificates
check "etcd and the API server start" start_cluster
check "namespaces are made" make_namespaces
check "the outcomes without the webhook are recorded" python outcomes record "$work/recorded.json"
# Without a cluster there is nothing to test.
[ "$failed" -eq 0 ] || summary

check "the server gets its certificate" mount_certificate first
check "the server listens" start_server
check "the webhook is registered with failurePolicy Ignore" register Ignore first-ca
check "the API server calls the webhook" until_true 20 dry_run_gives "$swapped" '{}'
outcomes ignore
check "the server ends on SIGTERM" stop_server
check "Ignore, server down: a pod is stored as written" creates gone nginx
check "the server listens again" start_server
check "Ignore, server up again: a pod is redirected" creates back "$swapped"

check "the webhook is registered with failurePolicy Fail" register Fail first-ca
outcomes fail
check "the server ends on SIGTERM, again" stop_server
check "Fail, server down: a pod is rejected" is_refused refused
check "the server listens a third time" start_server
check "Fail, server up again: a pod is redirected" creates taken "$swapped"
check "the audit log says mutated for exactly the pods that were redirected" \
  python outcomes audit "$work/audit.log" fail

real=${PISW_MANIFESTS:-$top/../shared/manifests}
[ -d "$real" ] || real=
previews "$pisw" "$top/examples/manifests" ${real:+"$real"}

check "eight clients create 200 pods, all redirected" python crowd crowd 200

check "another webhook starts, which injects a sidecar after pisw" start_injector
check "the sidecar is redirected, too" until_true 20 mesh_gives "$swapped" proxy.example.com/envoyproxy/envoy:v1

set_config other.example.com/hub
check "a changed configuration takes effect" until_true 20 dry_run_gives other.example.com/hub/library/nginx:latest '{}'
set_config https://wrong.example.com
check "a wrong configuration is logged, and the old one stays in force" until_true 20 is_kept
set_config proxy.example.com
check "the next valid configuration takes effect" until_true 20 dry_run_gives "$swapped" '{}'

check "the certificate is renewed with another CA while clients create pods; all are stored and redirected" renew
check "the new CA alone suffices" is_trusted_alone "$swapped"
check "an API server that does not trust the certificate rejects a pod" is_distrusted

check "the server's log has no warning except for the wrong configuration" log_is_healthy
check "the server ends with status 0" stop_server
summary
