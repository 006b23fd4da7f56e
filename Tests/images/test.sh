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
# The settings of whoever runs the tests must not reach the program.
unset PISW_CONFIG REGISTRY_URL PROXY_URL LOGLEVEL GATEWAY_INTERFACE

# shellcheck source=Tests/images/image.sh
source "$top/Tests/images/image.sh"
# shellcheck source=Tests/images/serve.sh
source "$top/Tests/images/serve.sh"
trap clean_up_images EXIT
make_context
tls=(--volume "$work/tls:/etc/pisw/tls:ro")
config=(--volume "$work/config.yaml:/etc/pisw/config.yaml:ro")

check "a base image of Debian 12 is made" make_base
check "the image is built" build "$work/first"
check "a second build gives the same digest" build_again
check "the image's user is a number, and not root" image_has '{{.Config.User}}' 65532:65532
check "the image has a title" image_has '{{index .Config.Labels "org.opencontainers.image.title"}}' pisw-socat
check "the image names its licence" image_has '{{index .Config.Labels "org.opencontainers.image.licenses"}}' Apache-2.0

check "a certificate for localhost is made" make_certificates
check "reviews and their answers are made" make_reviews
port=$(free_port)
check "the image starts with a read-only root and without capabilities" starts served "$port" "${tls[@]}" "${config[@]}"
check "a review gets the answer that pisw-mutate gives" answers "$port" "$review" "$work/answer"
check "a review of 1 MB gets its answer, too" answers "$port" "$work/large.json" "$work/large.answer"
check "GET /readyz is answered with ok" is_ready "$port"
check "a request takes less than 30 ms" is_fast "$port"
check "TLS 1.3 is accepted" speaks 3 "$port"
check "TLS 1.2 is accepted" speaks 2 "$port"
check "its processes, also socat, are not root and have no capabilities" is_socat_and_no_root
check "a new certificate is served while requests go on, and an invalid one is not" rotates "$port"
check "the container ends on SIGTERM" stops

port=$(free_port)
check "REGISTRY_URL suffices as a configuration" \
  starts variable "$port" "${tls[@]}" --env REGISTRY_URL=proxy.example.com --env PISW_MAX_CHILDREN=2
check "the answer is then the same" answers "$port" "$review" "$work/answer"
check "silent clients do not lock out others" survives_idle_connections "$port"

port=$(free_port)
check "the image starts with OpenSSL settings that allow old TLS" starts_lenient "$port" "${tls[@]}" "${config[@]}"
check "TLS 1.2 is accepted there" speaks 2 "$port"
check "TLS 1.1 is refused there, too" refuses_tls11 "$port"

port=$(free_port)
check "the image starts with a slow configuration" starts_slow "$port" "${tls[@]}"
check "a client that half-closes its connection gets an answer after 2 s" half_closes "$port"

check "no certificate: 66, and the message says so" \
  fails_with 66 "pisw-socat: /etc/pisw/tls/cert.pem: no certificate there; mount one, or set PISW_TLS_CERT" \
  none "${config[@]}"
check "no private key: 66, and the message says so" \
  fails_with 66 "pisw-socat: /etc/pisw/tls/key.pem: no private key there; mount one, or set PISW_TLS_KEY" \
  keyless --volume "$work/keyless:/etc/pisw/tls:ro" "${config[@]}"
check "an unreadable private key: 66, and the message names the user" \
  fails_with 66 "/etc/pisw/tls/key.pem: the private key cannot be read as user 65532 of group 65532" \
  unreadable --volume "$work/unreadable:/etc/pisw/tls:ro" "${config[@]}"
check "no certificate at PISW_TLS_CERT: 66, and the message names that path" \
  fails_with 66 "pisw-socat: /other/cert.pem: no certificate there" \
  elsewhere --env PISW_TLS_CERT=/other/cert.pem "${config[@]}"
check "a path that contains a socat option: 64" fails_with 64 "PISW_TLS_KEY: expected a path" \
  option "${tls[@]}" "${config[@]}" --env PISW_TLS_KEY=/etc/pisw/tls/key.pem,verify=1
check "an invalid port: 64" fails_with 64 "PISW_PORT: expected a number" \
  port "${tls[@]}" "${config[@]}" --env PISW_PORT=https
check "no configuration: 78, and the message says so" fails_with 78 "pisw-mutate: no configuration" unconfigured "${tls[@]}"

check "pisw-serve: the programs are stripped" make_programs
check "pisw-serve: the image is built" build_serve "$work/serve-first"
check "pisw-serve: a second build gives the same digest" build_serve_again
check "pisw-serve: the image has two programs, and nothing else" has_two_files
check "pisw-serve: the image has less than 13 MB to pull, and 35 MB on a node" is_small
image=$serve_image
check "pisw-serve: the image's user is a number, and not root" image_has '{{.Config.User}}' 65532:65532
check "pisw-serve: the image has a title" image_has '{{index .Config.Labels "org.opencontainers.image.title"}}' pisw
port=$(free_port)
check "pisw-serve: the image starts with a read-only root and without capabilities" serves own "$port" "${tls[@]}" "${config[@]}"
check "pisw-serve: a review gets the answer that pisw-mutate gives" answers "$port" "$review" "$work/answer"
check "pisw-serve: a review of 1 MB gets its answer, too" answers "$port" "$work/large.json" "$work/large.answer"
check "pisw-serve: the server ends on SIGTERM with status 0" drains own
port=$(free_port)
check "pisw-serve: the image starts as any other user" \
  serves other "$port" "${tls[@]}" "${config[@]}" --user 1234567:0
check "pisw-serve: the answer is then the same" answers "$port" "$review" "$work/answer"
check "pisw-serve: the image's pisw-mutate gives the same answer" mutates "${config[@]}"
check "the tool's image is built" builds_the_tool

summary
