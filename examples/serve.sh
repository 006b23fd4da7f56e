#!/usr/bin/env bash
# Builds pisw-serve, starts it with a new certificate, sends it a real AdmissionReview, and shows the patch, the metrics
# and the log. Then stops it.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "building .build/static/release/pisw-serve (the first time takes a few minutes)"
Build/build.sh pisw-serve
command -v openssl >/dev/null || Build/install.sh openssl
command -v curl >/dev/null || Build/install.sh curl ca-certificates
command -v python3 >/dev/null || Build/install.sh python3-minimal

scratch=$(mktemp -d)
server=
stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$scratch"
}
trap stop EXIT

echo
echo "a certificate for localhost, and the server on free ports:"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>"$scratch/openssl.log"
echo "\$ pisw-serve --mirror docker.io=proxy.example.com --tls-cert cert.pem --tls-key key.pem \\"
echo "    --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --drain-delay 0"
.build/static/release/pisw-serve --mirror docker.io=proxy.example.com --tls-cert "$scratch/cert.pem" \
  --tls-key "$scratch/key.pem" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --drain-delay 0 2>"$scratch/log" &
server=$!

# port NAME: prints the port that the server listens on, from its log.
port() {
  local found
  for _ in $(seq 100); do
    found=$(sed -n "s/.*\"port\":\"$1\",\"address\":\"127.0.0.1:\([0-9]*\)\".*/\1/p" "$scratch/log")
    if [ -n "$found" ]; then
      echo "$found"
      return
    fi
    sleep 0.1
  done
  cat "$scratch/log" >&2
  return 1
}
webhook=$(port webhook)
admin=$(port admin)

review=examples/reviews/bare-pod-without-labels.json
echo
echo "\$ curl --cacert cert.pem -H 'Content-Type: application/json' --data-binary @$review https://localhost:$webhook/mutate"
answer=$(curl -sS --cacert "$scratch/cert.pem" -H 'Content-Type: application/json' --data-binary "@$review" \
  "https://localhost:$webhook/mutate")
echo "$answer"
echo
echo "the patch in the answer, decoded:"
python3 -c '
import base64, json, sys
print(json.dumps(json.loads(base64.b64decode(json.load(sys.stdin)["response"]["patch"])), indent=2))' <<<"$answer"
echo
echo "its metrics:"
echo "\$ curl http://localhost:$admin/metrics"
curl -sS "http://127.0.0.1:$admin/metrics" | grep -E '^pisw_(reviews_total\{result="patched"\}|images_total)'
echo
echo "its log line for the review:"
grep '"message":"review"' "$scratch/log"

kill "$server"
wait "$server"
server=
echo
echo "it ended after SIGTERM:"
tail -n 1 "$scratch/log"
