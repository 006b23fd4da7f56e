#!/usr/bin/env bash
# pisw-mutate on the command line: ways to pass a review, options, configuration, messages and exit statuses.
. "$(dirname "$0")/../lib.sh"

need /usr/bin/python3 python3
build_static
unset REGISTRY_URL PROXY_URL PISW_CONFIG LOGLEVEL GATEWAY_INTERFACE
cd "$work" || exit 71
review=$reviews/bare-pod-without-labels.json
mirror=(--mirror docker.io=proxy.example.com)
"$pisw_mutate" "${mirror[@]}" "$review" >answer.json || exit 70

# fails_on TEXT STATUS PATTERN OPTION...: pisw-mutate fails (see lib.sh) with the text as its review. printf reads TEXT.
fails_on() {
  # shellcheck disable=SC2059 # the text is a format on purpose
  printf "$1" >review.json
  fails "$2" "$3" "$pisw_mutate" "${@:4}" <review.json
}

# answers COMMAND...: the command prints exactly answer.json, and nothing on standard error.
answers() {
  "$@" >out 2>err && cmp out answer.json && [ ! -s err ]
}

# explains PATTERN COMMAND...: the command prints an answer, and a line of standard error matches.
explains() {
  "${@:2}" >out 2>err || return
  cat err
  grep -qE -- "$1" err
}

# pod SPEC [METADATA]: prints the review of a pod with that JSON.
pod() {
  printf '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE",'
  printf '"resource":{"group":"","version":"v1","resource":"pods"},"object":{"kind":"Pod","metadata":%s,"spec":%s}}}' \
    "${2:-null}" "$1"
}

# --- ways to pass a review
check "a review on standard input" answers "$pisw_mutate" "${mirror[@]}" <"$review"
check "a review through a pipe" answers bash -c 'cat "$1" | "$2" "${@:3}"' - "$review" "$pisw_mutate" "${mirror[@]}"
check "a review in a file" answers "$pisw_mutate" "${mirror[@]}" "$review"
check "- means standard input" answers "$pisw_mutate" "${mirror[@]}" - <"$review"
check "echo FILE | pisw-mutate reads the file" \
  answers bash -c 'echo "$1" | "$2" "${@:3}"' - "$review" "$pisw_mutate" "${mirror[@]}"
check "standard input is a file that holds a file's name" \
  answers bash -c 'echo "$1" >name; "$2" "${@:3}" <name' - "$review" "$pisw_mutate" "${mirror[@]}"
check "standard input is a name without a newline" \
  answers bash -c 'printf %s "$1" | "$2" "${@:3}"' - "$review" "$pisw_mutate" "${mirror[@]}"
check "standard input names a file that does not exist: 66" \
  fails 66 'nowhere\.json: No such file' bash -c 'echo nowhere.json | "$@"' - "$pisw_mutate" "${mirror[@]}"
check "no such FILE: 66" fails 66 'nowhere\.json: No such file' "$pisw_mutate" "${mirror[@]}" nowhere.json
check "a folder as FILE: 66" fails 66 'Is a directory' "$pisw_mutate" "${mirror[@]}" .
check "a terminal on standard input: usage, 64" \
  bash -c 'script -qec "$0 --mirror docker.io=p.example.com" /dev/null >out; [ $? = 64 ] && grep usage out' "$pisw_mutate"

# --- invalid reviews: nothing on standard output, and a message with name, line, column and pointer
check "empty input: 65" fails_on '' 65 '^pisw-mutate: <stdin>:1:1: the text ends' "${mirror[@]}"
check "not JSON: 65" fails_on '{not json' 65 '<stdin>:1:2: expected a member' "${mirror[@]}"
check "an error on a later line has its line and column" \
  fails_on '{\n  "a": 1,\n  "b": x}' 65 '<stdin>:3:8: expected a JSON value, at /b$' "${mirror[@]}"
check "truncated: 65" fails 65 '<stdin>:1:1001: .*ends' "$pisw_mutate" "${mirror[@]}" < <(head -c 1000 "$review")
check "another kind: 65" fails_on '{"kind":"Pod"}' 65 ':9: another kind; expected AdmissionReview, at /kind' "${mirror[@]}" -
check "an unknown version: 65" \
  fails_on '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v2","request":{"uid":"u"}}' 65 \
  'unknown version.*, at /apiVersion' "${mirror[@]}"
check "no request: 65" \
  fails_on '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}' 65 'no request.*at the root' "${mirror[@]}"
check "no uid: 65" \
  fails_on '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{}}' 65 \
  'no uid.*at /request' "${mirror[@]}"
check "containers is not a list: 65" \
  fails 65 'expected an array, found an object, at /request/object/spec/containers$' \
  "$pisw_mutate" "${mirror[@]}" < <(pod '{"containers":{}}')
check "an image is not a string: 65" \
  fails 65 'expected a string, found a number, at /request/object/spec/containers/1/image$' \
  "$pisw_mutate" "${mirror[@]}" < <(pod '{"containers":[{"image":"a"},{"image":5}]}')
check "labels is not an object: 65" \
  fails 65 'expected an object, found an array, at /request/object/metadata/labels$' \
  "$pisw_mutate" "${mirror[@]}" < <(pod '{"containers":[]}' '{"labels":[]}')
check "the object is not a pod: 65" fails 65 'expected a Pod, at /request/object' "$pisw_mutate" "${mirror[@]}" \
  < <(pod '{}' | sed 's/"kind":"Pod"/"kind":"Node"/')
check "a duplicate member: 65" fails 65 'a duplicate member; expected it once' "$pisw_mutate" "${mirror[@]}" \
  < <(pod '{"containers":[{"image":"a","im\u0061ge":"b"}]}')
check "100 000 nested brackets: 65" fails 65 'nest too deep' "$pisw_mutate" "${mirror[@]}" \
  < <(/usr/bin/python3 -c 'print("{\"a\":" + "[" * 100000)')
check "100 000 nested objects: 65" fails 65 'nest too deep' "$pisw_mutate" "${mirror[@]}" \
  < <(/usr/bin/python3 -c 'print("{\"a\":" * 100000)')
check "20 MB of input: 65" fails 65 'more than 8388608 bytes' "$pisw_mutate" "${mirror[@]}" \
  < <(head -c 20000000 /dev/zero | tr '\0' ' ')
check "--max-bytes limits a file, too" \
  fails 65 'more than 1000 bytes' "$pisw_mutate" "${mirror[@]}" --max-bytes 1000 "$review"
check "invalid UTF-8: 65" fails_on '{"a":"\377"}' 65 ':7: bytes that are not UTF-8' "${mirror[@]}"
check "a NUL byte: 65" fails_on '{"a":"\0"}' 65 'control byte' "${mirror[@]}"
check "a lone NUL byte: 65" fails_on '\0' 65 'expected a JSON value' "${mirror[@]}"
check "a JSON list is not read as a file name: 65" \
  fails_on '[1, 2]' 65 'expected an object, found an array' "${mirror[@]}"
check "a text with a byte order mark is not read as a file name, and not printed: 65" \
  fails_on '\357\273\277{"SECRET":1}' 65 '^pisw-mutate: <stdin>:1:1: expected a JSON value, at the root$' "${mirror[@]}"
check "text after the review: 65" fails_on '{"a":1} x' 65 'expected nothing after' "${mirror[@]}"
secret='{"containers":[{"name":"SECRET","image":"nginx","env":[{"name":"SECRET","value":"SECRET"}]},{"image":{"SECRET":1}}]}'
check "no message contains a value of the pod" bash -c '
  "$1" --mirror docker.io=p.example.com --explain 2>err; [ $? = 65 ] && ! grep SECRET err' - "$pisw_mutate" \
  < <(pod "$secret" '{"labels":{"SECRET":"SECRET"},"annotations":{"k8s-proxy-image-swapper/skip":"SECRET"}}')

check "a wrong object in a request without a kind: 65" \
  fails_on '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","object":5}}' 65 \
  'expected an object, found a number, at /request/object' "${mirror[@]}"
check "a large original-images annotation takes less than 2 s" timeout 2 "$pisw_mutate" --config <(
  echo '{mirrors: {docker.io: p.io}, annotateOriginal: true}'
) < <(/usr/bin/python3 "$top/Tests/cli/annotated.py")

# --- reviews that need no patch
for change in 's/"pods"/"deployments"/' 's/"pods"/"pods"},"subResource":"status","x":{/' 's/CREATE/DELETE/' 's/CREATE/CONNECT/' \
  's/"object":{.*/"object":null}}/' 's/"group":""/"group":"metrics.k8s.io"/'; do
  check "allowed without a patch after $change" bash -c '
    sed "$2" | "$1" --mirror docker.io=p.example.com >out && grep "\"allowed\":true}}" out' - "$pisw_mutate" "$change" \
    < <(pod '{"containers":[{"image":"nginx"}]}')
done

# --- options and configuration
check "an unknown option: 64" fails 64 "frob" "$pisw_mutate" --frob
check "two files: 64" fails 64 'expected one FILE' "$pisw_mutate" "${mirror[@]}" a b
check "--mirror without =: 64" fails 64 'UPSTREAM=TARGET' "$pisw_mutate" --mirror docker.io
check "an option without its value: 64" fails 64 '^pisw-mutate: --mirror: expected a value' "$pisw_mutate" --mirror
check "an empty --config: 64" fails 64 'config is empty' env PISW_CONFIG=nowhere.yaml "$pisw_mutate" --config ''
check "--max-bytes without a number: 64" fails 64 'max-bytes' "$pisw_mutate" --max-bytes 1k
check "--http with a file: 64" fails 64 'takes no FILE' "$pisw_mutate" --http "$review"
if [ -e /etc/pisw/config.yaml ]; then
  echo "skipped: no configuration at all (this machine has /etc/pisw/config.yaml)"
else
  check "no configuration at all: 78, and the shortest remedy" \
    fails 78 'no configuration.*--mirror docker.io=proxy.example.com' "$pisw_mutate" "$review"
fi
check "a configuration file that does not exist: 78" \
  fails 78 'nowhere.yaml: No such file' "$pisw_mutate" --config nowhere.yaml "$review"
cat >bad.yaml <<'Y'
mirrors:
  docker.io: https://proxy.example.com
  quay.io: proxy
frob: 1
ignoreimages: ["acme/Web"]
Y
check "all errors of a configuration file at once: 78" \
  fails 78 'bad.yaml:5:16: ' "$pisw_mutate" --config bad.yaml "$review"
check "... the first of them" grep -qE '^pisw-mutate: bad.yaml:2:3: .*has a scheme: write "proxy.example.com"$' err
check "... with the remedy" grep -qE 'bad.yaml:3:3: .*write for instance "proxy:443"' err
check "... an unknown key" grep -qE 'bad.yaml:4:1: unknown key "frob"; known keys are mirrors' err
check "... four lines in all" test "$(wc -l <err)" = 4
check "an unreadable file does not hide other errors: 78" fails 78 'REGISTRY_URL: .*scheme' \
  env REGISTRY_URL=http://p.example.com "$pisw_mutate" --config nowhere.yaml "$review"
printf 'mirrors:\n  docker.io: p.io\nignoreimages: [\377]\n' >bytes.yaml
check "bytes in a configuration that are not UTF-8: the message names their place" fails 78 'bytes.yaml:3:16: .*UTF-8' \
  "$pisw_mutate" --config bytes.yaml "$review"
/usr/bin/python3 -c 'print("mirrors: " + "[" * 100000)' >deep.yaml
check "a very deeply nested configuration fails within 2 s: 78" \
  timeout 2 bash -c '"$0" --config deep.yaml x; [ $? = 78 ]' "$pisw_mutate"
check "--http with a wrong configuration and no request: 78" fails 78 'nowhere.yaml' \
  "$pisw_mutate" --http --config nowhere.yaml </dev/null
check "REGISTRY_URL and PROXY_URL may differ in case and the default port" bash -c '
  REGISTRY_URL=proxy.example.com PROXY_URL=Proxy.example.com:443/ "$0" "$1" | cmp - answer.json' "$pisw_mutate" "$review"
check "an empty REGISTRY_URL: 78" fails 78 'REGISTRY_URL: the target is empty' env REGISTRY_URL= "$pisw_mutate" "$review"
check "REGISTRY_URL and PROXY_URL that differ: 78" fails 78 'PROXY_URL: differs from REGISTRY_URL' \
  env REGISTRY_URL=a.example.com PROXY_URL=b.example.com "$pisw_mutate" "$review"
check "REGISTRY_URL" answers env REGISTRY_URL=proxy.example.com "$pisw_mutate" "$review"
check "PROXY_URL, with a trailing slash" answers env PROXY_URL=proxy.example.com/ "$pisw_mutate" "$review"
printf 'mirrors: {docker.io: file.example.com, quay.io: file.example.com/quay}\n' >file.yaml
check "--config" explains 'docker.io at file.yaml:1:11.file.example.com/library/nginx' \
  "$pisw_mutate" --config file.yaml --explain "$review"
check "PISW_CONFIG" explains 'at file.yaml:1:11' env PISW_CONFIG=file.yaml "$pisw_mutate" --explain "$review"
check "the environment takes precedence over the file" explains 'at REGISTRY_URL.env.example.com/library/nginx' \
  env REGISTRY_URL=env.example.com "$pisw_mutate" --config file.yaml --explain "$review"
check "--mirror takes precedence over the environment" explains 'at --mirror.proxy.example.com/library/nginx' \
  env REGISTRY_URL=env.example.com "$pisw_mutate" --config file.yaml "${mirror[@]}" --explain "$review"
check "the answer is the same with --explain" cmp out answer.json
check "--explain: place, image, normalised name, decision, rule, result" \
  explains "$(printf '^containers.0. .web.\tnginx\tdocker.io/library/nginx:latest\tredirected\tmirror docker.io at --mirror\tproxy.example.com/library/nginx:latest$')" \
  "$pisw_mutate" "${mirror[@]}" --explain "$review"
check "LOGLEVEL=DEBUG explains, too" explains 'redirected' env LOGLEVEL=DEBUG "$pisw_mutate" "${mirror[@]}" "$review"
check "--explain says why pisw does not look at a review" explains 'left alone: no object' \
  "$pisw_mutate" "${mirror[@]}" --explain "$reviews/delete.json"
check "the example configuration" explains "$(printf '\tredirected\tmirror docker.io at [^\t]*config.yaml:[0-9]+:3\t')" \
  "$pisw_mutate" --config "$top/examples/config.yaml" --explain "$review"

# --- reading and writing
check "non-blocking descriptors" /usr/bin/python3 "$top/Tests/cli/nonblocking.py" "$pisw_mutate" "$review"
check "messages never reach a client whose socket is all three descriptors" \
  /usr/bin/python3 "$top/Tests/cli/one_socket.py" "$pisw_mutate"
for target in '>/dev/full' '>&-'; do
  check "standard output $target: 71" bash -c '"$0" --mirror docker.io=p.example.com "$1" '"$target"' 2>err; [ $? = 71 ] && grep "standard output" err' \
    "$pisw_mutate" "$review"
done
check "a closed pipe on standard output: 71, not a signal" bash -c '
  { sleep 0.2; "$0" --mirror docker.io=p.example.com "$1" 2>err; echo $? >status; } | true; [ "$(cat status)" = 71 ]' \
  "$pisw_mutate" "$review"
check "standard input closed: 71" fails 71 'standard input' bash -c '"$0" --mirror docker.io=p.example.com <&-' "$pisw_mutate"
summary
