#!/usr/bin/env bash
# Runs every command of the README, and the examples: what stands there works as written, and prints what is shown.
. "$(dirname "$0")/../lib.sh"

need python3 python3-minimal
need curl curl
need openssl openssl
need socat socat
need systemd-socket-activate systemd
build_static

/usr/bin/env python3 "$top/Tests/docs/blocks.py" "$top/README.md" "$work/blocks" || exit 70
mkdir "$work/checkout"
ln -s "$top/examples" "$work/checkout/examples"
cd "$work/checkout" || exit 71
unset REGISTRY_URL PROXY_URL PISW_CONFIG LOGLEVEL
PATH=$top/.build/static/release:$PATH

# shows COMMANDS EXPECTED: the commands of a block, all successful, print just what the README shows.
shows() {
  timeout 60 bash -euc 'trap "kill \$(jobs -p) 2>/dev/null || true" EXIT; . "$0"' "$1" >printed 2>&1 || { cat printed; return 1; }
  diff "$2" printed
}

for block in "$work"/blocks/*.sh; do
  check "README: $(head -n 1 "$block" | cut -c 1-90)" shows "$block" "${block%.sh}.expected"
done
check "examples/run.sh" "$top/examples/run.sh"
check "examples/serve.sh" "$top/examples/serve.sh"
summary
