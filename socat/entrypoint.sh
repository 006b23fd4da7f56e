#!/bin/sh
# Serves pisw-mutate over HTTPS: socat ends TLS and starts one pisw-mutate for each connection.
#
# environment
#   PISW_PORT          the port to listen on (8443)
#   PISW_TLS_CERT      the certificate and its chain, PEM (/etc/pisw/tls/cert.pem)
#   PISW_TLS_KEY       its private key, PEM (/etc/pisw/tls/key.pem)
#   PISW_MAX_CHILDREN  how many connections are served at once; more of them wait (64)
# and what pisw-mutate itself reads: PISW_CONFIG (/etc/pisw/config.yaml, if it exists), REGISTRY_URL or PROXY_URL,
# LOGLEVEL=DEBUG.
#
# exit status: 64 a wrong value, 66 a file that cannot be read, 78 a wrong configuration; else socat's.
set -eu

port=${PISW_PORT:-8443}
certificate=${PISW_TLS_CERT:-/etc/pisw/tls/cert.pem}
key=${PISW_TLS_KEY:-/etc/pisw/tls/key.pem}
children=${PISW_MAX_CHILDREN:-64}

fail() {
  echo "pisw-socat: $2" >&2
  exit "$1"
}

# is_number VALUE MOST: from 1 on.
is_number() {
  case $1 in '' | 0* | *[!0-9]* | ???????*) return 1 ;; esac
  [ "$1" -le "$2" ]
}

is_number "$port" 65535 || fail 64 "PISW_PORT: expected a number from 1 to 65535, not '$port'"
is_number "$children" 10000 || fail 64 "PISW_MAX_CHILDREN: expected a number from 1 to 10000, not '$children'"

# check_file VARIABLE WHAT PATH
check_file() {
  # socat would take what follows as options of its own.
  case $3 in *[!A-Za-z0-9/._-]*) fail 64 "$1: expected a path of letters, digits and / . _ - only, not '$3'" ;; esac
  [ -e "$3" ] || fail 66 "$3: no $2 there; mount one, or set $1"
  if [ -f "$3" ] && [ -r "$3" ]; then return; fi
  fail 66 "$3: the $2 cannot be read as user $(id -u) of group $(id -g)"
}
check_file PISW_TLS_CERT "certificate" "$certificate"
check_file PISW_TLS_KEY "private key" "$key"

# A wrong configuration would answer every request with 500: it shows at once, where somebody looks.
printf 'GET /healthz HTTP/1.0\r\n\r\n' | pisw-mutate --http >/dev/null || exit 78

# -t 10         a client that has closed its side still gets its answer; without it only within half a second
# nodelay       without it 40 ms more for each request
# max-children  a bound on processes, whatever comes
# setsockopt    SO_RCVTIMEO of 5 seconds (level 1, option 20, a timeval): socat has no bound of its own on a TLS
#               handshake, and silent clients would hold all children for ever
# verify=0      the API server shows no certificate, unless it is told to
# reuseport     two of them on one port, while one takes over from the other
listen="OPENSSL-LISTEN:$port,reuseaddr,reuseport,fork,nodelay,backlog=128,max-children=$children"
timeout=setsockopt-listen=1:20:x05000000000000000000000000000000

# start_socat: in the background; its process id is then in $socat.
start_socat() {
  socat -t 10 "$listen,$timeout,cert=$certificate,key=$key,verify=0,openssl-min-proto-version=TLS1.2" \
    "EXEC:pisw-mutate --http" &
  socat=$!
}

files() { cksum "$certificate" "$key" 2>&1; }

# pause SECONDS: a signal ends it, as it would not end a command in the foreground.
pause() {
  sleep "$1" &
  wait $!
}

trap 'kill "$socat" 2>/dev/null; exit 0' TERM INT
seen=$(files)
start_socat
# socat reads the certificate once. When it changes, another socat takes over, if it can use what is there now; requests
# that are being served go on. What connects in the very moment that the old one ends is reset: about one request in
# several rotations of a busy server (pisw-serve loses none).
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
    echo "pisw-socat: the new certificate cannot be used, the old one stays" >&2
    socat=$before
  fi
done
