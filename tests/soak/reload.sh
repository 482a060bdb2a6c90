#!/usr/bin/env bash
# tests/soak/reload.sh [NAME...]: pre-forking servers that are reloaded, stopped and started again under the library,
# RELOADS times each (250), with everything recorded.
#   NAME   gunicorn, php-fpm, nginx, postgresql (default: all, one after the other), as in reload_NAME.sh
# Two rounds of three reload the server, each third one stops it, each time in another of its ways, and starts it anew;
# requests are under way meanwhile. RELOAD_LIBRARY=none leaves the library out. Prints one line for each server and what
# went wrong; exits 1 when anything did. Called by make reload, after make all.
#
# reload_NAME.sh defines, all for the directory they are called in: server_name, server_begin (becomes the server, in
# the foreground), server_ask (one request; fails unless the reply is right), server_reload (returns at once), the array
# stops (signals that stop it, each in another way) and server_log (the file that the server tells its troubles in).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=${here%/tests/soak}
reloads=${RELOADS:-250}
readonly patience=60 # seconds
stops=()             # reload_NAME.sh fills it

die() {
  echo "reload: $*" >&2
  exit 2
}
[[ $reloads =~ ^[1-9][0-9]*$ ]] || die "RELOADS=$reloads: not a number of reloads"
for name in "$@"; do
  [ -e "$here/reload_$name.sh" ] || die "no server called $name"
done
[ $# -gt 0 ] || set -- gunicorn php-fpm nginx postgresql

export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TZ=UTC
unset LD_PRELOAD "${!VMTRACE_@}"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/vmtrace-reload.XXXXXX") || die "no scratch directory"
# A server may become another user: it has to reach the library, and to write traces.
chmod 755 "$scratch"
install -m 755 "$top/libvmtrace.so" "$top/vmtrace" "$scratch/" || die "run make reload"

# Processes that have the library of this run, whatever they call themselves and whoever their parent is.
left_over() { grep -lsF "$scratch/libvmtrace.so" /proc/[0-9]*/maps | cut -d/ -f3; }

# shellcheck disable=SC2317 # a trap calls it
all_end() {
  local pid
  for pid in $(left_over) $(jobs -p); do kill -KILL "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$scratch"
}
trap all_end EXIT
trap 'exit 130' INT TERM

# shellcheck source=/dev/null
. "$here/../matrix/tools.sh"

trouble() {
  echo "      $name, round $round: $*"
  ((troubles++))
}

start() {
  local environment=()
  [ "${RELOAD_LIBRARY:-}" = none ] ||
    environment=(LD_PRELOAD="$scratch/libvmtrace.so" VMTRACE_OUT="$dir/traces/%e.%p.vmt")
  (server_begin "${environment[@]}") >>"$dir/output" 2>&1 &
  server=$!
  await server_ask || trouble "it does not answer after its start"
}

# Requests while the server is told to do something; some of them may fail by that.
ask_meanwhile() {
  local i
  for ((i = 0; i < 6; i++)); do (server_ask) >/dev/null 2>&1; done
}

# shellcheck disable=SC2317 # within calls it
is_gone() { ! kill -0 "$1" 2>/dev/null; }

# within COMMAND...: whether it succeeds before patience is at an end.
within() {
  local until=$((SECONDS + patience))
  while ! "$@"; do
    ((SECONDS < until)) || return 1
    sleep 0.02
  done
}

# shellcheck disable=SC2317 # within calls it
nobody_left() { [ -z "$(left_over)" ]; }

# What the server's processes left in their traces: each can be read, and nothing was lost.
judge_traces() {
  local count problems
  [ "${RELOAD_LIBRARY:-}" = none ] && return
  count=$(find "$dir/traces" -type f | wc -l)
  ((traces += count))
  [ "$count" -gt 0 ] || trouble "no traces"
  problems=$(find "$dir/traces" -type f -print0 | xargs -0 -r -n 200 "$scratch/vmtrace" info --format=json 2>&1 |
    jq -r 'if type == "array" then .[] else . end | select(.lost > 0 or .damage.bad_chunks > 0 or .damage.bad_records > 0) |
      "pid \(.pid): \(.lost) events lost, \(.damage)"' 2>&1) || problems="unreadable: $problems"
  [ -z "$problems" ] || trouble "traces: $problems"
  find "$dir/traces" -type f -delete
}

stop() {
  local signal=${stops[$((round / 3 % ${#stops[@]}))]} status pid
  kill "-$signal" "$server"
  if ! within is_gone "$server"; then
    trouble "it does not end by SIG$signal"
    kill -KILL "$server"
  fi
  wait "$server" 2>/dev/null
  status=$?
  [ "$status" = 0 ] || trouble "it ends with status $status after SIG$signal"
  if ! within nobody_left; then
    trouble "left over after SIG$signal: $(for pid in $(left_over); do echo "$pid $(cat "/proc/$pid/wchan")" "$(tr '\0' ' ' <"/proc/$pid/cmdline")"; done)"
    for pid in $(left_over); do kill -KILL "$pid"; done
  fi
  judge_traces
}

# What servers say when a process of theirs crashed or had to be killed, and what the library says.
troubles_told() {
  grep -hE 'signal:? \(?(SIG)?(4|5|6|7|8|9|11|31|SEGV|ABRT|BUS|ILL|FPE|SYS|KILL)\b|was sent SIG(SEGV|ABRT|BUS|KILL)|WORKER TIMEOUT|recalcitrant|PANIC|^vmtrace: ' \
    "$dir/output" "$(server_log)" 2>/dev/null
}

one_round() {
  local meanwhile
  ask_meanwhile &
  meanwhile=$!
  if ((round % 3 == 0)); then
    stop
    start
  else
    server_reload
    await server_ask || trouble "it does not answer after a reload"
    kill -0 "$server" 2>/dev/null || trouble "it ended at a reload"
  fi
  wait "$meanwhile"
}

serve() {
  local told
  dir=$scratch/$name round=0 troubles=0 traces=0
  mkdir -p "$dir/traces"
  [ "$(id -u)" != 0 ] || chown -R nobody "$dir"
  chmod 755 "$dir"
  cd "$dir" || return 1
  # shellcheck disable=SC2034 # reload_NAME.sh reads it
  port=$(free_port)
  start
  for ((round = 1; round <= reloads && troubles < 10; round++)); do one_round; done
  stop
  told=$(troubles_told)
  [ -z "$told" ] || trouble "$(head -n 20 <<<"$told")"
  printf '%-4s  %-22s %d rounds, %d traces, %d s\n' "$([ "$troubles" = 0 ] && echo ok || echo FAIL)" "$(server_name)" \
    "$((round - 1))" "$traces" "$((SECONDS - started))"
  cd / && rm -rf "$dir"
  [ "$troubles" = 0 ]
}

failed=0
for name in "$@"; do
  started=$SECONDS
  # shellcheck source=/dev/null
  (. "$here/reload_$name.sh" && serve) || failed=1
done
exit "$failed"
