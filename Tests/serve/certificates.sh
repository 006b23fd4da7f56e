# shellcheck shell=bash
# Makes the certificates, keys and reviews of this group in $work, and the answer of pisw-mutate to each review. test.sh
# sources this file after lib.sh.

: "${work:?}" "${pisw_mutate:?}" "${reviews:?}"

ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
rsa=(-newkey rsa:2048 -nodes)

# authority NAME SUBJECT: makes a self-signed CA, NAME.pem and NAME.key.
authority() {
  openssl req -x509 "${ec[@]}" -keyout "$1.key" -out "$1.pem" -subj "/CN=$2" -days 30
}

# issue NAME ISSUER DAYS EXTENSION KIND...: makes a certificate of ISSUER, NAME.leaf.pem, with its key, NAME.key.
issue() {
  local name=$1 issuer=$2 days=$3 extension=$4
  shift 4
  openssl req "$@" -keyout "$name.key" -out "$name.csr" -subj "/CN=$name"
  openssl x509 -req -in "$name.csr" -CA "$issuer.pem" -CAkey "$issuer.key" -CAcreateserial -days "$days" \
    -out "$name.leaf.pem" -extfile <(printf '%s\n' "$extension")
}

# An intermediate CA signs server certificates, so that a client that trusts only the root CA needs the whole chain.
make_certificates() (
  cd "$work" || exit
  set -e
  local server="subjectAltName=DNS:localhost,DNS:pisw.kube-system.svc,IP:127.0.0.1,IP:::1" name
  authority root "the root of the tests"
  issue intermediate root 30 "basicConstraints=critical,CA:TRUE" "${ec[@]}"
  cp intermediate.leaf.pem intermediate.pem
  issue ec intermediate 30 "$server" "${ec[@]}"
  issue ec2 intermediate 20 "$server" "${ec[@]}"
  issue rsa intermediate 30 "$server" "${rsa[@]}"
  issue rsa2 intermediate 20 "$server" "${rsa[@]}"
  issue expired intermediate -1 "$server" "${ec[@]}"
  for name in ec ec2 rsa rsa2 expired; do
    cat "$name.leaf.pem" intermediate.pem >"$name.pem"
    cat "$name.pem" "$name.key" >"$name.combined.pem"
  done
  # Keys in other formats.
  openssl pkey -in ec.key -traditional -out ec.sec1.key
  openssl pkey -in rsa.key -traditional -out rsa.pkcs1.key
  openssl pkey -in ec.key -aes256 -passout pass:secret -out ec.encrypted.key
  openssl rsa -in rsa.key -aes256 -passout pass:secret -traditional -out rsa.encrypted.key
  openssl pkey -in ec.key -outform DER -out ec.der
  # Client certificates, and the CAs that sign them.
  authority clients "the clients of the tests"
  authority others "other clients"
  issue client clients 30 extendedKeyUsage=clientAuth "${ec[@]}"
  issue servant clients 30 extendedKeyUsage=serverAuth "${ec[@]}"
  issue former clients -1 extendedKeyUsage=clientAuth "${ec[@]}"
  issue stranger others 30 extendedKeyUsage=clientAuth "${ec[@]}"
)

make_reviews() {
  local file
  mkdir -p "$work/reviews" "$work/answers"
  cp "$reviews"/*.json "$work/reviews"
  /usr/bin/python3 - "$work/reviews" <<'END' || exit 70
import json, sys

folder = sys.argv[1]
review = json.load(open(f"{folder}/bare-pod-without-labels.json"))
container = review["request"]["object"]["spec"]["containers"][0]


def write(name, size):
    """Writes the review with environment variables that make it exactly that long."""
    container["env"] = [{"name": f"V{i}", "value": "x\u00e9\n" * 30} for i in range(size // 460)]
    container["env"].append({"name": "LAST", "value": ""})
    container["env"][-1]["value"] = "x" * (size - len(json.dumps(review)))
    text = json.dumps(review)
    assert len(text) == size
    open(f"{folder}/{name}.json", "w").write(text)


write("1MB", 1_000_000)
write("8MiB", 8 << 20)
END
  for file in "$work"/reviews/*.json; do
    "$pisw_mutate" --mirror docker.io=proxy.example.com "$file" >"$work/answers/$(basename "$file")" || exit 70
  done
}
