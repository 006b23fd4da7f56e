#!/usr/bin/env bash
# Builds static release programs in .build/static: the named ones, or all. Installs the packages that the build needs.
# Prints nothing unless it fails. Without a Git repository, --version prints the commit in PISW_COMMIT.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v swift >/dev/null; then
  echo "no Swift toolchain: install Swift 6.2 or later from https://www.swift.org/install" >&2
  exit 71
fi
missing=()
command -v pkg-config >/dev/null || missing+=(pkg-config)
[ -e /usr/include/yaml.h ] || missing+=(libyaml-dev)
[ -e /usr/include/openssl/ssl.h ] || missing+=(libssl-dev)
[ "${#missing[@]}" -eq 0 ] || Build/install.sh "${missing[@]}"

# Prints the commit, if the sources have no uncommitted changes. Package.swift passes it to the compiler as a number.
known_commit() {
  local changes
  if [ -n "${PISW_COMMIT:-}" ]; then
    echo "$PISW_COMMIT"
  elif [ -e .git ] && changes=$(git status --porcelain -- Package.swift Sources Build) && [ -z "$changes" ]; then
    git rev-parse HEAD
  fi
}
commit=$(known_commit)
if [[ ! $commit =~ ^([0-9a-f]{7,40})?$ ]]; then
  echo "PISW_COMMIT is '$commit': expected a commit, 7 to 40 hexadecimal digits" >&2
  exit 64
fi
export PISW_COMMIT=0x${commit:0:7}
[ -n "$commit" ] || PISW_COMMIT=0

mkdir -p .build
# Looks up types through their accessors instead of demangling their names: in a run of a millisecond that is measurable
# (Tests/bench/run.sh).
flags=(-Xswiftc -static-executable
  -Xswiftc -Xfrontend -Xswiftc -disable-concrete-type-metadata-mangled-name-accessors -Xswiftc -use-ld=lld)
# Build/link/README.md says what these flags gain.
mutate_flags=(-Xlinker --no-warn-symbol-ordering
  -Xlinker "--symbol-ordering-file=$PWD/Build/link/pisw-mutate.order")
serve_flags=(-Xlinker -z -Xlinker max-page-size=0x200000
  -Xlinker -z -Xlinker separate-loadable-segments -Xlinker -T -Xlinker "$PWD/Build/link/pisw-serve.ld")
[ $# -gt 0 ] || set -- pisw-mutate pisw-serve pisw
for product; do
  case $product in
    pisw-mutate) own=("${mutate_flags[@]}") ;;
    pisw-serve) own=("${serve_flags[@]}") ;;
    *) own=() ;;
  esac
  if ! swift build -c release --product "$product" "${flags[@]}" "${own[@]}" --scratch-path .build/static \
    >.build/static.log 2>&1; then
    cat .build/static.log >&2
    exit 70
  fi
done
