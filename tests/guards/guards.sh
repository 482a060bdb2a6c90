#!/usr/bin/env bash
# tests/guards/guards.sh BUILD [PATTERN...]: shows that the tests fail when what they guard is gone.
# Each tests/guards/*.patch (PATTERNs, of the shell, pick some by name) takes one guard out of the library or the
# analyzer; its first line names the test that must then fail: `test: PROGRAM/CASE/FUNCTION[:ROUND] [VARIABLE=VALUE...]`.
# Works in a copy of the tree in BUILD/guards, in which every test named passes before anything is taken out.  What one
# patch changed is built anew, and of the tests that function alone runs.
# One line per guard, with its seconds; exits 1 when a patch does not apply or build, or when its test passes.
# Called by make guards.
set -uo pipefail
build=$1
shift
top=$PWD copy=$build/guards/tree logs=$build/guards/log
# What was given to the make that called this is not for the makes below.
unset MAKEFLAGS MAKELEVEL MFLAGS
export LC_ALL=C

passed=0 failed=0 skipped=0

# Makes the copy what the tree is: contents that differ are written anew, so that make sees them.
synchronise() {
  local file
  mkdir -p "$copy" "$logs"
  git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [ -f "$file" ] || continue
    cmp -s "$file" "$copy/$file" && continue
    mkdir -p "$copy/$(dirname "$file")"
    cp "$file" "$copy/$file"
  done
  (cd "$copy" && find . -path ./build -prune -o -type f -print) | while IFS= read -r file; do
    case $file in ./libvmtrace.so | ./vmtrace | ./mem) continue ;; esac
    [ -f "$top/$file" ] || rm -f "$copy/$file"
  done
}

# restore PATCH: the files that it changed as they are in the tree.
restore() {
  local file
  sed -n 's|^+++ b/||p' "$1" | while IFS= read -r file; do
    rm -f "$copy/$file.rej" "$copy/$file.orig"
    cp "$file" "$copy/$file"
  done
}

# The parts of a patch's first line.
parse() {
  local line word
  line=$(head -n 1 "$1")
  [[ $line =~ ^test:\ ([^/]+)/([^/]+)/([a-z0-9_]+)(:[0-9]+)?(\ .*)?$ ]] || return 1
  program=${BASH_REMATCH[1]} case=${BASH_REMATCH[2]} function=${BASH_REMATCH[3]} round=${BASH_REMATCH[4]} variables=()
  for word in ${BASH_REMATCH[5]}; do variables+=("$word"); done
}

# run LOG: builds the copy, then runs the test that parse found.
run() {
  timeout 1800 env CK_TIMEOUT_MULTIPLIER=1 CK_RUN_CASE="$case" TEST_ONLY="$function$round" "${variables[@]}" \
    make -C "$copy" -s -j"$(nproc)" check T="$program" >"$1" 2>&1
}

# Whether the function failed, by a log of run.
has_failed() {
  grep -qaE ":[FE]:$case:$function:[0-9]+:" "$1"
}

has_run() {
  grep -qaE '^[0-9]+%: Checks: [1-9]' "$1"
}

# say WORD NAME WHAT: a line, with the seconds since the guard's turn began.
say() {
  printf '%-4s  %-30s %s  (%d s)\n' "$@" $((SECONDS - began))
}

fail() {
  ((failed++))
  say FAIL "$@"
}

# The test as it is, once for all guards that name it: fine or FAIL, and its log.
declare -A untouched
try_untouched() {
  key="$program/$case/$function$round ${variables[*]}"
  untouched_log=$logs/untouched-${key//[^a-zA-Z0-9]/-}.log
  [ "${untouched[$key]:-}" ] && return
  if run "$untouched_log" && has_run "$untouched_log"; then
    untouched[$key]=fine
  else
    untouched[$key]=FAIL
  fi
}

# judge NAME: the outcome of one guard's removal; the copy has the patch applied.
judge() {
  local name=$1 log=$logs/$1.log
  if run "$log"; then
    fail "$name" "$program/$function does not notice: $log"
  elif has_failed "$log"; then
    ((passed++))
    say ok "$name" "$program/$function fails without it"
  elif has_run "$log"; then
    fail "$name" "$program/$function ran and did not fail: $log"
  else
    fail "$name" "the tree does not build without it: $log"
  fi
}

guard() {
  local patch=$1 name began=$SECONDS
  name=$(basename "$patch" .patch)
  if ! parse "$patch"; then
    fail "$name" "its first line does not name a test"
    return
  fi
  try_untouched
  if [ "${untouched[$key]}" = FAIL ]; then
    fail "$name" "$program/$function fails with everything in place: $untouched_log"
    return
  elif grep -qa "^skip: .*/$function:" "$untouched_log"; then
    ((skipped++))
    say skip "$name" "$program/$function does not run here"
    return
  fi
  if ! patch -d "$copy" -p1 -s -f --fuzz=0 --no-backup-if-mismatch <"$patch" >"$logs/$name.log" 2>&1; then
    fail "$name" "the patch does not apply: $logs/$name.log"
  else
    judge "$name"
  fi
  restore "$patch"
}

command -v patch >/dev/null || { echo "guards: needs patch (Debian: apt-get install patch)" >&2; exit 2; }
synchronise
for pattern in "${@:-*}"; do
  for patch in tests/guards/$pattern.patch; do
    [ -f "$patch" ] || { echo "guards: no $patch" >&2; exit 2; }
    guard "$patch"
  done
done
[ "$skipped" = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
