#!/usr/bin/env bash
# Builds the static release of pisw-mutate in .build/static, and installs what the build needs. Quiet unless it fails.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v swift >/dev/null; then
  echo "no Swift toolchain: install Swift 6.2 or later from https://www.swift.org/install" >&2
  exit 71
fi
missing=()
command -v pkg-config >/dev/null || missing+=(pkg-config)
[ -e /usr/include/yaml.h ] || missing+=(libyaml-dev)
[ "${#missing[@]}" -eq 0 ] || Tests/install.sh "${missing[@]}"

mkdir -p .build
if ! swift build -c release --product pisw-mutate -Xswiftc -static-executable --scratch-path .build/static \
  >.build/static.log 2>&1; then
  cat .build/static.log >&2
  exit 70
fi
