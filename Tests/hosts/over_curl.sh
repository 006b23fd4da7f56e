# shellcheck shell=bash
# Checks with curl that give the same result through every host.
# test.sh sources this file after setup.sh.

: "${work:?}"

# curl with HTTP/1.1 only, as the API server.
client() { curl --http1.1 --silent --show-error --max-time 30 --cacert "$work/ca.pem" "$@"; }

# post URL FILE [CURL-OPTION...]: prints the response's body.
post() {
  local url=$1 file=$2
  shift 2
  client --header 'Content-Type: application/json' --data-binary "@$file" "$@" "$url"
}

# gives_answer SIZE URL [CURL-OPTION...]: the host gives exactly the answer that pisw-mutate gives on standard input.
gives_answer() {
  local size=$1 url=$2
  shift 2
  post "$url" "$work/$size.json" "$@" >"$work/got" || return
  cmp "$work/got" "$work/$size.answer"
}

# expect_status STATUS BODY-PATTERN CURL-ARGUMENT...: the whole body must match the extended regular expression.
expect_status() {
  local status=$1 pattern=$2 got
  shift 2
  got=$(client --write-out '%{http_code}' --dump-header "$work/head" --output "$work/body" "$@") || return
  if [ "$got" != "$status" ]; then
    echo "status $got, expected $status: $(head -c 500 "$work/body" 2>&1)"
    return 1
  fi
  [[ "$(tr -d '\0' <"$work/body")" =~ ^$pattern$ ]] || { echo "body: $(head -c 500 "$work/body")" && return 1; }
}

# has_field 'Name: value': the response of the last expect_status has that field.
has_field() { tr -d '\r' <"$work/head" | grep -ixF "$1" || { cat "$work/head" && return 1; }; }

error='\{"error":".+"\}'

# With --head, curl prints the head.
answers_head() {
  expect_status 200 '.*' --head "$1" && has_field 'Content-Length: 3'
}

answers_405() {
  expect_status 405 "$error" --request PUT --data x "$1" && has_field "Allow: $2"
}

# The body is larger than --max-bytes. The client must get the answer although the program does not read the rest. With
# `Expect: 100-continue`, which curl sends before a large body, and without it.
answers_413() {
  local body=(--data-binary "@$work/huge" --header 'Content-Type: application/json')
  expect_status 413 "$error" "${body[@]}" "$1" && expect_status 413 "$error" --header 'Expect:' "${body[@]}" "$1"
}

# The program must ask for the body: otherwise curl would wait for a minute, and fail.
continues_after_100() {
  local options=(--header 'Expect: 100-continue' --expect100-timeout 60 --max-time 10)
  gives_answer large "$1" "${options[@]}" && gives_answer small "$1" "${options[@]}"
}

# gives_alone URL FILE: the response is one line of JSON, and nothing else.
gives_alone() {
  post "$1" "$2" >"$work/got" || return
  [ "$(wc -l <"$work/got")" -eq 1 ] && grep -x '{"apiVersion":.*"warnings":.*}}' "$work/got"
}

# Sends 200 requests, 8 at a time. Every tenth has 1 MB.
serves_200() {
  local failures=$work/failures
  export work url=$1
  export -f client post gives_in_parallel
  seq 200 | xargs -P 8 -I '{}' bash -c 'gives_in_parallel {}' >"$failures" 2>&1
  [ ! -s "$failures" ] || { echo "of 200:" && cat "$failures" && return 1; }
  [ "$(find "$work/parallel" -type f | wc -l)" -eq 200 ] || return
  rm -r "$work/parallel"
}

gives_in_parallel() {
  local size=small
  [ $(($1 % 10)) -ne 0 ] || size=large
  mkdir -p "$work/parallel"
  post "$url" "$work/$size.json" --output "$work/parallel/$1" || { echo "request $1: curl's status $?" && return; }
  cmp "$work/parallel/$1" "$work/$size.answer"
}

# through HOST ORIGIN: the checks that give the same result through every host.
through() {
  local host=$1 mutate=$2/mutate
  check "$host: a small review" gives_answer small "$mutate"
  check "$host: a review of 1 MB" gives_answer large "$mutate"
  check "$host: the query is ignored" gives_answer small "$mutate?timeout=5s"
  check "$host: a small review in chunks" gives_answer small "$mutate" --header 'Transfer-Encoding: chunked'
  check "$host: a review of 1 MB in chunks" gives_answer large "$mutate" --header 'Transfer-Encoding: chunked'
  check "$host: Expect: 100-continue" continues_after_100 "$mutate"
  check "$host: HTTP/1.0" gives_answer small "$mutate" --http1.0
  check "$host: bad JSON gets a 400 that names the place" \
    expect_status 400 '\{"error":"body:2:10: .+"\}' --data-binary "@$work/bad.json" \
    --header 'Content-Type: application/json' "$mutate"
  check "$host: the response has no message about an odd pod" gives_alone "$mutate" "$work/odd.json"
  check "$host: another Content-Type than JSON gets a 415" \
    expect_status 415 "$error" --data-binary "@$work/small.json" --header 'Content-Type: text/yaml' "$mutate"
  check "$host: 20 MB gets a 413, and the answer arrives" answers_413 "$mutate"
  check "$host: GET /mutate gets a 405" expect_status 405 "$error" "$mutate"
  check "$host: PUT /mutate gets a 405 that allows POST" answers_405 "$mutate" POST
  check "$host: 200 requests, 8 at a time" serves_200 "$mutate"
}

# ignores_arguments HOST URL: pisw-mutate ignores the arguments that a web server makes from a query without `=` (RFC
# 3875 section 4.4).
ignores_arguments() {
  local query
  for query in --config+/etc/passwd --help -x --version --http --max-bytes+1 /etc/passwd; do
    check "$1: the arguments from the query ?$query are ignored" gives_answer small "$2?$query"
  done
}

# routes HOST ORIGIN: checks the other paths.
routes() {
  local path
  for path in healthz readyz livez; do
    check "$1: GET /$path" expect_status 200 ok "$2/$path"
    check "$1: HEAD /$path" answers_head "$2/$path"
  done
  check "$1: POST /healthz gets a 405 that allows GET and HEAD" answers_405 "$2/healthz" 'GET, HEAD'
  check "$1: another path gets a 404" expect_status 404 "$error" "$2/other"
}
