#!/usr/bin/env bash
# pisw's tools beside the preview: image names, explanations, configurations, completions, help.
. "$(dirname "$0")/../lib.sh"

need /usr/bin/python3 python3
build_static
unset REGISTRY_URL PROXY_URL PISW_CONFIG LOGLEVEL
cd "$work" || exit 71
tab=$(printf '\t')
mirror=(--mirror docker.io=example.com)
ln -s "$pisw" normalize-docker-image-name
ln -s "$pisw" patch-docker-image-name

# prints TEXT COMMAND...: the command prints just this (escapes of printf interpreted), and nothing on standard error.
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

# --- image names: the original's table of unit tests, through each way to ask
sha=sha256:$(printf 'a%.0s' {1..64})
while read -r name expected; do
  check "$name becomes $expected" prints "$expected\n" "$pisw" image "${mirror[@]}" "$name"
  check "... for patch-docker-image-name too" prints "$expected\n" ./patch-docker-image-name example.com "$name"
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
END
while read -r name expected; do
  check "$name is $expected" prints "$expected\n" ./normalize-docker-image-name "$name"
  check "... for pisw image --normalize too" prints "$expected\n" "$pisw" image --normalize "$name"
done <<END
busybox                        docker.io/library/busybox:latest
toto/tata:titi                 docker.io/toto/tata:titi
index.docker.io/x@$sha         docker.io/library/x@$sha
gcr.io/toto/tata               gcr.io/toto/tata:latest
localhost/x                    localhost/x:latest
END
check "several names, a line each" prints 'example.com/library/a:latest\nquay.io/b\n' "$pisw" image "${mirror[@]}" a quay.io/b
check "a name that is none: 65, and no output" fails 65 '^pisw: "UP/x:" is not a valid image name' \
  "$pisw" image "${mirror[@]}" nginx UP/x:
check "every such name is told" fails 65 '" b" is not' "$pisw" image --normalize UP/x: ' b'
check "... the first too" grep -q UP err
check "an empty name: 65" fails 65 'it is empty' ./normalize-docker-image-name ''
check "the original's tools tell their own names" fails 65 '^normalize-docker-image-name: ' ./normalize-docker-image-name :
check "patch-docker-image-name without names: 64" fails 64 'Usage: patch-docker-image-name' ./patch-docker-image-name example.com
check "normalize-docker-image-name without names: 64" fails 64 'USAGE: normalize' ./normalize-docker-image-name
check "a REGISTRY that is none: 78, with the remedy" \
  fails 78 '^patch-docker-image-name: the target "proxy" .*write for instance "proxy:443"$' ./patch-docker-image-name proxy nginx
check "the original's tools read no configuration" prints 'example.com/library/x:latest\n' \
  env PISW_CONFIG=nowhere.yaml REGISTRY_URL=other.io ./patch-docker-image-name example.com x
# shellcheck disable=SC2016 # for Python
check "--json" bash -c '"$0" image --json "${@:2}" "x:1" "quay.io/y" | /usr/bin/python3 -c "$1"' "$pisw" '
import json, sys
one, two = [json.loads(line) for line in sys.stdin]
assert one == {"image": "x:1", "normalized": "docker.io/library/x:1", "registry": "docker.io", "path": "library/x",
               "tag": "1", "digest": None, "decision": "redirected", "rule": "mirror docker.io at --mirror",
               "result": "example.com/library/x:1"}, one
assert two["result"] == "quay.io/y" and two["rule"] is None and two["decision"].startswith("left alone"), two' \
  "${mirror[@]}"

# --- configuration
cat >config.yaml <<'END'
mirrors:
  docker.io: p.io
  quay.io: p.io
ignoreimages: [gcr.io/x]
END
check "config check: warnings on standard output, status 0" says '^warning: config.yaml:3:3: has the target of mirror docker.io' \
  "$pisw" config check config.yaml
check "... an ignored image without effect" grep -q '^warning: config.yaml:4:16: can never matter' out
check "... why rewriting twice changes nothing, for each mirror" \
  grep -qF '  quay.io (config.yaml:3:3): quay.io/team/app:1.0 -> p.io/team/app:1.0, under p.io' out
check "... and the counts" grep -qx 'config.yaml: 2 mirrors, 1 ignored image, 0 exclusions, 2 warnings' out
check "the example configuration has no warning" says ' 3 mirrors, .* 0 warnings$' "$pisw" config check "$top/examples/config.yaml"
printf 'mirrors:\n  docker.io: https://p.io\nfrob: 1\nport: 0\n' >bad.yaml
check "config check tells every error at once: 78" fails 78 '^pisw: bad.yaml:4:7: port must be' "$pisw" config check bad.yaml
check "... the others too" bash -c 'grep -q "^pisw: bad.yaml:2:3: .*scheme" err && grep -q "^pisw: bad.yaml:3:1: unknown key" err'
check "a configuration that is not there: 78" fails 78 'nowhere.yaml: No such file' "$pisw" config check nowhere.yaml
check "FILE and --config: 64" fails 64 'FILE or --config' "$pisw" config check a --config b
check "an empty --config: 64" fails 64 'config is empty' "$pisw" image --config '' x
check "--mirror without =: 64" fails 64 'UPSTREAM=TARGET' "$pisw" image --mirror x y
check "config show is a configuration: shown again it is the same" bash -c '
  REGISTRY_URL=r.io "$0" config show --config "$1" --mirror ghcr.io=g.io >show.yaml && "$0" config show --config show.yaml >again.yaml &&
  diff <(sed "s/  # .*//" show.yaml) <(sed "s/  # .*//" again.yaml)' "$pisw" config.yaml
check "... that tells what replaced what" grep -q '^  docker.io: r.io  # REGISTRY_URL, in place of config.yaml:2:3$' show.yaml
check "... and what came from an option" grep -q '^  ghcr.io: g.io  # --mirror$' show.yaml
{
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: k8s-proxy-image-swapper-config\ndata:\n  config.yaml: |\n'
  sed 's/^/    /' config.yaml
} >configmap.yaml
check "a ConfigMap is a configuration, with places of its own" \
  says 'yes  mirror docker.io at configmap.yaml:8:7  <- decides' "$pisw" explain --config configmap.yaml nginx
check "... also as JSON" says '^warning: configmap.json \(data.config.yaml\):3:3: ' bash -c '
  /usr/bin/python3 -c "import json; print(json.dumps({\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\",
    \"data\": {\"config.yaml\": open(\"config.yaml\").read()}}))" >configmap.json && "$0" config check configmap.json' "$pisw"
check "... but not for the webhook, which is given files" fails 78 'unknown key "apiVersion"' \
  "$pisw_mutate" --config configmap.yaml "$reviews/job-pod.json"

# --- explain
check "explain: an image's whole way" says '^  result       p.io/team/app:1$' "$pisw" explain --config config.yaml quay.io/team/app:1
check "... asks in the order of the webhook" bash -c '
  [ "$(grep -c "^    " out)" = 5 ] && sed -n 7p out | grep -q "no   ignoreimages gcr.io/x at config.yaml:4:16"'
for name in nginx quay.io/a/b gcr.io/x p.io/x auto localhost/x; do
  # A review of a pod with this image, and what pisw-mutate --explain says of it.
  printf '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","resource":{"group":"","version":"v1","resource":"pods"},"object":{"spec":{"containers":[{"image":"%s"}]}}}}' \
    "$name" >review.json
  check "explain $name: decision, rule and result as pisw-mutate tells them" bash -c '
    IFS="'"$tab"'" read -r _ _ _ decision rule result < <("$1" --config config.yaml --explain review.json 2>&1 >log)
    [ "$rule" = - ] || decision="$decision, $rule"
    diff <(printf "  decision     %s\n  result       %s\n" "$decision" "$result") <("$0" explain --config config.yaml "$2" | tail -n 2)' \
    "$pisw" "$pisw_mutate" "$name"
done

# --- completions, help, versions
for shell in bash zsh fish; do
  check "a completion script for $shell" says 'pisw' "$pisw" --generate-completion-script "$shell"
done
# shellcheck disable=SC2016 # for the inner shell
check "bash loads it, and completes subcommands" bash -c '
  "$0" --generate-completion-script bash >pisw.bash && source ./pisw.bash && complete -p pisw | grep -q "complete.*pisw" &&
  COMP_WORDS=(pisw conf) COMP_CWORD=1 COMP_LINE="pisw conf" COMP_POINT=9 && _pisw pisw conf pisw && [ "${COMPREPLY[*]}" = config ]' "$pisw"
for command in '' image explain config 'config check' 'config show'; do
  # shellcheck disable=SC2086 # the words of a command
  check "pisw $command --help fits 80 columns" bash -c '"$@" --help >out && ! sed "/^USAGE/d" out | grep -E "^.{81}"' - "$pisw" $command
done
check "--help tells every exit status" bash -c '"$0" --help | grep -cE "^  (0|1|64|65|66|70|71|78)  " | grep -qx 8' "$pisw"
check "--version" says '^[0-9]+\.[0-9]' "$pisw" --version
check "an unknown subcommand: 64" fails 64 frob "$pisw" frob
for target in '>/dev/full' '>&-'; do
  check "standard output $target: 71" bash -c '"$0" image --normalize x '"$target"' 2>err; [ $? = 71 ] && grep "standard output" err' "$pisw"
done
summary
