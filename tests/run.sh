#!/usr/bin/env bash
# tests/run.sh [-v] PROGRAM...: runs Check programs, as many at once as there are CPUs, and sums up.
# One line per program, in the order given; all its output when it fails.  -v: one after the other, with all output.
# Lines "skip: NAME: REASON" that a program prints are summed up at the end, each reason once; which tests they were is
# in the programs' logs.  Ends with Check's own summary line over all
# programs; exits 1 when anything failed.  TEST_UNDER names a command that runs each of them (an emulator).
# A test's time limit is for an idle machine, and means that it hangs: here it has five times as long, unless
# CK_TIMEOUT_MULTIPLIER says otherwise.  Called by make.
set -uo pipefail

verbose='' jobs=$(nproc)
[ "${1:-}" = -v ] && { verbose=1; shift; }
[ $# -gt 0 ] || { echo "tests: no test of that name" >&2; exit 2; }

export CK_TIMEOUT_MULTIPLIER=${CK_TIMEOUT_MULTIPLIER:-5}
logs=${E2E_BUILD:-build}/log
mkdir -p "$logs"
read -ra under <<<"${TEST_UNDER:-}"
checks=0 failures=0 errors=0 passed=0 failed=()
skips=()        # "NAME: REASON"

# The name of a program's files in $logs: tests/unit and tests/e2e may have programs of one name.
key() {
  local dir=${1%/*}
  echo "${dir##*/}-${1##*/}"
}

# Leaves NAME.log and, when the program has ended, NAME.status: its exit status and how many seconds it took.
run() {
  local name begin=$SECONDS status
  name=$(key "$1")
  if [ "$verbose" ]; then
    "${under[@]}" "$1" 2>&1 </dev/null | tee "$logs/$name.log"
    status=${PIPESTATUS[0]}
  else
    "${under[@]}" "$1" >"$logs/$name.log" 2>&1 </dev/null
    status=$?
  fi
  echo "$status $((SECONDS - begin))" >"$logs/$name.status.new"
  mv "$logs/$name.status.new" "$logs/$name.status"
}

# Prints and counts what came of a program that has ended.
report() {
  local name=${1##*/} status seconds summary line log
  log=$logs/$(key "$1").log
  read -r status seconds <"${log%.log}.status"
  summary=$(grep -aE '^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$' "$log" | tail -n 1)
  if [[ $summary =~ Checks:\ ([0-9]+),\ Failures:\ ([0-9]+),\ Errors:\ ([0-9]+) ]]; then
    ((checks += BASH_REMATCH[1], failures += BASH_REMATCH[2], errors += BASH_REMATCH[3]))
  else
    summary="ended with $status and without a summary"
    ((errors++))
    status=1
  fi
  while IFS= read -r line; do skips+=("${line#skip: }"); done < <(grep -a '^skip: ' "$log")
  printf '%-4s  %-24s %s  (%d s)\n' "$([ "$status" = 0 ] && echo ok || echo FAIL)" "$name" "$summary" "$seconds"
  if [ "$status" = 0 ]; then
    ((passed++))
  else
    failed+=("$name")
    [ "$verbose" ] || sed 's/^/      | /' "$log"
  fi
}

programs=("$@") reported=0

# Reports, in order, what has ended up to the first that still runs.
report_ended() {
  while [ "$reported" -lt ${#programs[@]} ] && [ -e "$logs/$(key "${programs[reported]}").status" ]; do
    report "${programs[reported++]}"
  done
}

for program in "${programs[@]}"; do rm -f "$logs/$(key "$program").status"; done
for program in "${programs[@]}"; do
  if [ "$verbose" ]; then
    run "$program"
  else
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    run "$program" &
  fi
  report_ended
done
while [ -n "$(jobs -rp)" ]; do
  wait -n
  report_ended
done
report_ended

[ ${#skips[@]} -gt 0 ] && printf '%s\n' "${skips[@]#*: }" | sort | uniq -c | sort -rn | sed -E 's/^ *([0-9]+) /skipped: \1 x /'
[ ${#failed[@]} -gt 0 ] && echo "failed: ${failed[*]}"
echo "$passed programs passed, ${#failed[@]} failed, ${#skips[@]} tests skipped"
echo "$((checks ? 100 * (checks - failures - errors) / checks : 0))%: Checks: $checks, Failures: $failures, Errors: $errors"
[ ${#failed[@]} -eq 0 ]
