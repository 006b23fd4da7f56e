#!/usr/bin/env bash
# Makes the webhook's certificate and stores it in a secret. The cluster signs it through a CertificateSigningRequest,
# or a CA that this script makes. The private key is never in a file, only in this process and in the secret.
set -euo pipefail
umask 077

usage() {
  cat <<'END'
usage: create-cert.sh [OPTION]...

Makes a certificate for a webhook's service, and stores it in a secret as cert.pem and key.pem. Prints the CA
certificate in base64 on standard output, for the chart's value caBundle.

  --service NAME    name of the service (k8s-pisw)
  --namespace NAME  namespace of the service and the secret (kube-system)
  --secret NAME     name of the secret (k8s-proxy-image-swapper-tls-secret)
  --signer NAME     signer (kubernetes.io/kubelet-serving); on EKS use beta.eks.amazonaws.com/app-serving
  --self-signed     sign with a new CA instead, and discard the CA's private key
  --days N          lifetime in days (with --self-signed 3650, else the signer's default; to ask a signer for another
                    lifetime, the cluster needs Kubernetes 1.22 or later)
  --rsa             make an RSA key of 2048 bits instead of an elliptic-curve key (P-256)
  --renew           make a new certificate even if the current one is valid for 30 more days
  --timeout S       seconds to wait for the signer (60)
  --dry-run         show what would be sent, and send nothing
  --help            show this text

The script changes the cluster that kubectl uses: set KUBECONFIG, or kubectl's current context.
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
      [ -n "${2:-}" ] || fail 64 "$1 needs a value; --help lists the options"
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
    *) fail 64 "unknown option '$1'; --help lists the options" ;;
  esac
  shift
done

# These values go into YAML and certificate subjects below, so only safe characters are allowed.
for option in service namespace secret; do
  [[ ${!option} =~ ^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$ ]] \
    || fail 64 "--$option: '${!option}' is not a valid Kubernetes name"
done
[[ $signer =~ ^[A-Za-z0-9.-]+/[A-Za-z0-9./:-]+$ ]] || fail 64 "--signer: expected DOMAIN/NAME, not '$signer'"
[[ -z $days || $days =~ ^[1-9][0-9]{0,4}$ ]] || fail 64 "--days: expected a number from 1 to 99999, not '$days'"
[[ $timeout =~ ^[1-9][0-9]{0,4}$ ]] || fail 64 "--timeout: expected a number of seconds from 1 to 99999, not '$timeout'"
for program in openssl kubectl base64; do
  command -v "$program" >/dev/null || fail 71 "$program is not installed"
done

host=$service.$namespace.svc
request_name=$service.$namespace
names="DNS:$host,DNS:$service.$namespace,DNS:$service"

# encode TEXT: prints its base64 on one line, with the final newline that command substitution had removed.
encode() { printf '%s\n' "$1" | base64 | tr -d '\n'; }

make_key() {
  if [ -n "$rsa" ]; then
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null \
      || openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null
  else
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256
  fi
}

# make_request SUBJECT: prints a signing request for the key in $key.
make_request() {
  openssl req -new -sha256 -key <(printf '%s\n' "$key") -subj "$1" -addext "subjectAltName=$names"
}

# is_valid CERTIFICATE SECONDS: the certificate names the service and does not expire within that time.
is_valid() {
  openssl x509 -noout -checkend "$2" <<<"$1" >/dev/null 2>&1 \
    && [[ $(openssl x509 -noout -checkhost "$host" <<<"$1") = *" does match "* ]]
}

# is_signed_by CA CERTIFICATE
is_signed_by() {
  openssl verify -purpose sslserver -CAfile <(printf '%s\n' "$1") <(printf '%s\n' "$2") >/dev/null 2>&1
}

# self_sign PREVIOUS-CA: sets certificate and authority, with a new CA. The previous CA, if there is one, stays in the
# bundle after the new one: until every pod serves the new certificate, the API server must trust both.
self_sign() {
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

# The signing request. The signer kubernetes.io/kubelet-serving accepts only this subject; other signers accept it, too.
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

request_status() { kubectl get certificatesigningrequest "$request_name" -o "jsonpath=$1"; }

# Sets certificate: sends a signing request, approves it, and waits for the signer.
request_signature() {
  local deadline=$((SECONDS + timeout)) encoded
  kubectl delete certificatesigningrequest "$request_name" --ignore-not-found >&2
  request_object | kubectl create -f - >&2 || fail 71 "the cluster refused the signing request"
  trap 'kubectl delete certificatesigningrequest "$request_name" --ignore-not-found >&2' EXIT
  kubectl certificate approve "$request_name" >&2 || fail 71 "kubectl could not approve the signing request"
  until encoded=$(request_status '{.status.certificate}') && [ -n "$encoded" ]; do
    case $(request_status '{.status.conditions[*].type}') in
      *Denied* | *Failed*)
        fail 69 "$signer refused the request: \
$(request_status '{.status.conditions[?(@.type!="Approved")].message}')"
        ;;
    esac
    [ "$SECONDS" -lt "$deadline" ] || fail 69 "$signer did not sign within $timeout s. Does this cluster run that \
signer? Name another one with --signer, or use --self-signed"
    sleep 1
  done
  certificate=$(base64 -d <<<"$encoded")
}

# The CA that kubectl trusts. It usually is the CA that signs.
cluster_authority() {
  kubectl config view --raw --minify --flatten -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}' \
    | base64 -d
}

# Stores the secret. Server-side, because a client-side `apply` would copy the key into an annotation. Through a pipe,
# because older shells write a here-document to a file.
store_secret() {
  printf '%s\n' "apiVersion: v1" "kind: Secret" "metadata: {name: $secret, namespace: $namespace}" "type: Opaque" \
    "data:" "  cert.pem: $(encode "$certificate")" "  key.pem: $(encode "$key")" \
    ${self_signed:+"  ca.pem: $(encode "$authority")"} \
    | kubectl apply --server-side --force-conflicts --field-manager=create-cert.sh -f - >&2
}

read_secret() {
  kubectl get secret "$secret" --namespace "$namespace" --ignore-not-found -o "jsonpath=$1"
}

# Prints the value for caBundle.
print_ca_bundle() {
  if [ -n "$self_signed" ]; then
    encode "$authority"
  elif authority=$(cluster_authority) && is_signed_by "$authority" "$certificate"; then
    encode "$authority"
  else
    say "the CA in your kubeconfig did not sign the certificate: set caBundle to the base64 of the CA of $signer"
    return
  fi
  echo
}

if [ -n "$dry_run" ]; then
  key=$(make_key)
  if [ -n "$self_signed" ]; then
    self_sign ''
    openssl x509 -noout -subject -issuer -enddate -ext subjectAltName <<<"$certificate"
  else
    request_object
  fi
  say "nothing was sent; the certificate would go into the secret $secret in $namespace"
  exit
fi

owner=$(read_secret '{.metadata.annotations.meta\.helm\.sh/release-name}') \
  || fail 71 "kubectl cannot read the secret $secret in $namespace"
[ -z "$owner" ] || fail 71 "the secret $secret belongs to the Helm release $owner, which makes its own certificate: \
rotate it with tls.selfSigned.rotation, or name another --secret"

certificate=$(read_secret '{.data.cert\.pem}' | base64 -d)
if [ -z "$renew" ] && [ -n "$certificate" ] && is_valid "$certificate" $((30 * 86400)); then
  say "the secret $secret has a valid certificate for $host; $(openssl x509 -noout -enddate <<<"$certificate"); \
--renew makes a new one"
  authority=$(read_secret '{.data.ca\.pem}' | base64 -d)
  self_signed=${authority:+yes}
  print_ca_bundle
  exit
fi

key=$(make_key)
if [ -n "$self_signed" ]; then self_sign "$(read_secret '{.data.ca\.pem}' | base64 -d)"; else request_signature; fi
is_valid "$certificate" 60 \
  || fail 69 "the certificate that $signer signed does not name $host, or expires within a minute"
[ "$(openssl x509 -noout -pubkey <<<"$certificate")" = "$(printf '%s\n' "$key" | openssl pkey -pubout)" ] \
  || fail 69 "the certificate that $signer signed is for another key"
store_secret || fail 71 "kubectl could not store the secret $secret in $namespace"
say "the secret $secret in $namespace now has a certificate for $host; \
$(openssl x509 -noout -enddate <<<"$certificate")"
print_ca_bundle
