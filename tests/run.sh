#!/usr/bin/env bash
# tests/run.sh [-v] PROGRAM...: runs Check programs one after the other and sums up.
# One line per program; all its output when it fails, or with -v.  Lines "skip: NAME: REASON" that a program prints are
# listed at the end.  Ends with Check's own summary line over all programs; exits 1 when anything failed.
# Called by make.
set -uo pipefail

verbose=
[ "${1:-}" = -v ] && { verbose=1; shift; }
[ $# -gt 0 ] || { echo "tests: no test of that name" >&2; exit 2; }

logs=${E2E_BUILD:-build}/log
mkdir -p "$logs"
checks=0 failures=0 errors=0 passed=0 failed=()
skips=()

for program in "$@"; do
  name=${program##*/}
  log=$logs/$name.log
  begin=$SECONDS
  if [ "$verbose" ]; then
    "$program" 2>&1 </dev/null | tee "$log"
  else
    "$program" >"$log" 2>&1 </dev/null
  fi
  status=${PIPESTATUS[0]}
  summary=$(grep -aE '^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$' "$log" | tail -n 1)
  if [[ $summary =~ Checks:\ ([0-9]+),\ Failures:\ ([0-9]+),\ Errors:\ ([0-9]+) ]]; then
    ((checks += BASH_REMATCH[1], failures += BASH_REMATCH[2], errors += BASH_REMATCH[3]))
  else
    summary="ended with $status and without a summary"
    ((errors++))
    status=1
  fi
  while IFS= read -r line; do skips+=("${line#skip: }"); done < <(grep -a '^skip: ' "$log")
  printf '%-4s  %-24s %s  (%d s)\n' "$([ "$status" = 0 ] && echo ok || echo FAIL)" "$name" "$summary" \
    $((SECONDS - begin))
  if [ "$status" = 0 ]; then
    ((passed++))
  else
    failed+=("$name")
    [ "$verbose" ] || sed 's/^/      | /' "$log"
  fi
done

[ ${#skips[@]} -gt 0 ] && printf 'skipped: %s\n' "${skips[@]}"
[ ${#failed[@]} -gt 0 ] && echo "failed: ${failed[*]}"
echo "$passed programs passed, ${#failed[@]} failed, ${#skips[@]} tests skipped"
echo "$((checks ? 100 * (checks - failures - errors) / checks : 0))%: Checks: $checks, Failures: $failures, Errors: $errors"
[ ${#failed[@]} -eq 0 ]
