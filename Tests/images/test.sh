#!/usr/bin/env bash
# The images of socat and of pisw-serve: built with buildah, run with podman as a cluster would run them, asked by curl.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"

need curl curl ca-certificates
need openssl openssl
need strip binutils
need /usr/bin/python3 python3
need socat socat
need buildah buildah
need podman podman
need runc runc
need mmdebstrap mmdebstrap
build_static
# No setting of whoever runs the tests may reach the program.
unset PISW_CONFIG REGISTRY_URL PROXY_URL LOGLEVEL GATEWAY_INTERFACE

# shellcheck source=Tests/images/image.sh
source "$top/Tests/images/image.sh"
# shellcheck source=Tests/images/serve.sh
source "$top/Tests/images/serve.sh"
trap clean_up_images EXIT
make_context
tls=(--volume "$work/tls:/etc/pisw/tls:ro")
config=(--volume "$work/config.yaml:/etc/pisw/config.yaml:ro")

check "a base image of Debian 12" make_base
check "the image is built" build "$work/first"
check "a second build gives the same digest" build_again
check "its user is a number, and not root" image_has '{{.Config.User}}' 65532:65532
check "it names itself" image_has '{{index .Config.Labels "org.opencontainers.image.title"}}' pisw-socat
check "it names its licence" image_has '{{index .Config.Labels "org.opencontainers.image.licenses"}}' Apache-2.0

check "a certificate for localhost" make_certificates
check "reviews and their answers" make_reviews
port=$(free_port)
check "it starts, on a read-only root without capabilities" starts served "$port" "${tls[@]}" "${config[@]}"
check "a review gets the answer that standard input gives" answers "$port" "$review" "$work/answer"
check "a review of 1 MB does" answers "$port" "$work/large.json" "$work/large.answer"
check "GET /readyz" is_ready "$port"
check "a request takes less than 30 ms" is_fast "$port"
check "TLS 1.3" speaks 3 "$port"
check "TLS 1.2" speaks 2 "$port"
check "its processes, socat among them, have no rights" is_socat_and_no_root
check "a new certificate is served while requests go on, and one that cannot be used is not" rotates "$port"
check "it ends when told to" stops

port=$(free_port)
check "REGISTRY_URL will do for a configuration" \
  starts variable "$port" "${tls[@]}" --env REGISTRY_URL=proxy.example.com --env PISW_MAX_CHILDREN=2
check "and gives the same answer" answers "$port" "$review" "$work/answer"
check "clients that are silent do not lock out others" survives_idle_connections "$port"

port=$(free_port)
check "OpenSSL set to allow old TLS" starts_lenient "$port" "${tls[@]}" "${config[@]}"
check "TLS 1.2 there" speaks 2 "$port"
check "TLS 1.1 is refused there too" refuses_tls11 "$port"

port=$(free_port)
check "a configuration that comes slowly" starts_slow "$port" "${tls[@]}"
check "a client that closes its side is answered, when it takes 2 s" half_closes "$port"

check "no certificate: says so" \
  fails_with 66 "pisw-socat: /etc/pisw/tls/cert.pem: no certificate there; mount one, or set PISW_TLS_CERT" \
  none "${config[@]}"
check "no key: says so" \
  fails_with 66 "pisw-socat: /etc/pisw/tls/key.pem: no private key there; mount one, or set PISW_TLS_KEY" \
  keyless --volume "$work/keyless:/etc/pisw/tls:ro" "${config[@]}"
check "a key that it may not read: says so" \
  fails_with 66 "/etc/pisw/tls/key.pem: the private key cannot be read as user 65532 of group 65532" \
  unreadable --volume "$work/unreadable:/etc/pisw/tls:ro" "${config[@]}"
check "a certificate elsewhere: the message names that path" \
  fails_with 66 "pisw-socat: /other/cert.pem: no certificate there" \
  elsewhere --env PISW_TLS_CERT=/other/cert.pem "${config[@]}"
check "a path that holds an option of socat is refused" fails_with 64 "PISW_TLS_KEY: expected a path" \
  option "${tls[@]}" "${config[@]}" --env PISW_TLS_KEY=/etc/pisw/tls/key.pem,verify=1
check "a port that is none is refused" fails_with 64 "PISW_PORT: expected a number" \
  port "${tls[@]}" "${config[@]}" --env PISW_PORT=https
check "no configuration: says so" fails_with 78 "pisw-mutate: no configuration" unconfigured "${tls[@]}"

check "pisw-serve: programs, stripped" make_programs
check "pisw-serve: the image is built" build_serve "$work/serve-first"
check "pisw-serve: a second build gives the same digest" build_serve_again
check "pisw-serve: it holds two programs, and nothing else" has_two_files
check "pisw-serve: less than 13 MB to pull, 35 MB on a node" is_small
image=$serve_image
check "pisw-serve: its user is a number, and not root" image_has '{{.Config.User}}' 65532:65532
check "pisw-serve: it names itself" image_has '{{index .Config.Labels "org.opencontainers.image.title"}}' pisw
port=$(free_port)
check "pisw-serve: it starts, on a read-only root without capabilities" serves own "$port" "${tls[@]}" "${config[@]}"
check "pisw-serve: a review gets the answer that standard input gives" answers "$port" "$review" "$work/answer"
check "pisw-serve: a review of 1 MB does" answers "$port" "$work/large.json" "$work/large.answer"
check "pisw-serve: it ends with status 0 when told to" drains own
port=$(free_port)
check "pisw-serve: it starts as any other user" \
  serves other "$port" "${tls[@]}" "${config[@]}" --user 1234567:0
check "pisw-serve: and gives the same answer" answers "$port" "$review" "$work/answer"
check "pisw-serve: pisw-mutate beside it does" mutates "${config[@]}"
check "the tool's image is built" builds_the_tool

summary
