#!/usr/bin/env bash
# The unit tests of each module, in a process of its own: what crashes one module leaves the counts of the others.
# shellcheck source=Tests/lib.sh
source "$(dirname "$0")/../lib.sh"
cd "$top" || exit 71

declare -A covers=(
  [ImageReference]="the grammar of image names, and 800 names with what distribution/reference says of each"
  [JSON]="what RFC 8259 accepts and refuses, the reader, places of faults, the writer"
  [YAML]="events, marks and faults"
  [Policy]="mirrors, ignored images, exclusions, image IDs, idempotence"
  [Admission]="scope, images, patches, answers, warnings, malformed pods, secrets, subjects, captured reviews"
  [Manifests]="documents, types of scalars, pods of every kind, scope, reviews, edits in every style, anchors, diffs"
  [HTTP1]="good requests and bad ones cut at every byte, smuggling, chunks, pipelines, limits, responses"
  [Webhook]="what each method, path and kind of body is answered with, on both ports"
  [Configuration]="which file, variable or option wins, errors, a server's keys, and what is said of those that cannot be used"
  [ConfigurationLint]="warnings, explanations, the configuration in force, why rewriting twice changes nothing"
  [TLS]="certificates and keys of every form, and what is said of those that cannot be used"
  [System]="files replaced at once or not at all, the entries of folders"
  [CLinux]="the heap for secrets: sizes, alignment, wiping, reuse, its end, kept from children"
  [Version]="what --version prints"
  [Server]="reports and frames of children, counters, addresses, lines of the log, dates, files that change, tokens"
)

# count_tests MODULE: runs the tests of a module, and adds them to the counts.
count_tests() {
  local log=$work/$1.log last total bad=0 plain
  SWIFT_BACKTRACE=enable=no swift test --skip-build --disable-xctest --filter "^$1Tests\\." >"$log" 2>&1
  local status=$?
  # The line that ends a run: `Test run with 13 tests in 4 suites passed after 0.1 seconds.`
  last=$(grep -aE '^.{1,4}Test run with [0-9]+ tests? .*(passed|failed) after ' "$log" | tail -n 1)
  plain='^.{1,4}Test [^ ].* (passed|failed) after [0-9.]+ seconds'
  if [ -n "$last" ]; then
    total=$(sed -E 's/.*Test run with ([0-9]+) tests? .*/\1/' <<<"$last")
    bad=$(grep -aE "$plain" "$log" | grep -avE 'Test run with ' | grep -acE ' failed after ')
  else
    # A crash: what had ended counts, and the crash is a failure.
    total=$(($(grep -aE "$plain" "$log" | grep -acvE 'Test run with ') + 1))
    bad=$(($(grep -aE "$plain" "$log" | grep -acE ' failed after ') + 1))
  fi
  [ "$total" -gt 0 ] || echo "✘ Test run without a test" >>"$log"
  if [ "$total" -eq 0 ] || { [ "$bad" -eq 0 ] && [ "$status" -ne 0 ]; }; then
    total=$((total + 1))
    bad=$((bad + 1))
  fi
  passed=$((passed + total - bad))
  failed=$((failed + bad))
  if [ "$bad" -eq 0 ]; then
    echo "ok      $1: $total tests: ${covers[$1]}"
  else
    echo "FAILED  $1: $bad of $total tests (status $status)"
    # Only what went wrong: the thousands of cases that passed say nothing. After a crash its own words are the last.
    {
      grep -aE '^(✘ Test |↳ [^T]|± )' "$log" | grep -av 'Test run with '
      [ -n "$last" ] || grep -aE 'Fatal error|^error' "$log"
    } | cut -c 1-500 | tail -n 60 | sed 's/^/        /'
  fi
}

need /usr/include/yaml.h libyaml-dev pkg-config
need /usr/include/openssl/ssl.h libssl-dev
need openssl openssl
if ! swift build --build-tests >"$work/build.log" 2>&1; then
  echo "FAILED  the tests do not build"
  grep -E 'error|warning' "$work/build.log" | sort -u | tail -n 40 | sed 's/^/        /'
  failed=1
  summary
fi
for module in ImageReference JSON YAML Policy Admission Manifests HTTP1 Webhook Configuration ConfigurationLint TLS System CLinux Version Server; do
  count_tests "$module"
done
summary
