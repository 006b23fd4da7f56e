#!/usr/bin/env bash
# Writes serve.order: the functions that a connection of pisw-serve runs, for the linker to put side by side at the
# beginning of the code, which the server moves into huge pages. Run it when the way of a request has changed much;
# entries that no longer exist do no harm.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v valgrind >/dev/null || Tests/install.sh valgrind
Tests/build.sh pisw-serve
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>/dev/null
# valgrind cannot read the debug information of Swift's own objects.
strip -g -o "$scratch/pisw-serve" .build/static/release/pisw-serve
# valgrind leaves no room for a heap that has its reserve, so that reviews have no sandbox here, in which it could not work.
for isolation in request connection; do
  valgrind --tool=callgrind --demangle=no --instr-atstart=no --callgrind-out-file="$scratch/calls.%p" \
    "$scratch/pisw-serve" --config Tests/bench/config.yaml --tls-cert "$scratch/cert.pem" --tls-key "$scratch/key.pem" \
    --listen 127.0.0.1:0 --admin-listen off --isolation "$isolation" --handshake-timeout 60 --header-timeout 60 \
    --review-timeout 60 --drain-delay 0 2>"$scratch/log" &
  server=$!
  until port=$(grep -oE '"address":"127.0.0.1:[0-9]+' "$scratch/log" | grep -oE '[0-9]+$'); do sleep 0.2; done
  # What runs before that is not wanted.
  callgrind_control -i on "$server" >/dev/null
  curl -s --cacert "$scratch/cert.pem" -H 'Content-Type: application/json' -o /dev/null \
    --data-binary @examples/reviews/deployment-pod.json "https://localhost:$port/mutate"
  # Each tells what it ran when it ends by itself.
  while pgrep -P "$server" >/dev/null; do sleep 0.2; done
  kill "$server"
  wait "$server" || true
  rm -f "$scratch/calls.$server"
done
# Symbols by which the C library calls itself have other names outside.
nm --defined-only .build/static/release/pisw-serve | awk '$2 ~ /[tTwW]/ { print $3 }' | sort -u >"$scratch/symbols"
# A review may not write a file, so valgrind tells nothing of the calls that only its own process makes.
own=(prctl dup2 close_range getrlimit64 setrlimit64 clock_gettime setitimer syscall write posix_die_with posix_close_all_but_standard
  posix_limit posix_limit_files posix_set_timer posix_enter_sandbox posix_leave_sandbox)
while read -r symbol; do own+=("$symbol"); done < <(grep -E 'ReviewOutcomeV5frame|5POSIX10DescriptorV5write' "$scratch/symbols")
# valgrind has no AVX-512: what the C library chooses where a processor has it lies beside what it chose here.
siblings() {
  awk -v symbols="$scratch/symbols" 'BEGIN { while ((getline name < symbols) > 0) known[name] = 1 }
    { print }
    /^__(mem|str).*_avx/ {
      for (i = split("evex avx512", kinds, " "); i > 0; i--) {
        name = $0
        sub(/avx2?/, kinds[i], name)
        if (name in known) print name
      }
    }'
}
# OpenSSL comes last, whose objects bring along more than is needed: what does not fit the huge pages is its.
libraries=$(pkg-config --variable=libdir openssl)
nm "$libraries/libssl.a" "$libraries/libcrypto.a" 2>/dev/null | awk '$2 ~ /[tTwW]/ { print $3 }' >"$scratch/openssl"
{
  printf 'fn=(0) %s\n' "${own[@]}"
  cat "$scratch"/calls.*
} | grep -oE '^c?fn=\([0-9]+\) .*' \
  | sed -E "s/^c?fn=\([0-9]+\) //; s/'[0-9]+$//" | grep -v '^0x' | awk '!seen[$0]++' \
  | awk -v symbols="$scratch/symbols" 'BEGIN { while ((getline name < symbols) > 0) known[name] = 1 }
      { for (i = 0; i < 4; i++) { name = substr("____", 1, i) $0; if (name in known) { print name; next } }
        if (("__libc_" $0) in known) print "__libc_" $0 }' \
  | siblings \
  | awk -v openssl="$scratch/openssl" 'BEGIN { while ((getline name < openssl) > 0) last[name] = 1 }
      $0 in last { rest = rest $0 "\n"; next } { print } END { printf "%s", rest }' >Tests/bench/serve.order
wc -l Tests/bench/serve.order
