#!/usr/bin/env bash
# pisw's subcommands except preview: image names, explanations, configurations, reviews, KRM, completions. Also --help
# and --version of every program, and the layout that the linker gave it.
. "$(dirname "$0")/../lib.sh"

need /usr/bin/python3 python3
need git git
need pre-commit pre-commit
need nm binutils
need openssl openssl
build_static
unset REGISTRY_URL PROXY_URL PISW_CONFIG LOGLEVEL
cd "$work" || exit 71
tab=$(printf '\t')
mirror=(--mirror docker.io=example.com)
ln -s "$pisw" normalize-docker-image-name
ln -s "$pisw" patch-docker-image-name

# prints TEXT COMMAND...: the command prints exactly the text, a format of printf, and nothing on standard error.
prints() {
  "${@:2}" >out 2>err || { cat err; return 1; }
  # shellcheck disable=SC2059 # the text is a format on purpose
  printf "$1" | diff - out && [ ! -s err ]
}

# says PATTERN COMMAND...: the command succeeds, and a line of its standard output matches.
says() {
  "${@:2}" >out 2>err || { cat err; return 1; }
  cat out
  grep -qE -- "$1" out
}

# --- image names: the table of the original's unit tests, for each command
sha=sha256:$(printf 'a%.0s' {1..64})
while read -r name expected; do
  check "$name becomes $expected" prints "$expected\n" "$pisw" image "${mirror[@]}" "$name"
  check "... for patch-docker-image-name, too" prints "$expected\n" ./patch-docker-image-name example.com "$name"
done <<END
busybox:toto                   example.com/library/busybox:toto
busybox                        example.com/library/busybox:latest
toto/tata:titi                 example.com/toto/tata:titi
toto/tata                      example.com/toto/tata:latest
docker.io/toto/tata:titi       example.com/toto/tata:titi
docker.io/busybox              example.com/library/busybox:latest
toto/tata/titi:tag             example.com/toto/tata/titi:tag
gcr.io/toto/tata:titi          gcr.io/toto/tata:titi
gcr.io/toto/tata               gcr.io/toto/tata
example.org/toto               example.org/toto
busybox@$sha                   example.com/library/busybox@$sha
busybox:1@$sha                 example.com/library/busybox:1@$sha
example.com/library/busybox    example.com/library/busybox
localhost:5000/x               localhost:5000/x
index.docker.io/x              example.com/library/x:latest
registry-1.docker.io/x/y       example.com/x/y:latest
$sha                           $sha
${sha#*:}                      ${sha#*:}
${sha%a}                       example.com/library/${sha%a}
library/$sha                   example.com/library/$sha
END
while read -r name expected; do
  check "$name is $expected" prints "$expected\n" ./normalize-docker-image-name "$name"
  check "... for pisw image --normalize, too" prints "$expected\n" "$pisw" image --normalize "$name"
done <<END
busybox                        docker.io/library/busybox:latest
toto/tata:titi                 docker.io/toto/tata:titi
index.docker.io/x@$sha         docker.io/library/x@$sha
$sha                           docker.io/library/$sha
gcr.io/toto/tata               gcr.io/toto/tata:latest
localhost/x                    localhost/x:latest
END
check "several names give a line each" prints 'example.com/library/a:latest\nquay.io/b\n' "$pisw" image "${mirror[@]}" a quay.io/b
check "an invalid name: 65, and no output" fails 65 '^pisw: "UP/x:" is not a valid image name' \
  "$pisw" image "${mirror[@]}" nginx UP/x:
check "64 hexadecimal digits are an image ID, which has no full name: 65" fails 65 'are an image ID' ./normalize-docker-image-name "${sha#*:}"
check "every invalid name has a message" fails 65 '" b" is not' "$pisw" image --normalize UP/x: ' b'
check "... the first one, too" grep -q UP err
check "an empty name: 65" fails 65 'it is empty' ./normalize-docker-image-name ''
check "messages of the original's tools begin with the tool's name" fails 65 '^normalize-docker-image-name: ' ./normalize-docker-image-name :
check "patch-docker-image-name without names: 64" fails 64 'Usage: patch-docker-image-name' ./patch-docker-image-name example.com
check "normalize-docker-image-name without names: 64" fails 64 'USAGE: normalize' ./normalize-docker-image-name
check "an invalid REGISTRY: 78, with the remedy" \
  fails 78 '^patch-docker-image-name: the target "proxy" .*write for instance "proxy:443"$' ./patch-docker-image-name proxy nginx
check "the original's tools read no configuration" prints 'example.com/library/x:latest\n' \
  env PISW_CONFIG=nowhere.yaml REGISTRY_URL=other.io ./patch-docker-image-name example.com x
# shellcheck disable=SC2016 # for Python
check "--json prints all parts of a name" bash -c '"$0" image --json "${@:2}" "x:1" "quay.io/y" | /usr/bin/python3 -c "$1"' "$pisw" '
import json, sys
one, two = [json.loads(line) for line in sys.stdin]
assert one == {"image": "x:1", "normalized": "docker.io/library/x:1", "registry": "docker.io", "path": "library/x",
               "tag": "1", "digest": None, "decision": "redirected", "rule": "mirror docker.io at --mirror",
               "result": "example.com/library/x:1"}, one
assert two["result"] == "quay.io/y" and two["rule"] is None and two["decision"].startswith("left alone"), two' \
  "${mirror[@]}"
# shellcheck disable=SC2016 # for Python
check "--json of an image ID has no parts" bash -c '"$0" image --json "${@:2}" | /usr/bin/python3 -c "$1"' "$pisw" '
import json, sys
for one in [json.loads(line) for line in sys.stdin]:
    assert one["result"] == one["image"] and one["decision"] == "left alone: an image ID of the node, not a name", one
    assert all(one[key] is None for key in ("normalized", "registry", "path", "tag", "digest", "rule")), one' \
  "${mirror[@]}" "$sha" "${sha#*:}"

# --- configuration
cat >config.yaml <<'END'
mirrors:
  docker.io: p.io
  quay.io: p.io
ignoreimages: [gcr.io/x]
END
check "config check prints warnings on standard output: 0" says '^warning: config.yaml:3:3: has the same target as mirror docker.io' \
  "$pisw" config check config.yaml
check "... an ignored image without effect" grep -q '^warning: config.yaml:4:16: has no effect' out
check "... for each mirror, why redirecting twice changes nothing" \
  grep -qF '  quay.io (config.yaml:3:3): quay.io/team/app:1.0 -> p.io/team/app:1.0, under p.io' out
check "... and the counts" grep -qx 'config.yaml: 2 mirrors, 1 ignored image, 0 exclusions, 2 warnings' out
check "a configuration without mirrors" says '^warning: no mirror: ' "$pisw" config check /dev/stdin < <(echo 'ignoreimages: []')
check "the example configuration has no warning" says ' 3 mirrors, .* 0 warnings$' "$pisw" config check "$top/examples/config.yaml"
printf 'mirrors:\n  docker.io: https://p.io\nfrob: 1\nport: 0\n' >bad.yaml
check "config check prints all errors at once: 78" fails 78 '^pisw: bad.yaml:4:7: port must be' "$pisw" config check bad.yaml
check "... the other errors" bash -c 'grep -q "^pisw: bad.yaml:2:3: .*scheme" err && grep -q "^pisw: bad.yaml:3:1: unknown key" err'
check "a configuration file that does not exist: 78" fails 78 'nowhere.yaml: No such file' "$pisw" config check nowhere.yaml
check "FILE and --config: 64" fails 64 'FILE or --config' "$pisw" config check a --config b
check "an empty --config: 64" fails 64 'config is empty' "$pisw" image --config '' x
check "--mirror without =: 64" fails 64 'UPSTREAM=TARGET' "$pisw" image --mirror x y
check "config show prints a configuration with the same rules" bash -c '
  REGISTRY_URL=r.io "$0" config show --config "$1" --mirror ghcr.io=g.io >show.yaml && "$0" config show --config show.yaml >again.yaml &&
  diff <(sed "s/  # .*//" show.yaml) <(sed "s/  # .*//" again.yaml)' "$pisw" config.yaml
check "... says which source replaced which" grep -q '^  docker.io: r.io  # REGISTRY_URL, in place of config.yaml:2:3$' show.yaml
check "... and which value an option gave" grep -q '^  ghcr.io: g.io  # --mirror$' show.yaml
{
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: k8s-proxy-image-swapper-config\ndata:\n  config.yaml: |\n'
  sed 's/^/    /' config.yaml
} >configmap.yaml
check "a ConfigMap is a configuration, and messages name places in it" \
  says 'yes  mirror docker.io at configmap.yaml:8:7  <- decides' "$pisw" explain --config configmap.yaml nginx
check "... also as JSON" says '^warning: configmap.json \(data.config.yaml\):3:3: ' bash -c '
  /usr/bin/python3 -c "import json; print(json.dumps({\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\",
    \"data\": {\"config.yaml\": open(\"config.yaml\").read()}}))" >configmap.json && "$0" config check configmap.json' "$pisw"
check "... but not for pisw-mutate, which reads plain files" fails 78 'unknown key "apiVersion"' \
  "$pisw_mutate" --config configmap.yaml "$reviews/job-pod.json"

# --- explain
check "explain prints each step for an image" says '^  result       p.io/team/app:1$' "$pisw" explain --config config.yaml quay.io/team/app:1
check "... in the webhook's order" bash -c '
  [ "$(grep -c "^    " out)" = 5 ] && sed -n 7p out | grep -q "no   ignoreimages gcr.io/x at config.yaml:4:16"'
for name in nginx quay.io/a/b gcr.io/x p.io/x auto localhost/x; do
  # The review of a pod with this image, and the line of pisw-mutate --explain.
  printf '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","resource":{"group":"","version":"v1","resource":"pods"},"object":{"spec":{"containers":[{"image":"%s"}]}}}}' \
    "$name" >review.json
  check "explain $name: decision, rule and result are those of pisw-mutate" bash -c '
    IFS="'"$tab"'" read -r _ _ _ decision rule result < <("$1" --config config.yaml --explain review.json 2>&1 >log)
    [ "$rule" = - ] || decision="$decision, $rule"
    diff <(printf "  decision     %s\n  result       %s\n" "$decision" "$result") <("$0" explain --config config.yaml "$2" | tail -n 2)' \
    "$pisw" "$pisw_mutate" "$name"
done

# --- explain FILE
cat >deployment.yaml <<'END'
apiVersion: v1
kind: Namespace
metadata: {name: out, labels: {k8s-proxy-image-swapper/skip: "true"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - {name: app, image: nginx}
        - {name: side, image: gcr.io/x}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: out}, spec: {containers: [{name: c, image: redis}]}}
END
check "explain FILE prints each image with its place" says \
  '^deployment.yaml:12:30: Deployment web, namespace default, containers.0. \(app\): nginx$' \
  "$pisw" explain --config config.yaml deployment.yaml
check "... three images" test "$(grep -c '^  result ' out)" = 3
check "... says that a namespace opted out" grep -qE '^  decision     left alone: its namespace opted out, .* at deployment.yaml:3:[0-9]+$' out
check "... and checks no rule for its image" test "$(grep -c '^  is it ignored' out)" = 2
printf 'kind: Pod\napiVersion: v1\nmetadata: {deletionTimestamp: "2026-01-01T00:00:00Z"}\nspec: {containers: [{name: c, image: nginx}]}\n' >ending.yaml
check "explain a pod with a deletionTimestamp: 65, because the webhook ignores it" fails 65 'ending.yaml: no pod, or none whose images' \
  "$pisw" explain --config config.yaml ending.yaml
check "explain - reads standard input" says '<stdin>:12:30: ' "$pisw" explain --config config.yaml - <deployment.yaml
check "explain says which exclusion decided" says 'left alone: excluded, exclude.namespaces default at ' \
  "$pisw" explain --config <(echo '{mirrors: {docker.io: p.io}, exclude: {namespaces: [default]}}') deployment.yaml
check "... and which did not" says '^    no   exclude.namespaces other at ' \
  "$pisw" explain --config <(echo '{mirrors: {docker.io: p.io}, exclude: {namespaces: [other]}}') deployment.yaml
check "explain reads a review" says '^containers.1. \(app\): docker.io/bitnami/nginx:1.25$' \
  "$pisw" explain --config config.yaml "$reviews/istio-auto-image.json"
check "explain says why the webhook ignores a review" says 'left alone: no object' "$pisw" explain --config config.yaml "$reviews/delete.json"
check "explain a file that does not exist: 66" fails 66 'nowhere.yaml: No such file' "$pisw" explain --config config.yaml nowhere.yaml
printf 'kind: Pod\napiVersion: v1\nspec: {containers: {}}\n' >odd.yaml
check "explain an invalid pod: 65, with the place" fails 65 '^pisw: odd.yaml:3:20: expected an array' "$pisw" explain --config config.yaml odd.yaml
check "explain a file without a pod: 65" fails 65 'no pod' "$pisw" explain --config config.yaml config.yaml

# --- reviews
check "review makes every captured review from its pod, and pisw-mutate answers both alike" \
  /usr/bin/python3 "$top/Tests/tools/reviews.py" "$pisw" "$pisw_mutate" "$reviews"
check "review prints the pod of every object, a line each" bash -c '
  "$0" review deployment.yaml | tee lines | while read -r review; do "$1" --config config.yaml <<<"$review" || exit; done >answers &&
  [ "$(wc -l <lines)" = 2 ] && [ "$(grep -c patchType answers)" = 2 ]' "$pisw" "$pisw_mutate"
check "... a Deployment's pod as its ReplicaSet would create it" grep -q '"ownerReferences":\[{"apiVersion":"apps/v1","kind":"ReplicaSet"' lines
check "... and prints the same each time" bash -c '"$0" review deployment.yaml | cmp - lines' "$pisw"
check "pisw-mutate reads a review of a pod from a pipe" says '"patchType"' bash -c '"$0" review - <deployment.yaml | head -n 1 | "$1" --config config.yaml' "$pisw" "$pisw_mutate"
printf 'kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {containers: [{name: c, image: redis}]}\n' >old.yaml
sed 's/redis/nginx/' old.yaml >new.yaml
check "review --old prints an update" says '"operation":"UPDATE".*"image":"nginx".*"oldObject":.*"image":"redis"' "$pisw" review --old old.yaml new.yaml
check "an update that changes no image needs no patch" says '"allowed":true}}' bash -c \
  '"$0" review --operation UPDATE --old old.yaml old.yaml | "$1" --config config.yaml' "$pisw" "$pisw_mutate"
check "an update of another pod: 65" fails 65 'new.yaml:1:1: the Pod "a" is not in the file of --old' "$pisw" review --old deployment.yaml new.yaml
check "an update of a template: 65" fails 65 'deployment.yaml:10:5: pods of a Deployment are never updated' \
  "$pisw" review --old old.yaml deployment.yaml
for command in "review x.yaml" "explain x.yaml" "krm"; do
  # shellcheck disable=SC2086 # a subcommand and its argument
  check "$command with an invalid namespace: 64" fails 64 'namespace "A_b": expected lower-case' \
    "$pisw" $command --namespace A_b
done
check "UPDATE without --old: 64" fails 64 'needs --old' "$pisw" review --operation UPDATE new.yaml
check "CREATE with --old: 64" fails 64 'is for --operation UPDATE' "$pisw" review --operation CREATE --old old.yaml new.yaml
check "review of a file without a pod: 65" fails 65 'config.yaml: no pod in it' "$pisw" review config.yaml
check "review of a file that is not YAML: 65" fails 65 ':2:1: not valid YAML' "$pisw" review <(echo 'a: [')

# --- KRM functions
check "krm changes only images and results of a ResourceList, in every style and form of configuration" \
  /usr/bin/python3 "$top/Tests/tools/krm.py" "$pisw" "$top/examples"
check "input that is not a ResourceList: 65" fails 65 '<stdin>:1:1: not a ResourceList' "$pisw" krm <deployment.yaml
check "... also a ResourceList of another group" fails 65 'not a ResourceList' "$pisw" krm <<<'{apiVersion: v1, kind: ResourceList}'
check "a wrong functionConfig: 78, with the line in its file" fails 78 '^pisw: functionConfig:4:5: .*scheme' "$pisw" krm <<'END'
apiVersion: config.kubernetes.io/v1
kind: ResourceList
functionConfig:
  kind: A
  spec:
    mirrors:
      docker.io: https://p.io
items: []
END
check "krm on a terminal: 64" \
  bash -c 'script -qec "$0 krm" /dev/null >out; [ $? = 64 ] && grep "is a terminal" out' "$pisw"
check "functionConfig and --config: 64" fails 64 'functionConfig or --config' "$pisw" krm --config config.yaml <<'END'
{apiVersion: config.kubernetes.io/v1, kind: ResourceList, functionConfig: {data: {docker.io: p.io}}}
END
check "a ResourceList with results of another function: 65, so that they are not lost" fails 65 ':1:[0-9]+: results of another function' "$pisw" krm <<'END'
{apiVersion: config.kubernetes.io/v1, kind: ResourceList, results: [{message: x}], items: []}
END
check "a ResourceList that cannot take results: 65" fails 65 ':1:3: an unusual first key' "$pisw" krm <<'END'
? kind
: ResourceList
apiVersion: config.kubernetes.io/v1
END
if command -v kpt >/dev/null; then
  cp -r "$top/examples/kpt" package
  # shellcheck disable=SC2016 # for the inner shell
  check "kpt fn render runs the example" bash -c 'PATH=${0%/*}:$PATH kpt fn render package --allow-exec &&
    diff <(sed "s,image: nginx:,image: proxy.example.com/library/nginx:,; s,quay.io/,proxy.example.com/quay.io/," "$1/kpt/deployment.yaml") \
      package/deployment.yaml' "$pisw" "$top/examples"
  check "kpt fn eval passes mirrors as arguments" bash -c 'PATH=${0%/*}:$PATH kpt fn eval package --exec "pisw krm" -- proxy.example.com=p.io &&
    grep -q "image: p.io/library/nginx:1.27 # the page" package/deployment.yaml' "$pisw"
else
  echo "skipped: kpt is not installed (Tests/tools/krm.py sends the same input)"
fi

# --- examples
check "the commands of the CI jobs do what their comments say" "$top/Tests/tools/ci.sh" "$pisw" "$top/examples"

# --- completions
for shell in bash zsh fish; do
  check "a completion script for $shell" says 'pisw' "$pisw" --generate-completion-script "$shell"
done
# shellcheck disable=SC2016 # for the inner shell
check "bash loads the completion script, and completes subcommands" bash -c '
  "$0" --generate-completion-script bash >pisw.bash && source ./pisw.bash && complete -p pisw | grep -q "complete.*pisw" &&
  COMP_WORDS=(pisw conf) COMP_CWORD=1 COMP_LINE="pisw conf" COMP_POINT=9 && _pisw pisw conf pisw && [ "${COMPREPLY[*]}" = config ]' "$pisw"
check "--help lists every exit status" bash -c '"$0" --help | grep -cE "^  (0|1|64|65|66|70|71|78)  " | grep -qx 8' "$pisw"
check "an unknown subcommand: 64" fails 64 frob "$pisw" frob
for target in '>/dev/full' '>&-'; do
  check "standard output $target: 71" bash -c '"$0" image --normalize x '"$target"' 2>err; [ $? = 71 ] && grep "standard output" err' "$pisw"
done
# shellcheck source=Tests/tools/help.sh
source "$top/Tests/tools/help.sh"
# shellcheck source=Tests/tools/layout.sh
source "$top/Tests/tools/layout.sh"
summary
