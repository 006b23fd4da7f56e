#!/usr/bin/env bash
# Checks of the source files: format, shell scripts, sizes, imports, and modules without unsafe code.
. "$(dirname "$0")/../lib.sh"

need shellcheck shellcheck
need /usr/include/yaml.h libyaml-dev
need /usr/bin/python3 python3
cd "$top" || exit 71

# finds_nothing GREP-ARGUMENT...: grep finds no line. A folder that does not exist is a failure.
finds_nothing() {
  grep "$@"
  [ $? -eq 1 ]
}

mapfile -t scripts < <(git ls-files | xargs grep -lE '^#!.*\b(ba)?sh\b|^# shellcheck shell=')
check "${#scripts[@]} shell scripts pass shellcheck" shellcheck "${scripts[@]}"
check "swift format lint --strict" swift format lint --strict --recursive Sources Tests Package.swift
check "the sources compile without a warning" \
  env PISW_TEST_PROGRAMS=1 swift build -q -Xswiftc -warnings-as-errors --scratch-path .build/lint
check "no file in Sources has more than 400 lines" /usr/bin/python3 Tests/lint/structure.py files
check "no function in Sources has more than 50 lines" /usr/bin/python3 Tests/lint/structure.py functions
check "modules import only what lies below them" /usr/bin/python3 Tests/lint/structure.py imports
check "C modules are imported only at the C boundary" /usr/bin/python3 Tests/lint/structure.py boundary
check "no module in Sources imports Foundation" finds_nothing -rn "import Foundation" Sources
# With .strictMemorySafety(), the compiler demands one of these words wherever code is unsafe.
check "modules that read bytes from outside contain no unsafe code" \
  finds_nothing -rnwE "unsafe|@safe|@unsafe" \
  Sources/{ImageReference,JSON,Policy,Admission,ConfigurationLint,Manifests,HTTP1}
# waits_for_lock: install.sh waits while another process holds the lock of apt's lists, and then reports apt's own
# error. apt uses empty folders here, without sources, so it fetches nothing.
waits_for_lock() {
  local start=$SECONDS
  mkdir -p "$work/apt/lists/partial" "$work/apt/none"
  printf '%s "%s";\n' Dir::State::Lists "$work/apt/lists" Dir::Etc::SourceList /dev/null \
    Dir::Etc::SourceParts "$work/apt/none" Dir::Cache "$work/apt" >"$work/apt.conf"
  /usr/bin/python3 -c '
import fcntl, sys, time
with open(sys.argv[1], "w") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("held", flush=True)
    time.sleep(4)' "$work/apt/lists/lock" >"$work/held" &
  until grep -q held "$work/held"; do sleep 0.1; done
  APT_CONFIG=$work/apt.conf Build/install.sh no-such-package 2>&1 | tee "$work/installed"
  [ $((SECONDS - start)) -ge 3 ] && grep -q "Unable to locate package no-such-package" "$work/installed"
}
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  check "Build/install.sh waits while another process holds a lock of apt" waits_for_lock
else
  echo "        skipped, because this is not root on Debian: Build/install.sh waits for a lock of apt"
fi
# image_context FOLDER: the files that .dockerignore allows are a complete package.
image_context() {
  local name
  mkdir "$1" && while read -r name; do cp -r "$name" "$1" || return; done < <(sed -n 's/^!//p' .dockerignore)
  swift package --package-path "$1" describe
}
check "the image's build context has all files that the build needs" image_context "$work/context-${work##*.}"
git ls-files >"$work/files"
check "neither .build nor Package.resolved is committed" \
  finds_nothing -E "(^|/)(\.build/|Package\.resolved$)" "$work/files"
summary
