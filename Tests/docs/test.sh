#!/usr/bin/env bash
# Runs every command of the README and of docs/, and the examples: what stands there works as written, and prints what is
# shown. Commands for a cluster are read here; Tests/chart renders those of Helm, and Tests/chain runs those of kubectl.
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

# shows COMMANDS EXPECTED: the commands of a block, all successful, print just what the document shows.
shows() {
  timeout 60 bash -euc 'trap "kill \$(jobs -p) 2>/dev/null || true" EXIT; . "$0"' "$1" >printed 2>&1 || { cat printed; return 1; }
  diff "$2" printed
}

table documents /usr/bin/python3 "$top/Tests/docs/documents.py" "$top" "$top/.build/static/release"
for block in "$work"/blocks/*.sh; do
  check "$(basename "$block" .sh): $(head -n 1 "$block" | cut -c 1-90)" shows "$block" "${block%.sh}.expected"
done
check "commands for a cluster are of good shell" shellcheck --shell=bash "$work"/cluster/*.sh
check "examples/run.sh" "$top/examples/run.sh"
check "examples/serve.sh" "$top/examples/serve.sh"
summary
