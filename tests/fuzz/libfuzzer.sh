#!/usr/bin/env bash
# tests/fuzz/libfuzzer.sh DIR SECONDS: runs fuzz_reader and fuzz_heap, built in DIR, for SECONDS each, both at once.
# Each starts from its corpus, DIR/reader and DIR/heap, and adds to it.  Ends with "N passed, N failed" and exits 1 when
# an input failed: DIR then has it, and the log that says why.  Called by make.
set -uo pipefail

dir=$1 seconds=$2 passed=0 failed=0

run() {
  local what=$1 options
  read -ra options <"tests/fuzz/fuzz_$what.options"
  # 20 seconds are a hundred times the slowest input: what takes that long has no end.
  "$dir/$what-build/tests/fuzz/fuzz_$what" -max_total_time="$seconds" -timeout=20 -print_final_stats=1 \
    -artifact_prefix="$dir/$what-" "${options[@]}" "$dir/$what" >"$dir/$what.log" 2>&1 </dev/null
}

# The value after "NAME: " in the last line of the log that has it.
last() { grep -aoE "$2: +[0-9]+" "$dir/$1.log" | tail -n 1 | grep -oE '[0-9]+$' || echo 0; }

report() {
  local what=$1 status=$2
  printf 'libFuzzer, %s: %s inputs, %s edges covered, a corpus of %s files: ' "$what" \
    "$(last "$what" number_of_executed_units)" "$(last "$what" cov)" "$(find "$dir/$what" -type f | wc -l)"
  if [ "$status" = 0 ]; then
    echo "none failed"
    ((passed++))
  else
    echo "one failed"
    tail -n 60 "$dir/$what.log"
    ((failed++))
  fi
}

run reader &
reader=$!
run heap &
heap=$!
wait "$reader"
report reader $?
wait "$heap"
report heap $?
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
