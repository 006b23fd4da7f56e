# shellcheck shell=bash
# Builds and runs the socat image, and sends it requests. test.sh sources this file after lib.sh.

# lib.sh sets these.
: "${work:?}" "${pisw_mutate:?}" "${reviews:?}" "${top:?}"

base=docker.io/library/debian:bookworm-slim
socat_image=localhost/pisw-socat-test:$$
serve_image=localhost/pisw-test:$$
image=$socat_image
containers=pisw-socat-test-$$
review=$reviews/bare-pod-without-labels.json

# Removes the containers and the images. The base stays in podman's storage for the next run.
clean_up_images() {
  {
    podman ps --all --quiet --filter "name=$containers" | xargs -r podman --runtime runc rm --force --time 2
    podman rmi "$image" "$socat_image" "$serve_image" "$serve_image-tool"
    # If two builds differ, the first one has no name any more.
    podman rmi "$(cat "$work/first")"
    podman rmi "$(cat "$work/second")"
    podman rmi "$(cat "$work/serve-first")"
  } >/dev/null 2>&1
  clean_up
}

# Makes the Dockerfile's base image from Debian's packages, because no registry may be reachable.
make_base() {
  podman image exists "$base" && return
  mmdebstrap --quiet --variant=minbase bookworm "$work/base.tar" && podman import --quiet "$work/base.tar" "$base"
}

# Copies the files that the Dockerfile needs, because a build may change those in the checkout.
make_context() {
  mkdir -p "$work/context/.build/static/release"
  cp -r "$top/socat" "$work/context/"
  cp "$pisw_mutate" "$work/context/.build/static/release/"
  pisw_mutate=$work/context/.build/static/release/pisw-mutate
}

# build ID-FILE: builds the whole image without a cache.
build() {
  buildah bud --isolation chroot --timestamp 0 --identity-label=false --no-cache --pull-never \
    --ignorefile "$work/context/socat/Dockerfile.dockerignore" --file "$work/context/socat/Dockerfile" \
    --iidfile "$1" --tag "$image" "$work/context"
}

build_again() { build "$work/second" && cmp "$work/first" "$work/second"; }

# image_has TEMPLATE VALUE
image_has() {
  local got
  got=$(podman image inspect --format "$1" "$image")
  echo "got '$got', expected '$2'"
  [ "$got" = "$2" ]
}

# Makes a certificate for localhost, in files named as in the original's secret, and folders that lack something.
make_certificates() {
  local ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
  cd "$work" && mkdir tls keyless unreadable \
    && openssl req -x509 "${ec[@]}" -keyout ca.key -out ca.pem -subj "/CN=a CA of the tests" -days 2 \
    && openssl req "${ec[@]}" -keyout tls/key.pem -out request.pem -subj /CN=localhost \
    && openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out tls/cert.pem \
      -extfile <(echo subjectAltName=DNS:localhost) \
    && cp tls/cert.pem keyless && cp tls/* unreadable && chmod 644 tls/key.pem && chmod 600 unreadable/key.pem
}

# Makes the reviews, and the answers that pisw-mutate gives. The large ones are sent in many parts.
make_reviews() {
  echo 'mirrors: {docker.io: proxy.example.com}' >"$work/config.yaml"
  chmod 644 "$work/config.yaml"
  /usr/bin/python3 - "$review" "$work/large.json" <<'END' || return
import json, sys

review = json.load(open(sys.argv[1]))
review["request"]["object"]["spec"]["containers"][0]["env"] = [
    {"name": f"V{i}", "value": "x" * 200} for i in range(5000)]
json.dump(review, open(sys.argv[2], "w"))
END
  PISW_CONFIG=$work/config.yaml "$pisw_mutate" <"$review" >"$work/answer" \
    && PISW_CONFIG=$work/config.yaml "$pisw_mutate" <"$work/large.json" >"$work/large.answer"
}

# run SUFFIX OPTION...: runs the image as a cluster with a strict policy does. With runc, because crun does not work
# where the tests run.
run() {
  local suffix=$1
  shift
  podman --runtime runc run --name "$containers-$suffix" --network host \
    --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
    --read-only --read-only-tmpfs=false --cap-drop=all --security-opt=no-new-privileges "$@" "$image"
}

client() { curl --http1.1 --silent --show-error --max-time 30 --cacert "$work/ca.pem" "$@"; }

# answers PORT REVIEW ANSWER: the server gives that answer to the review.
answers() {
  client --header 'Content-Type: application/json' --data-binary "@$2" "https://localhost:$1/mutate" >"$work/got" \
    && cmp "$work/got" "$3"
}

# survives_idle_connections PORT: with twice as many silent clients as PISW_MAX_CHILDREN, another client is served.
survives_idle_connections() {
  local idle
  /usr/bin/python3 -c 'import socket, sys, time
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(4)]
time.sleep(60)' "$1" &
  idle=$!
  sleep 1
  client "https://localhost:$1/readyz"
  local status=$?
  kill "$idle"
  return "$status"
}

is_ready() { [ "$(client "https://localhost:$1/readyz")" = ok ]; }

# is_fast PORT: the fastest of 20 requests takes less than 30 ms. Without `nodelay`, each would take 40 ms.
is_fast() {
  local _ times
  times=$(for _ in {1..20}; do
    client --fail --output /dev/null --write-out '%{http_code} %{time_total}\n' --data-binary "@$review" \
      --header 'Content-Type: application/json' "https://localhost:$1/mutate"
  done | sort)
  echo "$times"
  # All requests succeed, and the first line is the fastest.
  [ "$(grep -c '^200 ' <<<"$times")" -eq 20 ] && [[ $times =~ ^200\ 0\.0[0-2] ]]
}

# Starts a server that answers slowly, because its configuration is a pipe. So a client that half-closes its connection
# must wait for longer than socat's default of half a second.
starts_slow() {
  mkdir "$work/pipe" && mkfifo "$work/pipe/config.yaml" && chmod 644 "$work/pipe/config.yaml" || return
  # entrypoint.sh reads the configuration once.
  feed_configuration 0 &
  starts slow "$1" "${@:2}" --volume "$work/pipe:/config:ro" --env PISW_CONFIG=/config/config.yaml
}

# feed_configuration SECONDS: after that time, gives the next reader the configuration. Waits for 20 seconds at most.
feed_configuration() {
  sleep "$1"
  timeout 20 dd if="$work/config.yaml" of="$work/pipe/config.yaml" status=none
}

half_closes() {
  {
    printf 'POST /mutate HTTP/1.0\r\nContent-Length: %d\r\n\r\n' "$(wc -c <"$review")"
    cat "$review"
  } >"$work/request"
  feed_configuration 2 &
  socat -t 10 - "OPENSSL:localhost:$1,cafile=$work/ca.pem" <"$work/request" | tail -n 1 | cmp - "$work/answer"
}

# speaks MINOR PORT: the server accepts a client that allows TLS 1.MINOR only. SECLEVEL=0 lets the client use old
# versions.
speaks() {
  client "--tlsv1.$1" --tls-max "1.$1" --ciphers DEFAULT@SECLEVEL=0 --output /dev/null "https://localhost:$2/healthz"
}

# With Debian's settings for OpenSSL, TLS 1.1 fails even without socat's option. So the option is tested with settings
# that allow TLS 1.1.
starts_lenient() {
  cat >"$work/openssl.cnf" <<'END'
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = lenient
[lenient]
MinProtocol = TLSv1
CipherString = DEFAULT@SECLEVEL=0
END
  starts lenient "$@" --volume "$work/openssl.cnf:/openssl.cnf:ro" --env OPENSSL_CONF=/openssl.cnf
}

refuses_tls11() {
  speaks 1 "$1"
  # curl's status 35: the handshake failed.
  [ $? -eq 35 ]
}

# Process 1 of the container and its child socat run as a user without any capability.
is_socat_and_no_root() {
  local first process socat=''
  first=$(podman inspect --format '{{.State.Pid}}' "$containers-served")
  for process in "$first" $(cat "/proc/$first/task/$first/children"); do
    cat "/proc/$process/status"
    grep -P '^Uid:\t65532\t65532\t65532\t65532$' "/proc/$process/status" \
      && grep -P '^CapEff:\t0+$' "/proc/$process/status" || return
    [ "$(readlink "/proc/$process/exe")" != /usr/bin/socat ] || socat=found
  done
  [ "$socat" = found ]
}

# rotates PORT: the server serves a new certificate while requests go on, and keeps the old one when the file is
# invalid.
rotates() {
  local good clients
  asks_on "$1" &
  clients=$!
  new_certificate && until_serves "$1" && good=$(serial "$1") && echo nonsense >"$work/tls/cert.pem" && sleep 6 \
    && [ "$(serial "$1")" = "$good" ] && new_certificate && until_serves "$1"
  local status=$?
  touch "$work/enough"
  wait "$clients" && return "$status"
}

serial() {
  openssl s_client -connect "localhost:$1" -CAfile "$work/ca.pem" -verify_return_error </dev/null 2>/dev/null \
    | openssl x509 -noout -serial
}

# until_serves PORT: waits until the server shows the file's certificate ten times in a row. While one socat takes over
# from another, both serve.
until_serves() {
  local wanted i in_a_row=0
  wanted=$(openssl x509 -noout -serial -in "$work/tls/cert.pem")
  for ((i = 0; i < 200; i++)); do
    if [ "$(serial "$1")" = "$wanted" ]; then in_a_row=$((in_a_row + 1)); else in_a_row=0; fi
    [ "$in_a_row" -lt 10 ] || return 0
    sleep 0.1
  done
  return 1
}

# asks_on PORT: sends one request after the other. At most one may be lost; entrypoint.sh says why.
asks_on() {
  local lost=0
  until [ -e "$work/enough" ]; do is_ready "$1" || lost=$((lost + 1)); done
  echo "$lost requests were lost"
  [ "$lost" -le 1 ]
}

# Replaces the files instead of overwriting them, so that socat never reads half a file.
new_certificate() {
  (cd "$work" && openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout new.key -out request.pem \
    -subj /CN=localhost && openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
    -out new.pem -extfile <(echo subjectAltName=DNS:localhost) && chmod 644 new.key \
    && mv new.key tls/key.pem && mv new.pem tls/cert.pem)
}

# SIGTERM ends the container: podman would send SIGKILL only after 20 seconds.
stops() {
  local start=$SECONDS
  podman --runtime runc stop --time 20 "$containers-served" && [ $((SECONDS - start)) -lt 10 ]
}

# starts SUFFIX PORT OPTION...: runs the image in the background, and waits until it listens.
starts() {
  local suffix=$1 port=$2
  shift 2
  run "$suffix" --detach --env "PISW_PORT=$port" "$@" && wait_for_port "$port"
}

# fails_with STATUS TEXT SUFFIX OPTION...: the container ends with that status and one message, which contains the text.
fails_with() {
  local status=$1 text=$2 got
  shift 2
  # After --timeout, podman ends the container with another status.
  run "$@" --rm --timeout 20 >"$work/run.log" 2>&1
  got=$?
  cat "$work/run.log"
  [ "$got" -eq "$status" ] && grep -F -- "$text" "$work/run.log" && [ "$(wc -l <"$work/run.log")" -eq 1 ]
}
