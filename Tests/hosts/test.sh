#!/usr/bin/env bash
# Hosts that run pisw-mutate for each request: socat, systemd sockets, stunnel, and CGI in lighttpd and Apache. curl sends
# the requests. Python programs send those that no well-behaved client sends.
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
# A copy, so that a build cannot change it during the tests.
cp "$pisw_mutate" "$work/pisw-mutate"
pisw_mutate=$work/pisw-mutate

# shellcheck source=Tests/hosts/setup.sh
source "$here/setup.sh"
# shellcheck source=Tests/hosts/over_curl.sh
source "$here/over_curl.sh"
make_certificates
make_reviews
make_program

# The Python programs run at the same time as the hosts, because they wait for deadlines of 10 seconds.
export PISW_MUTATE=$pisw_mutate WORK=$work
for table in deadlines sockets cgi; do
  /usr/bin/python3 "$here/$table.py" >"$work/$table.out" 2>&1 &
  declare "${table}_pid=$!"
  started+=($!)
done

# With socat and lighttpd, explanations and warnings go to the server's standard error. systemd and stunnel pass the
# connection as descriptor 2: the answers are exact, so nothing is written there.
port=$(free_port)
check "socat listens with TLS" start_socat "$port"
through socat "https://localhost:$port"
routes socat "https://localhost:$port"
check "socat: explanations go to its standard error" grep -F 'containers[0] (web)' "$work/server.log"
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
# With the program at /webhook, the rest of the path is PATH_INFO. Without a rest, pisw-mutate answers the review.
routes lighttpd "https://localhost:$port/webhook"
check "lighttpd: a missing PATH_INFO means /mutate" gives_answer small "https://localhost:$port/webhook"
check "lighttpd: PATH_INFO /mutate" gives_answer small "https://localhost:$port/webhook/mutate"
ignores_arguments lighttpd "https://localhost:$port/mutate"
check "lighttpd: explanations go to its error log" \
  grep -rF 'containers[0] (web)' "$work/lighttpd.log" "$work/breakage.log"
stop_last

port=$(free_port)
check "apache listens" start_apache "$port"
check "apache: a small review" gives_answer small "http://127.0.0.1:$port/mutate"
check "apache: a review of 1 MB" gives_answer large "http://127.0.0.1:$port/mutate"
check "apache: 20 MB gets a 413, and the answer arrives" answers_413 "http://127.0.0.1:$port/mutate"
ignores_arguments apache "http://127.0.0.1:$port/mutate"
stop_last

# ended NAME PID: waits for a Python program, and shows and counts its checks.
ended() {
  wait "$2"
  local status=$?
  cat "$work/$1.out"
  count_table "$1" "$status" "$work/$1.out"
}
# shellcheck disable=SC2154
ended sockets "$sockets_pid"
# shellcheck disable=SC2154
ended cgi "$cgi_pid"
# shellcheck disable=SC2154
ended deadlines "$deadlines_pid"

summary
