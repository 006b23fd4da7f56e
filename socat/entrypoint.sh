#!/bin/sh
# Serves pisw-mutate over HTTPS: socat terminates TLS and starts a pisw-mutate for each connection.
#
# environment
#   PISW_PORT          the port to listen on (8443)
#   PISW_TLS_CERT      the certificate and its chain, PEM (/etc/pisw/tls/cert.pem)
#   PISW_TLS_KEY       its private key, PEM (/etc/pisw/tls/key.pem)
#   PISW_MAX_CHILDREN  the number of connections at the same time (64); further ones wait
# and the variables that pisw-mutate reads: PISW_CONFIG (/etc/pisw/config.yaml, if it exists), REGISTRY_URL or PROXY_URL,
# LOGLEVEL=DEBUG.
#
# exit status: 64 a wrong value, 66 a file that cannot be read, 78 a wrong configuration, else socat's status
set -eu

port=${PISW_PORT:-8443}
certificate=${PISW_TLS_CERT:-/etc/pisw/tls/cert.pem}
key=${PISW_TLS_KEY:-/etc/pisw/tls/key.pem}
children=${PISW_MAX_CHILDREN:-64}

fail() {
  echo "pisw-socat: $2" >&2
  exit "$1"
}

# is_number VALUE MAXIMUM: the value is a number from 1 to the maximum.
is_number() {
  case $1 in '' | 0* | *[!0-9]* | ???????*) return 1 ;; esac
  [ "$1" -le "$2" ]
}

is_number "$port" 65535 || fail 64 "PISW_PORT: expected a number from 1 to 65535, not '$port'"
is_number "$children" 10000 || fail 64 "PISW_MAX_CHILDREN: expected a number from 1 to 10000, not '$children'"

# check_file VARIABLE WHAT PATH
check_file() {
  # socat would read what follows other characters, such as a comma, as its own options.
  case $3 in *[!A-Za-z0-9/._-]*) fail 64 "$1: expected a path of letters, digits and / . _ - only, not '$3'" ;; esac
  [ -e "$3" ] || fail 66 "$3: no $2 there; mount one, or set $1"
  if [ -f "$3" ] && [ -r "$3" ]; then return; fi
  fail 66 "$3: the $2 cannot be read as user $(id -u) of group $(id -g)"
}
check_file PISW_TLS_CERT "certificate" "$certificate"
check_file PISW_TLS_KEY "private key" "$key"

# With a wrong configuration, every request would get a 500. So check it now, and fail where somebody looks.
printf 'GET /healthz HTTP/1.0\r\n\r\n' | pisw-mutate --http >/dev/null || exit 78

# -t 10         a client that half-closes its connection gets its answer for 10 s; by default for half a second only
# nodelay       without it, each request takes 40 ms longer
# max-children  bounds the number of processes
# setsockopt    SO_RCVTIMEO of 5 seconds (level 1, option 20, a timeval): socat has no deadline for a TLS handshake, so
#               silent clients would occupy all children for ever
# verify=0      by default, the API server presents no client certificate
# reuseport     lets two socats listen on the port while one takes over from the other
listen="OPENSSL-LISTEN:$port,reuseaddr,reuseport,fork,nodelay,backlog=128,max-children=$children"
timeout=setsockopt-listen=1:20:x05000000000000000000000000000000

# Starts socat in the background, and sets $socat to its process id.
start_socat() {
  socat -t 10 "$listen,$timeout,cert=$certificate,key=$key,verify=0,openssl-min-proto-version=TLS1.2" \
    "EXEC:pisw-mutate --http" &
  socat=$!
}

files() { cksum "$certificate" "$key" 2>&1; }

# pause SECONDS: waits, and handles a signal at once. During a foreground sleep, the shell would handle it afterwards.
pause() {
  sleep "$1" &
  wait $!
}

trap 'kill "$socat" 2>/dev/null; exit 0' TERM INT
seen=$(files)
start_socat
# socat reads the certificate only when it starts. When the file changes, a new socat takes over, if it can use the new
# certificate. Requests in progress go on. A client that connects at the moment when the old socat ends gets a reset:
# about one request in several rotations of a busy server. (pisw-serve loses none.)
while pause 2; do
  if ! kill -0 "$socat" 2>/dev/null; then
    wait "$socat"
    exit
  fi
  now=$(files)
  [ "$now" != "$seen" ] || continue
  seen=$now
  before=$socat
  start_socat
  pause 1
  if kill -0 "$socat" 2>/dev/null; then
    kill "$before"
  else
    echo "pisw-socat: socat cannot use the new certificate; the old one stays in force" >&2
    socat=$before
  fi
done
