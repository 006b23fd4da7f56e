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
