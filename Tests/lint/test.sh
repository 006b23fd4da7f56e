#!/usr/bin/env bash
# What must hold of the files themselves: format, shell scripts, imports, and where memory may be touched unsafely.
. "$(dirname "$0")/../lib.sh"

need shellcheck shellcheck
need /usr/include/yaml.h libyaml-dev
cd "$top" || exit 71

# finds_nothing GREP-ARGUMENT...: grep looks where it should, and finds no line; a folder that is not there is a failure.
finds_nothing() {
  grep "$@"
  [ $? -eq 1 ]
}

mapfile -t scripts < <(git ls-files | xargs grep -lE '^#!.*\b(ba)?sh\b|^# shellcheck shell=')
check "${#scripts[@]} shell scripts pass shellcheck" shellcheck "${scripts[@]}"
check "swift format lint --strict" swift format lint --strict --recursive Sources Tests Package.swift
check "the sources compile without a warning" \
  swift build -q -Xswiftc -warnings-as-errors --scratch-path .build/lint
check "no Foundation on the way of a review" finds_nothing -rn "import Foundation" Sources
# The modules that read bytes from outside contain no unsafe code; .strictMemorySafety() makes the compiler say so.
check "no unsafe code where bytes from outside are read" \
  finds_nothing -rnwE "unsafe|@safe|@unsafe" \
  Sources/{ImageReference,JSON,SwapPolicy,Admission,ConfigurationReview,Manifests,HTTP1}
# waits_for_lock: install.sh ends with what is wrong once the lock of apt's lists is free, and not before. apt has folders
# of its own here, without sources: nothing is fetched.
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
  need /usr/bin/python3 python3
  check "Build/install.sh waits while another holds a lock of apt's" waits_for_lock
else
  echo "        not root on Debian: not tried, whether Build/install.sh waits for a lock of apt's"
fi
# image_context FOLDER: what .dockerignore lets through is a package.
image_context() {
  local name
  mkdir "$1" && while read -r name; do cp -r "$name" "$1" || return; done < <(sed -n 's/^!//p' .dockerignore)
  swift package --package-path "$1" describe
}
check "the image's context has all that the build needs" image_context "$work/context-${work##*.}"
git ls-files >"$work/files"
check "neither .build nor Package.resolved is committed" \
  finds_nothing -E "(^|/)(\.build/|Package\.resolved$)" "$work/files"
summary
