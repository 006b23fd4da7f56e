#!/usr/bin/env bash
# The chart, rendered by real Helm against a stand-in for an API server: every line of the defaults, what values change
# and what is refused, the certificate across upgrades, and what others say of the manifests.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"
here=$top/Tests/chart

need /usr/bin/python3 python3
need openssl openssl
need promtool prometheus
build_static
python=$("$here/venv.sh") || exit 71
# No setting of whoever runs the tests may reach the programs, and Helm keeps its releases in memory.
unset PISW_CONFIG REGISTRY_URL PROXY_URL LOGLEVEL KUBECONFIG
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export HELM_DRIVER=memory HOME=$work PYTHONDONTWRITEBYTECODE=1
cp "$pisw_mutate" "$work/pisw-mutate" || exit 70
export PISW_MUTATE=$work/pisw-mutate

# table NAME ARGUMENT...: shows and counts what a table prints. One that breaks off, or tests nothing, has failed.
table() {
  local status ok bad
  "$python" "$here/$1.py" "${@:2}" >"$work/table.out" 2>"$work/table.err"
  status=$?
  cat "$work/table.out"
  ok=$(grep -c '^ok ' "$work/table.out")
  bad=$(grep -c '^FAILED ' "$work/table.out")
  passed=$((passed + ok))
  failed=$((failed + bad))
  check "the table $1 ran to its end" ended "$ok" "$status" "$((bad > 0))"
}

ended() {
  cat "$work/table.err"
  [ "$1" -gt 0 ] && [ "$2" -eq "$3" ]
}

table defaults
table refusals
table certificate
mkdir "$work/manifests"
table manifests "$work/manifests"
check "the README's table of values is that of values.yaml" "$python" "$here/readme.py"
version=$("$PISW_MUTATE" --version)
check "the chart has the version of the program" grep -qx "appVersion: ${version##* }" "$top/chart/Chart.yaml"
summary
