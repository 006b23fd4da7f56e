#!/usr/bin/env bash
# The webhook in a real API server: what kubectl makes of pods with pisw-serve in the way, under both failure policies;
# and what happens to pods while the server is gone, busy, or gets another configuration or certificate.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"
here=$top/Tests/cluster
server=$top/.build/static/release/pisw-serve

need openssl openssl
need /usr/bin/python3 python3
/usr/bin/python3 -c "import yaml" 2>/dev/null || "$top/Build/install.sh" python3-yaml || exit 71
{ [ -n "${PISW_BUILT:-}" ] && [ -x "$server" ]; } || "$top/Build/build.sh" pisw-serve pisw || exit 70
# A copy, so that nobody's build changes it under the tests.
cp "$server" "$work/pisw-serve" || exit 70
server=$work/pisw-serve
assets=$("$here/assets.sh") || exit 70
server_port=$(free_port)

# shellcheck source=Tests/cluster/cluster.sh
source "$here/cluster.sh"
# shellcheck source=Tests/cluster/scenes.sh
source "$here/scenes.sh"
cp "$here/config.yaml" "$work/config.yaml"
# What becomes of the image nginx.
swapped=proxy.example.com/library/nginx:latest

check "certificates" make_certificates
check "etcd and the API server start" start_cluster
check "namespaces" make_namespaces
check "what the API server does without the webhook" python outcomes record "$work/recorded.json"
# Without these there is nothing to test.
[ "$failed" -eq 0 ] || summary

check "the certificate is there" mount_certificate first
check "the server listens" start_server
check "it is registered, with failurePolicy Ignore" register Ignore first-ca
check "it is asked" until_true 20 dry_run_gives "$swapped" '{}'
outcomes ignore
check "it ends when told to" stop_server
check "Ignore, and no server: a pod is stored as it was written" creates gone nginx
check "the server listens again" start_server
check "Ignore, and the server is back: a pod is swapped" creates back "$swapped"

check "it is registered, with failurePolicy Fail" register Fail first-ca
outcomes fail
check "it ends when told to, again" stop_server
check "Fail, and no server: a pod is refused" is_refused refused
check "the server listens, the third time" start_server
check "Fail, and the server is back: a pod is swapped" creates taken "$swapped"
check "the audit log says of the pods that were swapped, and of no other, that they were" \
  python outcomes audit "$work/audit.log" fail

real=${PISW_MANIFESTS:-$top/../shared/manifests}
[ -d "$real" ] || real=
previews "$pisw" "$top/examples/manifests" ${real:+"$real"}

check "200 pods, from eight clients" python crowd crowd 200

check "another webhook, which injects a sidecar after this one" start_injector
check "the sidecar is swapped as well" until_true 20 mesh_gives "$swapped" proxy.example.com/envoyproxy/envoy:v1

set_config other.example.com/hub
check "a changed configuration takes effect" until_true 20 dry_run_gives other.example.com/hub/library/nginx:latest '{}'
set_config https://wrong.example.com
check "a wrong one is told of, and the one before stays in force" until_true 20 is_kept
set_config proxy.example.com
check "the next right one does" until_true 20 dry_run_gives "$swapped" '{}'

check "the certificate is renewed by another authority while pods are made; none is lost or unswapped" renew
check "the new authority is enough" is_trusted_alone "$swapped"
check "with a certificate that it does not trust, a pod is refused" is_distrusted

check "the server's log tells of no trouble but the wrong configuration" log_is_healthy
check "the server ends with status 0" stop_server
summary
