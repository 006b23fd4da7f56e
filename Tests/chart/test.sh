#!/usr/bin/env bash
# Real Helm renders the chart against a stand-in for an API server. Tested are every line of the defaults, what values
# change, what the chart refuses, the certificate across upgrades, and what other tools find in the manifests.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"
here=$top/Tests/chart

need /usr/bin/python3 python3
need openssl openssl
need promtool prometheus
build_static
python=$("$here/venv.sh") || exit 71
# The settings of whoever runs the tests must not reach the programs. Helm keeps its releases in memory.
unset PISW_CONFIG REGISTRY_URL PROXY_URL LOGLEVEL KUBECONFIG
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export HELM_DRIVER=memory HOME=$work
cp "$pisw_mutate" "$work/pisw-mutate" || exit 70
export PISW_MUTATE=$work/pisw-mutate

table defaults "$python" "$here/defaults.py"
table refusals "$python" "$here/refusals.py"
table certificate "$python" "$here/certificate.py"
mkdir "$work/manifests"
table manifests "$python" "$here/manifests.py" "$work/manifests"
table documents "$python" "$here/documents.py"
check "the table in chart/README.md matches values.yaml" "$python" "$here/readme.py"
read -r _ version _ < <("$PISW_MUTATE" --version)
check "the chart's appVersion is the program's version" grep -qx "appVersion: $version" "$top/chart/Chart.yaml"
summary
