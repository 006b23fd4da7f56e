# shellcheck shell=bash
# What the test groups share: installing missing programs, building, counting checks, and ending started processes.
# A group is a folder with a test.sh that sources this file, calls `check` for each test, and ends with `summary`.

set -uo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The static programs. build_static builds them.
pisw_mutate=$top/.build/static/release/pisw-mutate
# shellcheck disable=SC2034 # for the groups
pisw=$top/.build/static/release/pisw
# shellcheck disable=SC2034 # for the groups
reviews=$top/examples/reviews
# For the Python programs of the groups: the package harness, and no caches in the checkout.
export PYTHONPATH=$top/Tests PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
passed=0
failed=0
started=()

# Ends every process that `start` started, and removes the scratch folder.
clean_up() {
  local pid
  # A child that a signal ends right after its fork runs the traps of its parent.
  [ "$BASHPID" = "$$" ] || return
  for pid in "${started[@]}"; do
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# need COMMAND-OR-FILE PACKAGE...: installs Debian packages unless the command or the file exists.
need() {
  local thing=$1
  shift
  case $thing in
    /*) [ -e "$thing" ] && return ;;
    *) PATH=$PATH:/usr/sbin command -v "$thing" >/dev/null && return ;;
  esac
  "$top/Build/install.sh" "$@" || exit 71
}

# Builds the static programs, unless this run of the tests has built them.
build_static() {
  [ -n "${PISW_BUILT:-}" ] && [ -x "$pisw_mutate" ] && return
  "$top/Build/build.sh" || exit 70
}

# check NAME COMMAND...: runs the command, and counts it as passed if its status is 0. Shows its output only if it
# fails.
check() {
  local name=$1 status
  shift
  "$@" >"$work/check.log" 2>&1
  status=$?
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok      $name"
  else
    failed=$((failed + 1))
    echo "FAILED  $name (status $status)"
    tail -n 40 "$work/check.log" | sed 's/^/        /'
  fi
}

# fails STATUS PATTERN COMMAND...: the command must end with STATUS, and print nothing on standard output and a line
# that matches PATTERN (extended regular expression) on standard error. The outputs are then in `out` and `err`.
fails() {
  local expected=$1 pattern=$2 status
  shift 2
  "$@" >out 2>err
  status=$?
  cat err
  if [ "$status" -ne "$expected" ]; then echo "status $status, expected $expected"; return 1; fi
  if [ -s out ]; then echo "standard output is not empty:"; cat out; return 1; fi
  grep -qE -- "$pattern" err || { echo "no match for: $pattern"; return 1; }
}

# start COMMAND...: runs a server in the background until the group ends. Its output goes to $work/server.log.
start() {
  "$@" >>"$work/server.log" 2>&1 &
  started+=($!)
}

# stop_last: ends the server that was started last.
stop_last() {
  local last=$((${#started[@]} - 1))
  kill "${started[$last]}" 2>/dev/null
  wait "${started[$last]}" 2>/dev/null
  unset "started[$last]"
}

# Prints a free port of 127.0.0.1.
free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_for_port PORT: waits until a server listens on 127.0.0.1:PORT. Fails after 10 seconds.
wait_for_port() {
  local i
  for ((i = 0; i < 200; i++)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    sleep 0.05
  done
  echo "nobody listens on port $1" >&2
  return 1
}

# table NAME COMMAND...: runs a program that prints `ok ...` or `FAILED ...` for each check, and whose status is 1 if a
# check failed. Shows and counts the checks.
table() {
  local name=$1 status
  shift
  "$@" >"$work/table.out" 2>"$work/table.err"
  status=$?
  cat "$work/table.out"
  count_table "$name" "$status" "$work/table.out" "$work/table.err"
}

# count_table NAME STATUS OUTPUT [ERRORS]: counts the checks in a program's output. A program that broke off or checked
# nothing has failed: its status must be 1 after a failed check, and else 0.
count_table() {
  local ok bad
  ok=$(grep -c '^ok ' "$3")
  bad=$(grep -c '^FAILED ' "$3")
  passed=$((passed + ok))
  failed=$((failed + bad))
  check "the table $1 ran to its end" table_ended "$((ok > 0)) $2" "1 $((bad > 0))" "${4:-/dev/null}"
}

table_ended() {
  cat "$3"
  [ "$1" = "$2" ]
}

# Prints the counts, which run.sh adds up, and ends the group.
summary() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit
}
