#!/usr/bin/env bash
# Installs Debian packages: install.sh PACKAGE... As root or through sudo; otherwise it prints the command and stops.
set -euo pipefail

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "these packages are missing; install them and try again:" >&2
    echo "  apt-get install --no-install-recommends $*" >&2
    exit 71
  fi
  as_root=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >"$log" 2>&1
}
echo "installing $*" >&2
# A fresh machine has no package lists yet.
install "$@" || { "${as_root[@]}" apt-get update -qq >"$log" 2>&1 && install "$@"; } || {
  cat "$log" >&2
  exit 71
}
