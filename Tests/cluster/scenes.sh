# shellcheck shell=bash
# The checks of the cluster, one function for each. test.sh sources this file after cluster.sh.

# lib.sh, test.sh and cluster.sh set these.
: "${work:?}" "${here:?}" "${server_port:?}"
python() { /usr/bin/python3 "$here/$1.py" "${@:2}"; }

make_namespaces() {
  local name
  for name in without {,excluded-}{ignore,fail} crowd renewal; do
    kubectl create namespace "$name" || return
  done
}

# outcomes NAMESPACE: runs the table of outcomes in that namespace; prints and counts its rows.
outcomes() {
  local status
  python outcomes compare "$work/recorded.json" "$1" >"$work/outcomes.log" 2>&1
  status=$?
  cat "$work/outcomes.log"
  count_table "of $1" "$status" "$work/outcomes.log"
}

# previews PISW FOLDER...: compares the preview with the cluster; prints and counts the rows.
previews() {
  local status
  python previews "$1" "$work/config.yaml" "${@:2}" >"$work/previews.log" 2>"$work/previews.err"
  status=$?
  cat "$work/previews.log"
  count_table previews "$status" "$work/previews.log" "$work/previews.err"
}

# manifest NAME LABELS: prints the manifest of a pod that runs nginx.
manifest() {
  cat <<END
apiVersion: v1
kind: Pod
metadata: {name: "$1", labels: $2}
spec: {containers: [{name: web, image: nginx}]}
END
}

# dry_run_gives IMAGE LABELS: in a dry run, a pod that runs nginx gets that image.
dry_run_gives() {
  local got
  got=$(manifest probe "$2" | kubectl create --dry-run=server -o 'jsonpath={.spec.containers[0].image}' -f -)
  echo "got '$got', expected '$1'"
  [ "$got" = "$1" ]
}

# creates NAME IMAGE: the API server stores a pod that runs nginx with that image.
creates() {
  local got
  manifest "$1" '{}' | kubectl create -f - || return
  got=$(kubectl get pod "$1" -o 'jsonpath={.spec.containers[0].image}')
  echo "got '$got', expected '$2'"
  [ "$got" = "$2" ]
}

# is_refused NAME: the API server says that it could not call the webhook, and stores nothing.
is_refused() {
  manifest "$1" '{}' | kubectl create -f - 2>"$work/refused"
  [ $? -eq 1 ] && cat "$work/refused" && grep -F 'failed calling webhook "pisw.kube-system.svc"' "$work/refused" \
    && ! kubectl get pod "$1"
}

# Starts another webhook, which the API server calls later. It changes the pod, so pisw is called again.
start_injector() {
  local port
  port=$(free_port)
  start_logging sidecar /usr/bin/python3 "$here/sidecar.py" "$port" "$work/sidecar.pem" "$work/sidecar.key"
  wait_for_port "$port" && kubectl apply -f - <<END
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: sidecar}
webhooks:
- name: sidecar.example.com
  clientConfig: {url: "https://localhost:$port/", caBundle: $(base64 -w 0 "$work/first-ca.pem")}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  objectSelector: {matchLabels: {mesh: "yes"}}
  failurePolicy: Fail
  sideEffects: None
  admissionReviewVersions: [v1]
END
}

# mesh_gives IMAGE...: a new pod of the mesh gets these images.
mesh_gives() {
  local got
  got=$(manifest mesh '{mesh: "yes"}' | kubectl create --dry-run=server -o 'jsonpath={.spec.containers[*].image}' -f -)
  echo "got '$got', expected '$*'"
  [ "$got" = "$*" ]
}

# set_config TARGET: replaces the configuration atomically by one with that target for docker.io.
set_config() {
  sed "s,docker.io: .*,docker.io: $1," "$here/config.yaml" >"$work/config.new" \
    && mv "$work/config.new" "$work/config.yaml"
}

# The server looks at its files when a connection is opened.
is_kept() {
  wait_for_port "$server_port" && dry_run_gives other.example.com/hub/library/nginx:latest '{}' \
    && grep -F 'configuration not reloaded' "$work/server.log"
}

# Renews the certificate with another CA while clients create pods: first the API server learns to trust both CAs, then
# the server gets the new certificate, then the API server forgets the first CA.
renew() {
  local clients
  python crowd renewal until "$work/renewed" &
  clients=$!
  started+=("$clients")
  renew_in_steps
  local status=$?
  touch "$work/renewed"
  wait "$clients" && return "$status"
}

renew_in_steps() {
  register Fail first-ca second-ca && shows_certificate_of first-ca && mount_certificate second \
    && until_true 10 shows_certificate_of second-ca && register Fail second-ca && sleep 1
}

# shows_certificate_of CA: the server shows a certificate that a client accepts that trusts this CA only.
shows_certificate_of() {
  openssl s_client -connect "127.0.0.1:$server_port" -servername pisw.kube-system.svc \
    -verify_hostname pisw.kube-system.svc -verify_return_error -CAfile "$work/$1.pem" </dev/null
}

# is_trusted_alone IMAGE: an API server that trusts only the second CA has a pod redirected.
is_trusted_alone() { register Fail second-ca && creates renewed "$1"; }

# is_distrusted: an API server that trusts neither CA rejects a pod. (If it trusted the first CA again, it could reuse a
# connection from the time when it trusted that one.)
is_distrusted() { register Fail cluster-ca && is_refused distrusted; }

# log_is_healthy: each line of the server's log is JSON, and the only warning is about the wrong configuration.
log_is_healthy() {
  /usr/bin/python3 - "$work/server.log" <<'END'
import json, sys

lines = [json.loads(line) for line in open(sys.argv[1])]
troubles = [line for line in lines if line["level"] != "info"]
print(*troubles, sep="\n")
assert [line["message"] for line in lines].count("review") > 200
assert [line["message"] for line in troubles] == ["configuration not reloaded, the old one stays in force"]
END
}
