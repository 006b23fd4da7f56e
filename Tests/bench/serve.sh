#!/usr/bin/env bash
# Prints the server's benchmark table in docs/speed.md: pisw-serve and floor.c, the least that such a server can cost,
# in turns, with the same certificate and the same wrk. Both run under a seccomp filter that allows everything, nearly
# as a container runtime's does. floor confines the process of a request as pisw-serve does. Ratios are medians of the
# rounds.
#   serve.sh [ROUNDS [SECONDS]]
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-7}
seconds=${2:-3}
Build/build.sh pisw-serve
command -v gcc >/dev/null || Build/install.sh gcc libc6-dev
command -v wrk >/dev/null || Build/install.sh wrk
command -v openssl >/dev/null || Build/install.sh openssl

scratch=$(mktemp -d)
servers=()
clean_up() {
  [ "${#servers[@]}" -eq 0 ] || { kill -KILL "${servers[@]}" && wait "${servers[@]}"; } 2>/dev/null || true
  rm -rf "$scratch"
}
trap clean_up EXIT
gcc -O2 -static Tests/bench/floor.c -o "$scratch/floor" -lssl -lcrypto 2>/dev/null
# A file's place in the page cache changes how much of it is resident, so the programs are stripped and copied.
strip -o "$scratch/stripped" .build/static/release/pisw-serve
cp "$scratch/stripped" "$scratch/pisw-serve"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>/dev/null
cp Tests/bench/post.lua "$scratch/kept.lua"
{
  cat Tests/bench/post.lua
  echo 'wrk.headers["Connection"] = "close"'
} >"$scratch/close.lua"
export REVIEW=examples/reviews/deployment-pod.json

free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# serve_both MODE: starts floor and pisw-serve in a mode.
serve_both() {
  local mode=$1 options=() confined=(/usr/bin/python3 Tests/harness/confined.py all)
  case $mode in
    request) mode=confined ;;
    unconfined)
      mode=request
      options=(--sandbox off)
      ;;
    connection) options=(--isolation connection) ;;
  esac
  floor_port=$(free_port)
  "${confined[@]}" "$scratch/floor" "$mode" "$floor_port" "$scratch/cert.pem" "$scratch/key.pem" &
  servers+=($!)
  pisw_port=$(free_port)
  "${confined[@]}" "$scratch/pisw-serve" --config Tests/bench/config.yaml --tls-cert "$scratch/cert.pem" \
    --tls-key "$scratch/key.pem" --listen "127.0.0.1:$pisw_port" --admin-listen off "${options[@]}" 2>"$scratch/log" &
  pisw=$!
  servers+=("$pisw")
  sleep 1
}

# load PORT SCRIPT: prints reviews per second and the 99th percentile of the latency in ms. Fails on a wrong answer.
load() {
  wrk -t1 -c4 "-d${seconds}s" --latency -s "$scratch/$2.lua" "https://127.0.0.1:$1/mutate" >"$scratch/wrk"
  if grep -q 'Non-2xx' "$scratch/wrk"; then
    cat "$scratch/wrk" >&2
    return 1
  fi
  awk '/99%/ { p99 = $2 + 0; if ($2 ~ /us/) p99 /= 1000; else if ($2 !~ /ms/) p99 *= 1000 }
    /Requests.sec/ { print $2, p99 }' "$scratch/wrk"
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

echo "reviews per second, 4 connections, 2.8 KB review (medians of $rounds rounds of $seconds s, in turns)"
echo "                                    floor   pisw-serve   ratio   p99 floor   p99 pisw-serve"
for mode in request unconfined connection close; do
  script=kept
  case $mode in
    request) name="kept alive, isolation request" ;;
    unconfined) name="... with --sandbox off" ;;
    connection) name="kept alive, isolation connection" ;;
    close)
      script=close
      name="a new connection for each"
      ;;
  esac
  serve_both "$mode"
  for ((round = 0; round < rounds; round++)); do
    floor=$(load "$floor_port" "$script")
    ours=$(load "$pisw_port" "$script")
    echo "$floor $ours"
  done >"$scratch/rounds"
  printf '  %-32s %7.0f %10.0f %9.2f %8.2f ms %10.2f ms\n' "$name" \
    "$(awk '{ print $1 }' "$scratch/rounds" | median)" "$(awk '{ print $3 }' "$scratch/rounds" | median)" \
    "$(awk '{ print $3 / $1 }' "$scratch/rounds" | median)" "$(awk '{ print $2 }' "$scratch/rounds" | median)" \
    "$(awk '{ print $4 }' "$scratch/rounds" | median)"
  { kill -KILL "${servers[@]}" && wait "${servers[@]}"; } 2>/dev/null || true
  servers=()
done

# The memory of the listener, and of 200 connections that are idle after one review each.
serve_both request
/usr/bin/python3 - "$pisw_port" "$pisw" <<'P'
import pathlib, ssl, socket, sys
port, listener = int(sys.argv[1]), int(sys.argv[2])
body = open("examples/reviews/deployment-pod.json", "rb").read()
request = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
context = ssl._create_unverified_context()
held = []
for _ in range(200):
    connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port)))
    connection.sendall(request)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    held.append(connection)
own, resident = [], 0
children = pathlib.Path(f"/proc/{listener}/task/{listener}/children").read_text().split()
for child in children:
    rollup = dict(line.split(":") for line in pathlib.Path(f"/proc/{child}/smaps_rollup").read_text().splitlines()[1:])
    own.append(int(rollup["Pss"].split()[0]))
for line in pathlib.Path(f"/proc/{listener}/status").read_text().splitlines():
    if line.startswith("VmRSS"):
        resident = int(line.split()[1])
print(f"memory with {len(children)} idle connections")
print(f"  listener, resident               {resident / 1024:7.1f} MB")
print(f"  each connection, PSS             {sum(own) / len(own) / 1024:7.2f} MB")
P
