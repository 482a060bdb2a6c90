#!/usr/bin/env bash
# tests/guards/guards.sh BUILD [PATTERN]: shows that the tests fail when what they guard is gone.
# Each tests/guards/*.patch (PATTERN, a shell pattern, picks some by name) takes one guard out of the library or the
# analyzer; its first line names the test that must then fail: `test: PROGRAM/CASE/FUNCTION [VARIABLE=VALUE...]`.
# Works in a copy of the tree in BUILD/guards, in which every test named passes before anything is taken out.
# One line per guard; exits 1 when a patch does not apply or build, or when its test passes.  Called by make guards.
set -uo pipefail
build=$1 pattern=${2:-*}
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

# The parts of a patch's first line.
parse() {
  local line word
  line=$(head -n 1 "$1")
  [[ $line =~ ^test:\ ([^/]+)/([^/]+)/([a-z0-9_]+)(.*)$ ]] || return 1
  program=${BASH_REMATCH[1]} case=${BASH_REMATCH[2]} function=${BASH_REMATCH[3]} variables=()
  for word in ${BASH_REMATCH[4]}; do variables+=("$word"); done
}

build_copy() {
  make -C "$copy" -s -j"$(nproc)" all >"$1" 2>&1
}

# run LOG: the test that parse found, in the copy.
run() {
  timeout 1800 env CK_TIMEOUT_MULTIPLIER=1 CK_RUN_CASE="$case" "${variables[@]}" make -C "$copy" -s check T="$program" >"$1" 2>&1
}

# Whether the function failed, by a log of run.
has_failed() {
  grep -qaE ":[FE]:$case:$function:[0-9]+:" "$1"
}

has_run() {
  grep -qaE '^[0-9]+%: Checks: [1-9]' "$1"
}

say() {
  printf '%-4s  %-34s %s\n' "$@"
}

fail() {
  ((failed++))
  say FAIL "$@"
}

# The test as it is, once for all guards that name its case: fine or FAIL, and its log.
declare -A untouched
try_untouched() {
  key="$program/$case ${variables[*]}"
  untouched_log=$logs/untouched-${key//[^a-zA-Z0-9]/-}.log
  [ "${untouched[$key]:-}" ] && return
  if run "$untouched_log" && has_run "$untouched_log"; then
    untouched[$key]=fine
  else
    untouched[$key]=FAIL
  fi
}

# The outcome of one guard's removal; the copy has the patch applied.
judge() {
  local name=$1 log=$logs/$1.log
  if ! build_copy "$log"; then
    fail "$name" "the tree does not build without it: $log"
  elif run "$log" || ! has_failed "$log"; then
    fail "$name" "$program/$function does not notice: $log"
  else
    ((passed++))
    say ok "$name" "$program/$function fails without it"
  fi
}

guard() {
  local patch=$1 name
  name=$(basename "$patch" .patch)
  if ! parse "$patch"; then
    fail "$name" "its first line does not name a test"
    return
  fi
  try_untouched
  if [ "${untouched[$key]}" = FAIL ]; then
    fail "$name" "$program/$case fails with everything in place: $untouched_log"
    return
  elif grep -qa "^skip: .*/$function:" "$untouched_log"; then
    ((skipped++))
    say skip "$name" "$program/$function does not run here"
    return
  fi
  if ! patch -d "$copy" -p1 -s -f --no-backup-if-mismatch <"$patch" >"$logs/$name.log" 2>&1; then
    fail "$name" "the patch does not apply: $logs/$name.log"
  else
    judge "$name"
  fi
  synchronise
}

command -v patch >/dev/null || { echo "guards: needs patch (Debian: apt-get install patch)" >&2; exit 2; }
synchronise
build_copy "$logs/build.log" || { cat "$logs/build.log"; exit 1; }
for patch in tests/guards/$pattern.patch; do
  [ -f "$patch" ] || { echo "guards: no $patch" >&2; exit 2; }
  guard "$patch"
done
find "$copy" -name '*.rej' -delete
[ "$skipped" = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
