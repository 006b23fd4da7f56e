#!/usr/bin/env bash
# Runs every command in the README and docs/, and the examples: they work as written, and print what the documents show.
# Commands for a cluster are only checked as shell code here. Tests/chart renders the helm commands, and Tests/chain runs
# the kubectl commands.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"

need /usr/bin/python3 python3-minimal
need git git
need curl curl
need openssl openssl
need socat socat
need systemd-socket-activate systemd
need shellcheck shellcheck
build_static

cd "$top" || exit 71
documents=(README.md docs/*.md)
blocks=$top/Tests/docs/blocks.py
/usr/bin/python3 "$blocks" console "$work/blocks" "${documents[@]}" || exit 70
/usr/bin/python3 "$blocks" sh "$work/cluster" "${documents[@]}" || exit 70
mkdir "$work/checkout"
ln -s "$top/examples" "$work/checkout/examples"
cd "$work/checkout" || exit 71
unset REGISTRY_URL PROXY_URL PISW_CONFIG LOGLEVEL
PATH=$top/.build/static/release:$PATH

# shows COMMANDS EXPECTED: all commands of a block succeed, and print exactly what the document shows.
shows() {
  timeout 60 bash -euc 'trap "kill \$(jobs -p) 2>/dev/null || true" EXIT; . "$0"' "$1" >printed 2>&1 || { cat printed; return 1; }
  diff "$2" printed
}

table documents /usr/bin/python3 "$top/Tests/docs/documents.py" "$top" "$top/.build/static/release"
for block in "$work"/blocks/*.sh; do
  check "$(basename "$block" .sh): $(head -n 1 "$block" | cut -c 1-90)" shows "$block" "${block%.sh}.expected"
done
check "commands for a cluster pass shellcheck" shellcheck --shell=bash "$work"/cluster/*.sh
check "examples/run.sh runs" "$top/examples/run.sh"
check "examples/serve.sh runs" "$top/examples/serve.sh"
summary
