# shellcheck shell=bash
# A real API server with etcd, the webhook registered as in production, and the server under test. test.sh sources this
# file after lib.sh. Everything is in $work and listens on 127.0.0.1. lib.sh ends it.

# lib.sh and test.sh set these.
: "${work:?}" "${assets:?}" "${server:?}" "${server_port:?}"

# The settings of whoever runs the tests must not reach the programs, and theirs must not reach that user's home.
unset PISW_CONFIG REGISTRY_URL PROXY_URL LOGLEVEL KUBECONFIG
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export HOME=$work WORK=$work KUBECTL=$assets/kubectl KUBECONFIG=$work/kubeconfig
kubectl() { "$KUBECTL" "$@"; }

# start_logging LOG COMMAND...: like `start`, but with its own log.
start_logging() {
  local log=$1
  shift
  "$@" >>"$work/$log.log" 2>&1 &
  started+=($!)
}

# until_true SECONDS COMMAND...: repeats the command until it succeeds.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)

# make_authority NAME: makes a CA, NAME.pem and NAME.key.
make_authority() {
  openssl req -x509 "${new_key[@]}" -keyout "$work/$1.key" -out "$work/$1.pem" -subj "/CN=$1 of the tests" -days 2
}

# make_certificate CA NAME SUBJECT ALTERNATIVE-NAME: makes a certificate, NAME.pem and NAME.key.
make_certificate() {
  openssl req "${new_key[@]}" -keyout "$work/$2.key" -out "$work/request.pem" -subj "$3" \
    && openssl x509 -req -in "$work/request.pem" -CA "$work/$1.pem" -CAkey "$work/$1.key" -CAcreateserial -days 2 \
      -out "$work/$2.pem" -extfile <(echo "subjectAltName=$4")
}

make_certificates() {
  make_authority cluster-ca && make_authority first-ca && make_authority second-ca \
    && make_certificate cluster-ca api /CN=kube-apiserver IP:127.0.0.1 \
    && make_certificate cluster-ca admin /O=system:masters/CN=admin DNS:admin \
    && make_certificate first-ca first /CN=pisw DNS:pisw.kube-system.svc \
    && make_certificate second-ca second /CN=pisw DNS:pisw.kube-system.svc \
    && make_certificate first-ca sidecar /CN=sidecar DNS:localhost \
    && openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/accounts.key"
}

# start_cluster: starts etcd and the API server, and writes what kubectl and api.py need to reach it.
start_cluster() {
  local etcd peer version gates=()
  etcd=$(free_port) peer=$(free_port) API_PORT=$(free_port)
  start_logging etcd "$assets/etcd" --data-dir "$work/etcd" --unsafe-no-fsync \
    --listen-client-urls "http://127.0.0.1:$etcd" --advertise-client-urls "http://127.0.0.1:$etcd" \
    --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
    --initial-cluster "default=http://127.0.0.1:$peer"
  wait_for_port "$etcd" || return
  version=$("$assets/kube-apiserver" --version)
  [[ $version =~ v1\.([0-9]+)\. ]] || return
  export API_PORT KUBERNETES_MINOR=${BASH_REMATCH[1]}
  # Ephemeral containers need a feature gate before 1.23.
  [ "$KUBERNETES_MINOR" -ge 23 ] || gates=(--feature-gates=EphemeralContainers=true)
  cat >"$work/audit.yaml" <<END
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, verbs: [create, update, patch], resources: [{group: "", resources: [pods]}]}
- {level: None}
END
  start_logging api "$assets/kube-apiserver" --etcd-servers "http://127.0.0.1:$etcd" \
    --bind-address=127.0.0.1 --secure-port="$API_PORT" --advertise-address=10.254.254.254 \
    --endpoint-reconciler-type=none --authorization-mode=AlwaysAllow --disable-admission-plugins=ServiceAccount \
    --service-cluster-ip-range="${service_range:-10.0.0.0/24}" --cert-dir="$work/api" \
    --client-ca-file="$work/cluster-ca.pem" --tls-cert-file="$work/api.pem" --tls-private-key-file="$work/api.key" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$work/accounts.key" \
    --service-account-signing-key-file="$work/accounts.key" \
    --audit-policy-file="$work/audit.yaml" --audit-log-path="$work/audit.log" "${gates[@]}"
  cat >"$KUBECONFIG" <<END
apiVersion: v1
kind: Config
clusters: [{name: it, cluster: {server: "https://127.0.0.1:$API_PORT", certificate-authority: "$work/cluster-ca.pem"}}]
users: [{name: me, user: {client-certificate: "$work/admin.pem", client-key: "$work/admin.key"}}]
contexts: [{name: it, context: {cluster: it, user: me}}]
current-context: it
END
  until_true 60 kubectl get --raw=/readyz && until_true 30 kubectl get namespace kube-system default && return
  tail -n 20 "$work/api.log"
  return 1
}

# mount_certificate NAME: gives the server NAME.pem and NAME.key. As a kubelet updates a secret, it replaces both files
# atomically, through a symbolic link.
mount_certificate() {
  mkdir -p "$work/tls/..$1" \
    && cp "$work/$1.pem" "$work/tls/..$1/cert.pem" && cp "$work/$1.key" "$work/tls/..$1/key.pem" \
    && ln -sfn "..$1" "$work/tls/..new" && mv -T "$work/tls/..new" "$work/tls/..data" \
    && ln -sfn ..data/cert.pem "$work/tls/cert.pem" && ln -sfn ..data/key.pem "$work/tls/key.pem"
}

start_server() {
  start_logging server "$server" --config "$work/config.yaml" --tls-cert "$work/tls/cert.pem" \
    --tls-key "$work/tls/key.pem" --listen "127.0.0.1:$server_port" --admin-listen off --drain-delay 0
  server_pid=$!
  wait_for_port "$server_port"
}

# stop_server: ends the server as a kubelet does. Its status must be 0.
stop_server() {
  local i
  for i in "${!started[@]}"; do
    [ "${started[$i]}" != "$server_pid" ] || unset "started[$i]"
  done
  kill "$server_pid" && wait "$server_pid"
}

registration=0

# register POLICY CA...: replaces the webhook's registration. Returns when the API server uses it: each registration
# excludes pods with its own label, so such a pod is no longer redirected.
register() {
  local policy=$1 bundle
  shift
  bundle=$(cd "$work" && cat "${@/%/.pem}" | base64 -w 0)
  registration=$((registration + 1))
  kubectl apply -f - <<END || return
apiVersion: v1
kind: Service
metadata: {name: pisw, namespace: kube-system}
spec: {type: ExternalName, externalName: localhost, ports: [{port: $server_port}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: pisw}
webhooks:
- name: pisw.kube-system.svc
  clientConfig:
    service: {name: pisw, namespace: kube-system, path: /mutate, port: $server_port}
    caBundle: $bundle
  rules:
  - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods, pods/ephemeralcontainers]}
  objectSelector: {matchExpressions: [{key: registration, operator: NotIn, values: ["$registration"]}]}
  failurePolicy: $policy
  timeoutSeconds: 10
  sideEffects: None
  admissionReviewVersions: [v1, v1beta1]
  reinvocationPolicy: IfNeeded
END
  until_true 20 dry_run_gives nginx "{registration: '$registration'}"
}
