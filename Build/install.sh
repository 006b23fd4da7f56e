#!/usr/bin/env bash
# Installs Debian packages: install.sh PACKAGE... As root or through sudo. Otherwise it prints the command and stops.
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
# Runs apt-get, and waits up to five minutes while another process holds a lock: a machine may update itself in the
# background. apt itself waits for dpkg's frontend lock only, and fails at once on the locks of its lists, its archives
# and dpkg.
apt_get() {
  local deadline=$((SECONDS + 300))
  until "${as_root[@]}" env LC_ALL=C DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1; do
    grep -qE 'Could not get lock|locked by another process' "$log" && [ "$SECONDS" -lt "$deadline" ] || return
    sleep 1
  done
}
install() {
  apt_get install -y --no-install-recommends "$@"
}
echo "installing $*" >&2
# A fresh machine has no package lists yet.
install "$@" || { apt_get update && install "$@"; } || {
  cat "$log" >&2
  exit 71
}
