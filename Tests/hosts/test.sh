#!/usr/bin/env bash
# The hosts that run pisw-mutate once for each request: socat, systemd's sockets, stunnel, and the CGI of lighttpd and
# Apache, driven by curl; and beside them what no well-behaved client does, over sockets of our own.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"
here=$top/Tests/hosts

need curl curl ca-certificates
need openssl openssl
need /usr/bin/python3 python3
need socat socat
need stunnel4 stunnel4
need systemd-socket-activate systemd
need lighttpd lighttpd
need apache2 apache2-bin
need /usr/lib/lighttpd/mod_openssl.so lighttpd-mod-openssl
build_static
# A copy, so that nobody's build changes it under the tests.
cp "$pisw_mutate" "$work/pisw-mutate"
pisw_mutate=$work/pisw-mutate

# shellcheck source=Tests/hosts/setup.sh
source "$here/setup.sh"
# shellcheck source=Tests/hosts/over_curl.sh
source "$here/over_curl.sh"
make_certificates
make_reviews
make_program

# Tables in Python, which need sockets of their own: they run beside the hosts, for their deadlines take 10 seconds.
export PISW_MUTATE=$pisw_mutate WORK=$work
for table in deadlines sockets cgi; do
  /usr/bin/python3 "$here/$table.py" >"$work/$table.out" 2>&1 &
  declare "${table}_pid=$!"
  started+=($!)
done

# Explanations and warnings go to the servers' standard error with socat and lighttpd. The programs of systemd and
# stunnel get the connection itself as descriptor 2: that the answers are exact shows that nothing is written there.
port=$(free_port)
check "socat listens, with TLS" start_socat "$port"
through socat "https://localhost:$port"
routes socat "https://localhost:$port"
check "socat: explanations reach its standard error" grep -F 'containers[0] (web)' "$work/server.log"
stop_last

port=$(free_port)
check "systemd-socket-activate listens" start_systemd "$port"
through systemd "http://127.0.0.1:$port"
routes systemd "http://127.0.0.1:$port"
stop_last

port=$(free_port)
check "stunnel listens" start_stunnel "$port"
through stunnel "https://localhost:$port"
routes stunnel "https://localhost:$port"
stop_last

port=$(free_port)
check "lighttpd listens" start_lighttpd "$port"
through lighttpd "https://localhost:$port"
# With the program at /webhook, what follows in the path is PATH_INFO; with nothing, the review is answered.
routes lighttpd "https://localhost:$port/webhook"
check "lighttpd: no PATH_INFO means /mutate" gives_answer small "https://localhost:$port/webhook"
check "lighttpd: PATH_INFO /mutate" gives_answer small "https://localhost:$port/webhook/mutate"
ignores_arguments lighttpd "https://localhost:$port/mutate"
check "lighttpd: explanations reach its log of errors" \
  grep -rF 'containers[0] (web)' "$work/lighttpd.log" "$work/breakage.log"
stop_last

port=$(free_port)
check "apache listens" start_apache "$port"
check "apache: a small review" gives_answer small "http://127.0.0.1:$port/mutate"
check "apache: a review of 1 MB" gives_answer large "http://127.0.0.1:$port/mutate"
check "apache: 20 MB is a 413 that arrives" answers_413 "http://127.0.0.1:$port/mutate"
ignores_arguments apache "http://127.0.0.1:$port/mutate"
stop_last

# ended NAME PID: waits for a table that runs beside, shows and counts it.
ended() {
  wait "$2"
  local status=$?
  cat "$work/$1.out"
  count_table "$1" "$status" rows "$work/$1.out"
}
# shellcheck disable=SC2154
ended sockets "$sockets_pid"
# shellcheck disable=SC2154
ended cgi "$cgi_pid"
# shellcheck disable=SC2154
ended deadlines "$deadlines_pid"

summary
