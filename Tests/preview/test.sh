#!/usr/bin/env bash
# pisw preview: what it reads, prints and writes, and its exit statuses. PyYAML and pisw-mutate check its results on the
# manifests of examples/ and of public projects. YAML of every production must stay as it is.
. "$(dirname "$0")/../lib.sh"

need /usr/bin/python3 python3
need patch patch
need git git
for module in yaml:python3-yaml jsonpatch:python3-jsonpatch jsonschema:python3-jsonschema; do
  /usr/bin/python3 -c "import ${module%:*}" 2>/dev/null || "$top/Build/install.sh" "${module#*:}" || exit 71
done
build_static
unset REGISTRY_URL PROXY_URL PISW_CONFIG LOGLEVEL NO_COLOR
cd "$work" || exit 71
config=$top/examples/config.yaml
mirror=(--mirror docker.io=proxy.example.com)
cp -r "$top/examples/manifests" "$top/examples/config.yaml" .

pod() { printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  containers:\n  - name: c\n    image: %s\n' "$1" "${2-nginx}"; }
pod web >web.yaml
pod web proxy.example.com/library/nginx:latest >done.yaml
printf 'a: [\n---\n' | cat - web.yaml >half.yaml

# prints FILE COMMAND...: the command succeeds, and prints exactly the file and nothing on standard error.
prints() {
  "${@:2}" >out 2>err || { cat err; return 1; }
  cat err
  diff "$1" out && [ ! -s err ]
}

# ends STATUS COMMAND...: the command ends with that status.
ends() {
  local expected=$1 status
  "${@:2}" >out 2>err
  status=$?
  cat out err
  [ "$status" -eq "$expected" ] || { echo "status $status, expected $expected"; return 1; }
}

# says STATUS PATTERN COMMAND...: the command ends with that status, and a line of standard error matches.
says() {
  ends "$1" "${@:3}" || return
  grep -qE -- "$2" err || { echo "no match for: $2"; return 1; }
}

preview=("$pisw" preview "${mirror[@]}")

# --- input
check "reads a file" prints done.yaml "${preview[@]}" --output yaml web.yaml
check "reads standard input" prints done.yaml "${preview[@]}" --output yaml <web.yaml
check "- means standard input" prints done.yaml "${preview[@]}" --output yaml - <web.yaml
check "reads a named pipe" prints done.yaml "${preview[@]}" --output yaml <(cat web.yaml)
mkdir -p tree/sub/.git tree/.hidden tree/link
cp web.yaml tree/a.yaml
cp web.yaml tree/sub/b.yml
"$pisw" preview --output yaml <web.yaml "${mirror[@]}" >/dev/null
printf '{"kind":"Pod","apiVersion":"v1","spec":{"containers":[{"name":"c","image":"nginx"}]}}' >tree/sub/c.json
for file in tree/sub/.git/x.yaml tree/.hidden/x.yaml tree/.x.yaml tree/notes.txt tree/x.yaml~; do cp web.yaml "$file"; done
ln -s ../web.yaml tree/linked.yaml
ln -s .. tree/link/round
mkfifo tree/pipe.yaml
ln -s nowhere tree/dangling.txt
files() { "${preview[@]}" --output json "$@" | /usr/bin/python3 -c '
import json, sys
print(*sorted({f["file"] for f in json.load(sys.stdin)["findings"]}))'; }
check "a folder: *.yaml, *.yml and *.json at any depth, but no hidden files, linked folders or pipes" \
  bash -c '[ "$1" = "tree/a.yaml tree/linked.yaml tree/sub/b.yml tree/sub/c.json" ] || { echo "$1"; exit 1; }' - \
  "$(timeout 10 bash -c "$(declare -f files); $(declare -p preview); files tree")"
check "a folder with a trailing slash" bash -c '[ "$1" = "tree/sub/b.yml tree/sub/c.json" ]' - "$(files tree/sub/)"
check "several files, folders and standard input at once" bash -c '[ "$1" = "<stdin> tree/sub/b.yml tree/sub/c.json web.yaml" ]' \
  - "$(files web.yaml - tree/sub <tree/a.yaml)"
check "./ before a path is left out, because git and GitLab want it so" bash -c '[ "$1" = "tree/sub/b.yml tree/sub/c.json web.yaml" ] || { echo "$1"; exit 1; }' \
  - "$(files ./web.yaml .//tree/sub)"
check "... also for the current folder" bash -c '[ "$1" = "a.yaml linked.yaml sub/b.yml sub/c.json" ] || { echo "$1"; exit 1; }' \
  - "$(cd tree && files .)"
check "a file that is named twice or through a link is read once" bash -c '"$@" | grep -c "^+ " | grep -qx 3' - "${preview[@]}" \
  tree/a.yaml "$PWD/tree/a.yaml" tree ./tree/linked.yaml web.yaml tree/sub/b.yml tree/sub
check "a missing file: 66, and the other files are previewed" says 66 'nowhere.yaml: No such file' "${preview[@]}" nowhere.yaml web.yaml
check "... the diff of the other files is printed" grep -q '^+    image: proxy' out
mkdir empty
check "a folder without manifests: 66" says 66 'empty: no \*.yaml' "${preview[@]}" empty
check "... also after another problem, but not for a folder whose files were read already" bash -c '
  "$@" nowhere.yaml empty web.yaml tree/sub tree/sub/ 2>err >out; [ $? = 66 ] && cat err && [ "$(grep -c . err)" = 2 ] && grep "empty: no" err' \
  - "${preview[@]}"
check "a file name that is not UTF-8: 66" bash -c 'mkdir odd && cp web.yaml odd/$(printf "\\xff.yaml") && "$@" odd 2>err; [ $? = 66 ] && grep UTF-8 err' \
  - "${preview[@]}"
check "empty input: no output" prints /dev/null "${preview[@]}" </dev/null
check "standard input closed: 66" says 66 'standard input: Bad file' bash -c '"$@" <&-' - "${preview[@]}"
check "wrong options: 64" says 64 'expected lower-case letters' "${preview[@]}" --namespace A_b web.yaml
check "an unknown output: 64, and the message lists the outputs" says 64 'sarif' "${preview[@]}" --output x web.yaml
check "no configuration: 78" says 78 'no configuration: name a mirror' "$pisw" preview web.yaml
check "a wrong configuration: 78" says 78 '^pisw: half.yaml:2:1: not valid YAML' "$pisw" preview --config half.yaml web.yaml
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  config.yaml: |\n    mirrors:\n      docker.io: proxy.example.com\n' >map.yaml
check "the chart's ConfigMap is a configuration" prints done.yaml "$pisw" preview --config map.yaml --output yaml web.yaml
check "standard output full: 71" says 71 'standard output' bash -c '"$@" >/dev/full' - "${preview[@]}" web.yaml

# --- invalid input
check "bad YAML: 65 with file, line and column, and the other documents are previewed" says 65 '^pisw: half.yaml:2:1: not valid YAML' \
  "${preview[@]}" half.yaml
check "... the diff of the other document is printed" grep -q '^+    image: proxy' out
check "65 takes precedence over 1" ends 65 "${preview[@]}" --check half.yaml
check "... and 66 over 65" ends 66 "${preview[@]}" --check half.yaml nowhere.yaml
check "--output yaml leaves bad documents as they are" bash -c '"${@:2}" --output yaml half.yaml 2>/dev/null | cmp - "$1"' - \
  <(printf 'a: [\n---\n' | cat - done.yaml) "${preview[@]}"
printf '{{- if .Values.x }}\n%s\n{{- end }}\n---\n{{ y }}: {{ z }}\n - x\n' "$(pod web '{{ .Values.image }}')" >template.yaml
check "a Helm template: 65, and the remedy once" bash -c '"$@" template.yaml 2>err; [ $? = 65 ] && [ "$(grep -c "helm template CHART | pisw preview" err)" = 1 ] && [ "$(wc -l <err)" = 1 ]' \
  - "${preview[@]}"
check "UTF-16: 65, and the remedy" says 65 'iconv' "${preview[@]}" <<<"$(printf '\376\377')a"
check "messages contain nothing of a pod except image names and keys" bash -c '
  printf "kind: Pod\napiVersion: v1\nmetadata: {annotations: {a: s3cret}}\nspec: {containers: [{name: c, env: [{value: s3cret}], image: [s3cret]}]}\n" |
  "$@" --explain 2>&1 | tee log; ! grep s3cret log' - "${preview[@]}"
pod web NGINX >invalid.yaml
check "the webhook's warnings are printed" says 0 'invalid.yaml:1:1: warning: pisw: containers\[0\]: not a valid image name' \
  "${preview[@]}" invalid.yaml

# --- status, --check, --explain, --namespace
check "changes without --check: 0" ends 0 "${preview[@]}" web.yaml
check "changes with --check: 1" ends 1 "${preview[@]}" --check web.yaml
check "no changes with --check: 0" ends 0 "${preview[@]}" --check done.yaml
check "--check counts changes that the text cannot express" ends 1 "${preview[@]}" --check manifests/odd/anchors.yaml
check "--explain: place, object, and pisw-mutate's six columns, on standard error" \
  says 0 "$(printf '^web.yaml:7:12\tPod default/web\tcontainers.0. .c.\tnginx\tdocker.io/library/nginx:latest\tredirected\tmirror docker.io at --mirror\tproxy.example.com/library/nginx:latest$')" \
  "${preview[@]}" --explain web.yaml
check "... also for images that stay" says 0 "$(printf '\tleft alone: already under a target\tmirror docker.io at --mirror\t')" \
  "${preview[@]}" --explain done.yaml
printf 'mirrors: {docker.io: proxy.example.com}\nexclude: {namespaces: [kube-system]}\n' >exclude.yaml
check "--namespace replaces the default namespace" ends 0 "$pisw" preview --config exclude.yaml --check --namespace kube-system web.yaml
check "... which is default" ends 1 "$pisw" preview --config exclude.yaml --check web.yaml
printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {k8s-proxy-image-swapper/skip: "true"}}\n' >namespace.yaml
check "a Namespace that opts out counts, also in a later file" ends 0 "${preview[@]}" --check web.yaml namespace.yaml

# --- --write
cp web.yaml written.yaml
chmod 640 written.yaml
ln written.yaml hard.yaml
check "--write succeeds" ends 0 "${preview[@]}" --write written.yaml
check "... writes what --output yaml prints" cmp written.yaml done.yaml
check "... and keeps the mode" bash -c '[ "$(stat -c %a written.yaml)" = 640 ]'
check "... and replaces the file atomically: a hard link still has the old text" cmp hard.yaml web.yaml
check "... and leaves no other file behind" bash -c '! ls -A | grep -F .pisw-'
before=$(stat -c %i%Y written.yaml)
check "a second --write does not touch the file" bash -c '"${@:2}" --write written.yaml && [ "$(stat -c %i%Y written.yaml)" = "$1" ]' - "$before" "${preview[@]}"
check "--check finds nothing after --write" ends 0 "${preview[@]}" --check written.yaml
cp web.yaml target.yaml
ln -s target.yaml symbolic.yaml
check "--write through a symbolic link writes the link's target" bash -c '"$@" --write symbolic.yaml && [ -L symbolic.yaml ] && cmp target.yaml done.yaml' - "${preview[@]}"
cp web.yaml target.yaml
check "--write of a file that is named twice writes it once" bash -c '"$@" --write target.yaml symbolic.yaml ./target.yaml && cmp target.yaml done.yaml' - "${preview[@]}"
cp half.yaml half-written.yaml
check "--write with a bad document: 65, and the other documents are written" bash -c '"$@" --write half-written.yaml; [ $? = 65 ] && grep -q "image: proxy" half-written.yaml' \
  - "${preview[@]}"
check "--write needs files: 64" says 64 'standard input cannot be written' "${preview[@]}" --write <web.yaml
check "--write and --check exclude each other: 64" says 64 'exclude each other' "${preview[@]}" --write --check web.yaml
check "--write of a pipe: 71" says 71 'fd/[0-9]+: not a regular file' "${preview[@]}" --write <(cat web.yaml)
# A folder that is not writable. Root could write it, so another user runs pisw.
mkdir readonly
cp web.yaml "$pisw" readonly/
chmod 755 .
chmod 777 readonly/web.yaml
chmod 555 readonly
unprivileged=()
[ "$(id -u)" -ne 0 ] || unprivileged=(setpriv --reuid 65534 --regid 65534 --clear-groups)
check "--write in a folder that is not writable: 71" says 71 'readonly/web.yaml: Permission denied' \
  "${unprivileged[@]}" readonly/pisw preview "${mirror[@]}" --write readonly/web.yaml
check "... and the file stays" cmp readonly/web.yaml web.yaml
chmod 755 readonly

# --- diff
mkdir written
cp -r manifests written
(cd written && "$pisw" preview --config "$config" --write manifests >../all.diff 2>err)
check "--write prints its changes as a diff" bash -c '"$1" preview --config "$2" manifests 2>err | cmp - all.diff' - "$pisw" "$config"
for apply in "patch -s -p1" "git apply"; do
  rm -rf applied
  mkdir applied
  cp -r manifests applied
  # shellcheck disable=SC2086 # words on purpose
  (cd applied && $apply <../all.diff) >apply.log 2>&1
  check "the diff of every example applies with $apply" diff -r applied/manifests written/manifests
done
# File names that a diff must quote.
mkdir -p names/to
for name in "a b" $'a\n+++ b' $'a\tb' $'a"b\\' 'ü,%:'; do pod web >"names/to/$name.yaml"; done
cp -r names named
(cd named && "$pisw" preview "${mirror[@]}" --write ./to >../named.diff 2>../named.err)
for apply in "patch -s -p1" "git apply"; do
  rm -rf applied
  cp -r names applied
  # shellcheck disable=SC2086 # words on purpose
  (cd applied && $apply <../named.diff) >apply.log 2>&1
  check "file names with blanks, quotes and line breaks: the diff applies with $apply" bash -c 'cat apply.log; diff -r applied named && ! diff -r names named >/dev/null'
done
check "colours on a terminal" bash -c '/usr/bin/python3 "$0" "$@" | grep -q "$(printf "\033\[32m+    image: proxy")"' \
  "$top/Tests/preview/terminal.py" "${preview[@]}" web.yaml
check "... not with NO_COLOR" bash -c 'NO_COLOR=1 /usr/bin/python3 "$0" "$@" >log; grep -q "+    image: proxy" log && ! grep -q "$(printf "\033")" log' \
  "$top/Tests/preview/terminal.py" "${preview[@]}" web.yaml
printf 'a: \033[2J\n---\n{kind: Pod, apiVersion: v1, spec: {containers: [{name: c, image: nginx}]}}\n' >escape.yaml
check "... and escape sequences in the text never reach the terminal" bash -c '
  NO_COLOR=1 /usr/bin/python3 "$0" "$@" >log; grep -qF "a: ?[2J" log && ! grep -q "$(printf "\033")" log' \
  "$top/Tests/preview/terminal.py" "${preview[@]}" escape.yaml
check "no colours in a pipe" bash -c '! "$@" | grep -q "$(printf "\033")"' - "${preview[@]}" web.yaml
/usr/bin/python3 -c 'print("---\n".join(["kind: Pod\napiVersion: v1\nspec: {containers: [{name: c, image: nginx}]}\n"] * 100000))' >long.yaml
# This takes seconds on any machine. A run shows its progress only after half a second.
mkdir long && for copy in 1 2 3 4 5 6 7 8; do cp long.yaml "long/$copy.yaml"; done
check "a long run on a terminal shows its progress, and removes the line at the end" bash -c '
  /usr/bin/python3 "$0" "$@" --output images long >log; grep -qE "[0-9]+ of 57 MiB" log && tail -c 100 log | grep -qF "$(printf "\r\033[K")"' \
  "$top/Tests/preview/terminal.py" "${preview[@]}"
check "... but not in a pipe" bash -c '"$@" --output images long 2>err >out; [ ! -s err ] && [ "$(wc -l <out)" = 1 ]' \
  - "${preview[@]}"

check "a closed pipe ends pisw without a message" bash -c '
  "$@" --output yaml long.yaml 2>err | head -n 1 >/dev/null; [ "${PIPESTATUS[0]}" = 141 ] && [ ! -s err ]' - "${preview[@]}"

# --- outputs for machines
check "outputs for machines are correct for independent readers" \
  /usr/bin/python3 "$top/Tests/preview/outputs.py" "$pisw" config.yaml manifests "$top/examples/preview.schema.json"

check "images that a node never pulls stay in every output" \
  /usr/bin/python3 "$top/Tests/preview/never.py" "$pisw" "$top/Tests/preview/never.yaml"

# --- manifests, checked by PyYAML and pisw-mutate
# judge NAME FOLDER PROBLEMS: previews every manifest in a folder. The name of the check says how many there were.
judge() {
  local name=$1 status
  /usr/bin/python3 "$top/Tests/preview/real.py" "$pisw" "$pisw_mutate" "$config" "${@:2}" >judge.log 2>&1
  status=$?
  check "$name: $(tail -n 1 judge.log)" bash -c 'cat judge.log; exit "$0"' "$status"
}
judge "examples/manifests" "$top/examples/manifests"
real=${PISW_MANIFESTS:-$top/../shared/manifests}
if [ -d "$real" ]; then
  # Three of the documents have a duplicate key.
  judge "manifests of public projects" "$real" 3
else
  echo "        skipped: there are no manifests of public projects in $real (PISW_MANIFESTS)"
fi
check "YAML of every production that is not a manifest stays, without a problem" \
  /usr/bin/python3 "$top/Tests/preview/productions.py" "$pisw"
check "examples/preview.sh runs" "$top/examples/preview.sh"
summary
