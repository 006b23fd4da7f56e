#!/usr/bin/env bash
# Builds the fuzz targets in .build/fuzz. All modules are instrumented, and testable, because internal types read what a
# pipe carries. Prints nothing unless it fails.
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p .build
if ! PISW_FUZZ=1 swift build -c release --sanitize fuzzer -Xswiftc -enable-testing \
  --scratch-path .build/fuzz >.build/fuzz.log 2>&1; then
  cat .build/fuzz.log >&2
  exit 70
fi
