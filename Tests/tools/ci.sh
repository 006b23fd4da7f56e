#!/usr/bin/env bash
# Runs the commands of the CI examples in a repository of manifests: ci.sh PISW EXAMPLES
set -euo pipefail

pisw=$1 examples=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=${pisw%/*}:$PATH
cd "$work"
mkdir manifests
cp "$examples/kustomize/deployment.yaml" manifests/
cp "$examples/config.yaml" pisw.yaml

# commands FILE: prints the commands of a CI job that begin with `pisw`, one on each line, without YAML.
commands() {
  sed -nE 's/^ *(- |run: )?(pisw .*)$/\2/p' "$1"
}

# job FILE COUNT: runs the commands of a CI job, at least COUNT. All succeed but `--check`, which finds images.
job() {
  local command status expected
  commands "$1" >list
  [ "$(wc -l <list)" -ge "$2" ] || { echo "$1: only $(wc -l <list) commands"; exit 1; }
  while read -r command; do
    status=0
    bash -euc "$command" >"$work/out" 2>"$work/err" </dev/null || status=$?
    expected=0
    [[ $command != *--check* ]] || expected=1
    if [ "$status" -ne "$expected" ]; then
      echo "$1: $command: status $status, expected $expected"
      cat "$work/out" "$work/err"
      exit 1
    fi
    if [[ $command = *"--output github"* ]]; then
      grep -q '^::[a-z]* file=manifests/deployment.yaml,line=14,' "$work/out"
    fi
  done <list
}

job "$examples/ci/github.yml" 4
job "$examples/ci/gitlab.yml" 3
/usr/bin/python3 - <<'END'
import json
sarif = json.load(open("pisw.sarif"))
assert sarif["version"] == "2.1.0" and len(sarif["runs"][0]["results"]) == 2, sarif
report = json.load(open("gl-code-quality-report.json"))
assert len(report) == 2 and report[0]["location"]["path"] == "manifests/deployment.yaml", report
END

# Manifests that already name the cluster's images pass.
pisw preview --config pisw.yaml --write manifests >log
pisw preview --config pisw.yaml --check manifests >log
cp "$examples/kustomize/deployment.yaml" manifests/

# pre-commit in a Git repository: one hook passes, the other finds the two images.
git init -q . && git add manifests pisw.yaml
status=0
HOME=$work GIT_CONFIG_GLOBAL=/dev/null pre-commit run --all-files --config "$examples/ci/pre-commit.yaml" >hooks 2>&1 || status=$?
if [ "$status" -ne 1 ] || ! grep -q "pisw's configuration is valid.*Passed" hooks ||
  ! grep -q 'the cluster would redirect no image.*Failed' hooks; then
  echo "pre-commit: status $status"
  cat hooks
  exit 1
fi

# Helm passes the rendered chart to its post-renderer. Helm 4 passes it to the command of the plugin.
render() {
  printf -- '---\n# Source: web/templates/deployment.yaml\n'
  cat manifests/deployment.yaml
}
plugin=$examples/helm-post-renderer
command=$(sed -nE 's/^ *- command: (.*)$/\1/p' "$plugin/plugin.yaml")
render | PISW_CONFIG=pisw.yaml HELM_PLUGIN_DIR=$plugin bash -euc "$command" >rendered
diff <(render | sed 's,nginx:1,proxy.example.com/library/&,; s,quay.io/,harbor.example.com/quay/,') rendered
