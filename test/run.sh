#!/usr/bin/env bash
# `make test` runs every test that must always hold by this script. The script runs all parts even when one fails, and
# ends with one line "N passed, N failed" over all of them. `test/run.sh unit integration` runs only these two parts;
# the part `quick` is the integration tests of `make test-fast`.
set -uo pipefail
cd "$(dirname "$0")/.."
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(verify unit integration e2e)
# These files of test/integration took less than 16 seconds each beside other work. Areas with several files have one or
# two here; faults and kills, which wait for limits of time, are in `integration` alone.
quick=(arrivals binary-copy bridge-sources bridge-webhook content-identity copy-object datadog fence read-blocks session
  sftp-connect target types upgrade work-copy)
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
passed=0 failed=0 failures=()
export MAKEFLAGS=--no-print-directory PATH=$PWD/node_modules/.bin:$PATH

# Runs a step and shows its output as it comes. The last lines of a step that fails are shown again at the end, where
# readers look first.
step() { # name, command...
  local name=$1
  shift
  "$@" 2>&1 | tee "$results/$name.log"
  local code=${PIPESTATUS[0]}
  [ "$code" -eq 0 ] || failures+=("$name (exit code $code)")
  return "$code"
}

run_vitest() { # project, files...
  step "$1" vitest run --project "$1" "${@:2}" --reporter=default --reporter=json --outputFile.json="$results/$1.json"
  local code=$?
  # A run that broke before its first test has no counts and is one failure.
  local counts
  counts=$(node test/failures.ts "$results/$1.json" "$results/$1.failures")
  local p=${counts% *} f=${counts#* }
  if [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
  if [ "$code" -eq 0 ] && [ "$p" -eq 0 ]; then echo "no test ran in $1"; f=1; fi
  passed=$((passed + p)) failed=$((failed + f))
}

for part in "${parts[@]}"; do
  started=$SECONDS
  printf '\n==> %s\n' "$part"
  case "$part" in
    verify)
      if step verify make verify; then passed=$((passed + 1)); else failed=$((failed + 1)); fi ;;
    e2e)
      if step up make up; then run_vitest e2e; run_vitest e2e-faults; else echo "make up failed: no e2e test ran"; failed=$((failed + 1)); fi ;;
    quick)
      files=("${quick[@]/#/test/integration/}")
      files=("${files[@]/%/.test.ts}")
      # vitest skips a file that does not exist without a word.
      if ls "${files[@]}" >/dev/null; then run_vitest integration "${files[@]}"; else failed=$((failed + 1)); fi ;;
    *)
      run_vitest "$part" ;;
  esac
  echo "<== $part took $((SECONDS - started)) s"
done

for failure in "${failures[@]}"; do
  printf '\nFailed: %s\n' "$failure"
  # The failed tests by name, or the lines of an error, or the end of the log when no line stands out.
  name=${failure%% *}
  log="$results/$name.log"
  if [ -s "$results/$name.failures" ]; then head -n 200 "$results/$name.failures"; continue; fi
  sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -E -A 12 'error|━━|✖' | head -n 80 | cut -c1-300 | grep . || tail -n 30 "$log" | cut -c1-300
done
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
