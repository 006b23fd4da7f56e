#!/usr/bin/env bash
# Builds the static releases in .build/static: those named, or every one. Installs what the build needs.
# Quiet unless it fails.
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
[ "${#missing[@]}" -eq 0 ] || Tests/install.sh "${missing[@]}"

mkdir -p .build
# What a run of a millisecond notices (Tests/bench/run.sh): types found by their accessors instead of by demangling
# their names, and the functions that every run needs side by side in the file (Tests/bench/order.sh).
flags=(-Xswiftc -static-executable
  -Xswiftc -Xfrontend -Xswiftc -disable-concrete-type-metadata-mangled-name-accessors
  -Xswiftc -use-ld=lld -Xlinker --no-warn-symbol-ordering)
[ $# -gt 0 ] || set -- pisw-mutate pisw-serve pisw
for product; do
  case $product in
    pisw-mutate) own=(-Xlinker "--symbol-ordering-file=$PWD/Tests/bench/startup.order") ;;
    # The server moves its most needed code and its constants into huge pages, if they begin where one can
    # (posix_forget_startup): what only relocation writes to (.tdata to .got) counts as constant, and lies among them. What
    # is written later fits one page table. Each piece, each page and each table has its price when a process is forked.
    # Where a linker says that sections overlap, one has grown out of its place: move those that follow it. (.tbss takes no
    # place: it is named to stay in the row.)
    pisw-serve)
      places=(.iplt=0x600000 .init=0x601000 .fini=0x601100 __libc_freeres_fn=0x601200 .text=0x602000
        .rodata=0x1800000 .tdata=0x1ac0000 .tbss=0x1ac0800 .fini_array=0x1ac1000 .init_array=0x1ac1100
        .data.rel.ro=0x1ac1400 .got=0x1ba0000)
      own=(-Xlinker "--symbol-ordering-file=$PWD/Tests/bench/serve.order" -Xlinker -T
        -Xlinker "$PWD/Tests/bench/serve.ld")
      for place in "${places[@]}"; do own+=(-Xlinker "--section-start=$place"); done
      ;;
    *) own=() ;;
  esac
  if ! swift build -c release --product "$product" "${flags[@]}" "${own[@]}" --scratch-path .build/static \
    >.build/static.log 2>&1; then
    cat .build/static.log >&2
    exit 70
  fi
done
