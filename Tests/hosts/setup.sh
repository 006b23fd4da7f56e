# shellcheck shell=bash
# Makes what the hosts need: a CA, a certificate for localhost, reviews and expected answers. Starts each host. test.sh
# sources this file after lib.sh. Everything is in $work.

# lib.sh sets these.
: "${work:?}" "${pisw_mutate:?}" "${reviews:?}" "${top:?}"

# The settings of whoever runs the tests must not reach the program.
unset PISW_CONFIG REGISTRY_URL PROXY_URL LOGLEVEL GATEWAY_INTERFACE
export PISW_CONFIG=$work/config.yaml
echo 'mirrors: {docker.io: proxy.example.com}' >"$PISW_CONFIG"

make_certificates() {
  local ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
  (
    cd "$work" || exit
    openssl req -x509 "${ec[@]}" -keyout ca.key -out ca.pem -subj "/CN=a CA of the tests" -days 2
    openssl req "${ec[@]}" -keyout key.pem -out request.pem -subj /CN=localhost
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out cert.pem \
      -extfile <(echo subjectAltName=DNS:localhost)
    cat key.pem cert.pem >tls.pem
  ) >"$work/openssl.log" 2>&1 || { cat "$work/openssl.log" && exit 71; }
}

# Makes the reviews, and the answers of `pisw-mutate < review`. Every host must give the same bytes.
make_reviews() {
  cp "$reviews/bare-pod-without-labels.json" "$work/small.json"
  /usr/bin/python3 - "$work/small.json" "$work/large.json" <<'END'
import json, sys

review = json.load(open(sys.argv[1]))
container = review["request"]["object"]["spec"]["containers"][0]
container["env"] = [{"name": f"V{i}", "value": "x\u00e9\n" * 30} for i in range(5000)]
text = json.dumps(review)
assert len(text) > 1_000_000
open(sys.argv[2], "w").write(text)
END
  # A pod whose containers are not a list. pisw allows it without a patch, and reports it on standard error.
  cat >"$work/odd.json" <<'END'
{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "1", "operation": "CREATE",
 "resource": {"group": "", "version": "v1", "resource": "pods"}, "object": {"spec": {"containers": {}}}}}
END
  printf '{"apiVersion": "admission.k8s.io/v1",\n "kind": }' >"$work/bad.json"
  head -c 20000000 /dev/zero >"$work/huge"
  local size
  for size in small large; do
    "$pisw_mutate" <"$work/$size.json" >"$work/$size.answer" || exit 70
  done
}

# Makes programs for hosts that accept only a path: pisw-mutate with options. They explain each decision, and no
# explanation may reach a client.
make_program() {
  cat >"$work/program" <<END
#!/bin/sh
export PISW_CONFIG=$PISW_CONFIG LOGLEVEL=DEBUG
exec $pisw_mutate --http --explain
END
  # A CGI host runs the program itself, because a wrapper would drop the arguments from the query.
  cat >"$work/cgi-program" <<END
#!/bin/sh
export PISW_CONFIG=$PISW_CONFIG LOGLEVEL=DEBUG
exec $pisw_mutate "\$@"
END
  # A systemd unit with the default `StandardError=inherit` has the connection as descriptor 2.
  cat >"$work/shared-program" <<END
#!/bin/sh
exec "$work/program" 2>&1
END
  chmod +x "$work/program" "$work/cgi-program" "$work/shared-program"
}

# start_HOST PORT: starts a host on 127.0.0.1:PORT, and waits until it listens.
start_socat() {
  start socat -t 10 "OPENSSL-LISTEN:$1,bind=127.0.0.1,reuseaddr,fork,nodelay,backlog=64,cert=$work/tls.pem,verify=0" \
    "EXEC:$work/program"
  wait_for_port "$1"
}

start_systemd() {
  start systemd-socket-activate -l "127.0.0.1:$1" --inetd -a "$work/shared-program"
  wait_for_port "$1"
}

start_lighttpd() {
  cat >"$work/lighttpd.conf" <<END
server.modules = ("mod_openssl", "mod_cgi", "mod_alias")
server.bind = "127.0.0.1"
server.port = $1
server.document-root = "$work/empty"
server.errorlog = "$work/lighttpd.log"
server.breakagelog = "$work/breakage.log"
ssl.engine = "enable"
ssl.pemfile = "$work/cert.pem"
ssl.privkey = "$work/key.pem"
alias.url = ("/mutate" => "$work/cgi-program", "/webhook" => "$work/cgi-program")
\$HTTP["url"] =~ "^/(mutate|webhook)" { cgi.assign = ("" => "") }
END
  mkdir -p "$work/empty"
  start env PATH="$PATH:/usr/sbin" lighttpd -D -f "$work/lighttpd.conf"
  wait_for_port "$1"
}

# Apache makes arguments from a query, which lighttpd does not. It runs as a single process, because that keeps the user
# who may read $work.
start_apache() {
  cat >"$work/apache.conf" <<END
ServerRoot "$work"
ServerName localhost
Listen 127.0.0.1:$1
PidFile "$work/apache.pid"
ErrorLog "$work/apache.log"
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule cgi_module /usr/lib/apache2/modules/mod_cgi.so
ScriptAlias /mutate "$work/cgi-program"
END
  start env PATH="$PATH:/usr/sbin" apache2 -f "$work/apache.conf" -X
  wait_for_port "$1"
}

start_stunnel() {
  # With `foreground = yes`, the program would inherit stunnel's standard error. Otherwise it gets the connection as
  # descriptor 2.
  cat >"$work/stunnel.conf" <<END
foreground = quiet
pid =
syslog = no
output = $work/stunnel.log
[webhook]
accept = 127.0.0.1:$1
cert = $work/cert.pem
key = $work/key.pem
exec = $work/program
execArgs = program
END
  start stunnel4 "$work/stunnel.conf"
  wait_for_port "$1"
}
