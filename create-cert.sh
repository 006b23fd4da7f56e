#!/usr/bin/env bash
# Makes the webhook's certificate and stores it in a secret: signed by the cluster through a CertificateSigningRequest,
# or by an authority of its own. The private key is in no file, only in this process and in the secret.
set -euo pipefail
umask 077

usage() {
  cat <<'END'
usage: create-cert.sh [OPTION]...

Makes a certificate for a webhook's service, and a secret with cert.pem and key.pem for it. On standard output it prints
the base64 of the authority, for the chart's value caBundle.

  --service NAME    the service (k8s-pisw)
  --namespace NAME  its namespace, and the secret's (kube-system)
  --secret NAME     the secret (k8s-proxy-image-swapper-tls-secret)
  --signer NAME     who signs (kubernetes.io/kubelet-serving); on EKS beta.eks.amazonaws.com/app-serving
  --self-signed     an authority of its own signs, whose key is thrown away
  --days N          how long it holds (self-signed 3650; else what the signer gives; Kubernetes 1.22 and later)
  --rsa             an RSA key of 2048 bits instead of an elliptic curve, P-256
  --renew           another certificate, although the secret's holds for 30 days more
  --timeout S       how long to wait for the signer (60)
  --dry-run         show what would be sent, and send nothing
  --help

kubectl decides which cluster: set KUBECONFIG, or its current context.
exit status: 0 done, 64 wrong options, 69 no certificate came, 71 a program or the cluster refused
END
}

fail() {
  echo "create-cert.sh: $2" >&2
  exit "$1"
}
say() { echo "create-cert.sh: $1" >&2; }

service=k8s-pisw namespace=kube-system secret=k8s-proxy-image-swapper-tls-secret
signer=kubernetes.io/kubelet-serving self_signed='' days='' rsa='' renew='' timeout=60 dry_run=''
while [ $# -gt 0 ]; do
  case $1 in
    --service | --namespace | --secret | --signer | --days | --timeout)
      [ -n "${2:-}" ] || fail 64 "$1 needs a value; --help tells more"
      declare "${1#--}=$2"
      shift
      ;;
    --self-signed) self_signed=yes ;;
    --rsa) rsa=yes ;;
    --renew) renew=yes ;;
    --dry-run) dry_run=yes ;;
    --help)
      usage
      exit
      ;;
    *) fail 64 "unknown option '$1'; --help tells which there are" ;;
  esac
  shift
done

# What goes into YAML and subjects below is of such characters only.
for option in service namespace secret; do
  [[ ${!option} =~ ^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$ ]] \
    || fail 64 "--$option: '${!option}' is no name in Kubernetes"
done
[[ $signer =~ ^[A-Za-z0-9.-]+/[A-Za-z0-9./:-]+$ ]] || fail 64 "--signer: expected DOMAIN/NAME, not '$signer'"
[[ -z $days || $days =~ ^[1-9][0-9]{0,4}$ ]] || fail 64 "--days: expected a number from 1 to 99999, not '$days'"
[[ $timeout =~ ^[1-9][0-9]{0,4}$ ]] || fail 64 "--timeout: expected seconds, not '$timeout'"
for program in openssl kubectl base64; do
  command -v "$program" >/dev/null || fail 71 "$program is not installed"
done

host=$service.$namespace.svc
request_name=$service.$namespace
names="DNS:$host,DNS:$service.$namespace,DNS:$service"

# encode TEXT: its base64 in one line; with the line end that command substitution took away.
encode() { printf '%s\n' "$1" | base64 | tr -d '\n'; }

make_key() {
  if [ -n "$rsa" ]; then
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null \
      || openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null
  else
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256
  fi
}

# make_request SUBJECT: for the key in $key.
make_request() {
  openssl req -new -sha256 -key <(printf '%s\n' "$key") -subj "$1" -addext "subjectAltName=$names"
}

# holds CERTIFICATE SECONDS: it is for the service, and does so for that long.
holds() {
  openssl x509 -noout -checkend "$2" <<<"$1" >/dev/null 2>&1 \
    && [[ $(openssl x509 -noout -checkhost "$host" <<<"$1") = *" does match "* ]]
}

# vouches AUTHORITY CERTIFICATE
vouches() {
  openssl verify -purpose sslserver -CAfile <(printf '%s\n' "$1") <(printf '%s\n' "$2") >/dev/null 2>&1
}

# sign_ourselves BEFORE: sets certificate and authority, both made here. The authority before, if there is one, stays in the
# bundle behind the new one: until every pod serves the new certificate, the API server must trust both.
sign_ourselves() {
  local authority_key
  authority_key=$(make_key)
  authority=$(openssl req -x509 -new -sha256 -key <(printf '%s\n' "$authority_key") -days "${days:-3650}" \
    -subj "/CN=$service authority" -config <(printf '%s\n' '[req]' distinguished_name=name x509_extensions=all \
      '[name]' '[all]' basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign subjectKeyIdentifier=hash))
  certificate=$(openssl x509 -req -sha256 -in <(make_request "/CN=$service") -days "${days:-3650}" \
    -CA <(printf '%s\n' "$authority") -CAkey <(printf '%s\n' "$authority_key") -set_serial "0x$(openssl rand -hex 16)" \
    -extfile <(printf '%s\n' "subjectAltName=$names" basicConstraints=critical,CA:FALSE \
      keyUsage=critical,digitalSignature,keyEncipherment extendedKeyUsage=serverAuth) 2>/dev/null)
  [ -z "$1" ] || authority+=$'\n'$(openssl x509 <<<"$1")
}

# The signing request. The signer of kubelets signs no other subject; others do not mind it.
request_object() {
  cat <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata:
  name: $request_name
spec:
  signerName: $signer
  ${days:+expirationSeconds: $((days * 86400))}
  usages: [digital signature, key encipherment, server auth]
  request: $(make_request "/O=system:nodes/CN=system:node:$host" | base64 | tr -d '\n')
END
}

status_of_request() { kubectl get certificatesigningrequest "$request_name" -o "jsonpath=$1"; }

# Sets certificate: what the signer gives for a request of ours, which is approved here.
ask_signer() {
  local end=$((SECONDS + timeout)) encoded
  kubectl delete certificatesigningrequest "$request_name" --ignore-not-found >&2
  request_object | kubectl create -f - >&2 || fail 71 "the cluster took no signing request"
  trap 'kubectl delete certificatesigningrequest "$request_name" --ignore-not-found >&2' EXIT
  kubectl certificate approve "$request_name" >&2 || fail 71 "the signing request could not be approved"
  until encoded=$(status_of_request '{.status.certificate}') && [ -n "$encoded" ]; do
    case $(status_of_request '{.status.conditions[*].type}') in
      *Denied* | *Failed*)
        fail 69 "$signer signs no such request: \
$(status_of_request '{.status.conditions[?(@.type!="Approved")].message}')"
        ;;
    esac
    [ "$SECONDS" -lt "$end" ] || fail 69 "no certificate of $signer within $timeout s: does this cluster run that signer? \
Name another with --signer, or use --self-signed"
    sleep 1
  done
  certificate=$(base64 -d <<<"$encoded")
}

# The authority that kubectl trusts, which as a rule is the one that signs.
cluster_authority() {
  kubectl config view --raw --minify --flatten -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}' \
    | base64 -d
}

# The secret, without the annotation in which a plain `apply` would keep a second copy of the key; through a pipe,
# because older shells write what follows `<<` to a file.
store_secret() {
  printf '%s\n' "apiVersion: v1" "kind: Secret" "metadata: {name: $secret, namespace: $namespace}" "type: Opaque" \
    "data:" "  cert.pem: $(encode "$certificate")" "  key.pem: $(encode "$key")" \
    ${self_signed:+"  ca.pem: $(encode "$authority")"} \
    | kubectl apply --server-side --force-conflicts --field-manager=create-cert.sh -f - >&2
}

from_secret() {
  kubectl get secret "$secret" --namespace "$namespace" --ignore-not-found -o "jsonpath=$1"
}

# print_authority: the value caBundle.
print_authority() {
  if [ -n "$self_signed" ]; then
    encode "$authority"
  elif authority=$(cluster_authority) && vouches "$authority" "$certificate"; then
    encode "$authority"
  else
    say "the authority in your kubeconfig did not sign it: set caBundle to the base64 of the one that $signer has"
    return
  fi
  echo
}

if [ -n "$dry_run" ]; then
  key=$(make_key)
  if [ -n "$self_signed" ]; then
    sign_ourselves ''
    openssl x509 -noout -subject -issuer -enddate -ext subjectAltName <<<"$certificate"
  else
    request_object
  fi
  say "nothing was sent; it would go into the secret $secret of $namespace"
  exit
fi

owner=$(from_secret '{.metadata.annotations.meta\.helm\.sh/release-name}') || fail 71 "the cluster cannot be asked"
[ -z "$owner" ] || fail 71 "the secret $secret is of the Helm release $owner, which makes its certificate itself: \
rotate it with tls.selfSigned.rotation, or name another --secret"

certificate=$(from_secret '{.data.cert\.pem}' | base64 -d)
if [ -z "$renew" ] && [ -n "$certificate" ] && holds "$certificate" $((30 * 86400)); then
  say "the secret $secret has a certificate for $host; $(openssl x509 -noout -enddate <<<"$certificate"); --renew makes \
another"
  authority=$(from_secret '{.data.ca\.pem}' | base64 -d)
  self_signed=${authority:+yes}
  print_authority
  exit
fi

key=$(make_key)
if [ -n "$self_signed" ]; then sign_ourselves "$(from_secret '{.data.ca\.pem}' | base64 -d)"; else ask_signer; fi
holds "$certificate" 60 || fail 69 "what $signer signed is not for $host"
[ "$(openssl x509 -noout -pubkey <<<"$certificate")" = "$(printf '%s\n' "$key" | openssl pkey -pubout)" ] \
  || fail 69 "what $signer signed is for another key"
store_secret || fail 71 "the secret $secret could not be stored in $namespace"
say "the secret $secret of $namespace has a certificate for $host; $(openssl x509 -noout -enddate <<<"$certificate")"
print_authority
