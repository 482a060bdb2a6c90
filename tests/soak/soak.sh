#!/usr/bin/env bash
# tests/soak/soak.sh [NAME...]: servers under load for SOAK_MINUTES (30) each, with everything recorded: call stacks and
# samples on. An untraced server runs beside each; the load goes to one of the two at a time, so that every slice of
# throughput has its neighbours to be compared with. Each minute: what the library's own data take in memory.
#   NAME   redis, postgresql (default: both, one after the other), as in server_NAME.sh
# Prints a table, and exits 1 where a bar is missed (judge.awk has them). What was measured stays in build/soak:
# NAME.slices, NAME.samples, NAME.traces, NAME.report. Called by make soak, after make all.
#
# server_NAME.sh defines, all for the directory they are called in: server_start NAME=VALUE... (environment of a new
# server; returns when it answers), server_load (becomes the load, without end), server_count (units of work done so
# far), server_processes (those that live as long as the server), server_stop (returns before the server is gone),
# server_trouble (prints what went wrong), server_name, and the variable unit.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=${here%/tests/soak}
results=$top/build/soak
minutes=${SOAK_MINUTES:-30}
readonly settle=1 untraced_slice=10 traced_slice=20 # seconds; what is done while a load settles is not counted

die() {
  echo "soak: $*" >&2
  exit 2
}
[[ $minutes =~ ^[1-9][0-9]*$ ]] || die "SOAK_MINUTES=$minutes: not a number of minutes"

for name in "$@"; do
  [ -e "$here/server_$name.sh" ] || die "no server called $name"
done
[ $# -gt 0 ] || set -- redis postgresql

export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TZ=UTC
unset LD_PRELOAD "${!VMTRACE_@}"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/vmtrace-soak.XXXXXX") || die "no scratch directory"
# A server may become another user: it has to reach the library, and to write traces.
chmod 755 "$scratch"
install -m 755 "$top/libvmtrace.so" "$top/vmtrace" "$scratch/" || die "run make soak"
mkdir -p "$results"

# shellcheck disable=SC2317 # traps call it
jobs_end() {
  local pid
  for pid in $(jobs -p); do kill -KILL "$pid" 2>/dev/null; done
  wait
} 2>/dev/null
trap 'jobs_end; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# shellcheck source=/dev/null
. "$here/../matrix/tools.sh"

# at DIRECTORY FUNCTION [ARGUMENT...]
at() { (cd "$dir/$1" && "${@:2}"); }

# CPU time of the server in clock ticks, with that of its children that have ended.
ticks() {
  local pid
  for pid in $(at "$1" server_processes); do cat "/proc/$pid/stat" 2>/dev/null; done |
    awk '{ sub(/.*\) /, ""); sum += $12 + $13; children = NR == 1 ? $14 + $15 : children } END { print sum + children }'
}

# own_memory PID...: KiB resident of the library's own data in these processes, its files' windows included; of them the
# heap's tables; and all that is resident. The library's address range is 0xc0000000000 to 0xfffffffffff, the heap's tables
# begin at 0xe0000000000 (preload/base/layout.h); its variables are the writable mappings of libvmtrace.so, and the one
# without a name behind it.
own_memory() {
  local pid
  for pid; do
    cat "/proc/$pid/smaps" 2>/dev/null
    echo "0-0 end"
  done | awk '
    /^[0-9a-f]+-[0-9a-f]+ / {
      split($1, range, "-")
      inside = length(range[1]) == 11 && range[1] >= "c0000000000"
      variables = $NF ~ /libvmtrace\.so$/ || variables && range[1] == last_end && NF == 5
      tables = inside && range[1] >= "e0000000000"
      own = inside || variables && $2 ~ /w/
      last_end = range[2]
    }
    /^Rss:/ { all += $2; if (own) sum += $2; if (tables) table_sum += $2 }
    END { print sum + 0, table_sum + 0, all + 0 }'
}

# One slice of load on one server, which is idle before and after; appends what came of it to NAME.slices.
slice() {
  local kind=$1 seconds=$2 begin count cpu
  kill -CONT "${load[$kind]}" || return 1
  sleep "$settle"
  begin=$(date +%s%N) count=$(at "$kind" server_count) cpu=$(ticks "$kind")
  sleep "$((seconds - settle))"
  echo "$kind $((($(date +%s%N) - begin) / 1000000)) $(($(at "$kind" server_count) - count)) $(($(ticks "$kind") - cpu))" \
    >>"$results/$name.slices"
  kill -STOP "${load[$kind]}"
}

# The nodes of all call stacks that the processes have met so far, from their traces.
stack_nodes() {
  local pid
  for pid; do find "$dir/traces" -name "*.$pid.vmt"; done | xargs -r "$scratch/vmtrace" info --format=json 2>/dev/null |
    jq -rs '[.[] | if type == "array" then .[] else . end | .events.stack_node // 0] | add // 0'
}

# Once a minute: SECONDS PROCESSES OWN TABLES RSS TRACE-BYTES NODES, in NAME.samples. Nodes are counted twice only, at
# the sample that later ones are compared with and at the end: it means to read the trace.
sample() {
  local pids nodes=-
  mapfile -t pids < <(at traced server_processes | while read -r pid; do [ -d "/proc/$pid" ] && echo "$pid"; done)
  [ "$1" = count ] && nodes=$(stack_nodes "${pids[@]}")
  echo "$((SECONDS - started)) ${#pids[@]} $(own_memory "${pids[@]}") $(du -sB1 "$dir/traces" | cut -f1) $nodes" >>"$results/$name.samples"
}

# Traces, events, lost events, traces that are not complete, bytes: one line.
trace_counts() {
  find "$dir/traces" -type f -print0 | xargs -0 -r -n 200 "$scratch/vmtrace" info --format=json |
    jq -rs '[.[] | if type == "array" then .[] else . end] |
      [length, (map(.events_total) | add // 0), (map(.lost) | add // 0), (map(select(.complete | not)) | length)] | @tsv' |
    sed "s/\$/\t$(du -sB1 "$dir/traces" | cut -f1)/"
}

run_slices() {
  local reference=$((minutes >= 15 ? 5 : (minutes + 2) / 3)) minute=1
  started=$SECONDS
  slice untraced "$untraced_slice" || return 1
  while ((SECONDS - started < minutes * 60)); do
    slice traced "$traced_slice" && slice untraced "$untraced_slice" || return 1
    if ((SECONDS - started >= minute * 60)); then
      sample "$([ "$minute" = "$reference" ] && echo count)"
      ((minute++))
    fi
  done
  sample count
}

soak() {
  local kind status=0
  declare -gA load server
  dir=$scratch/$name
  mkdir -p "$dir"/{untraced,traced,traces}
  chmod 755 "$dir"
  chmod 1777 "$dir/traces"
  rm -f "$results/$name".{slices,samples,traces,trouble}
  cd "$dir/untraced" && server_start && server[untraced]=$! && cd "$dir/traced" &&
    server_start LD_PRELOAD="$scratch/libvmtrace.so" VMTRACE_OUT="$dir/traces/%e.%p.vmt" && server[traced]=$! || return 1
  for kind in untraced traced; do
    cd "$dir/$kind" || return 1
    server_load &
    load[$kind]=$!
    kill -STOP $!
  done
  run_slices || echo "the load ended before its time" >>"$results/$name.trouble"
  for kind in untraced traced; do
    # A load that stands still may hold connections in the middle of something: it ends first, then the server.
    kill -KILL "${load[$kind]}"
    wait "${load[$kind]}" 2>/dev/null
    at "$kind" server_stop
    wait "${server[$kind]}" || echo "the $kind server ended with status $?" >>"$results/$name.trouble"
    at "$kind" server_trouble | sed "s/^/$kind: /" >>"$results/$name.trouble"
  done
  trace_counts >"$results/$name.traces"
  awk -v name="$(server_name)" -v minutes="$minutes" -v unit="$unit" -f "$here/judge.awk" \
    "$results/$name.slices" "$results/$name.samples" "$results/$name.traces" "$results/$name.trouble" >"$results/$name.report" || status=1
  cat "$results/$name.report"
  rm -rf "$dir"
  return $status
}

failed=0
for name; do
  (
    unit=
    # shellcheck source=/dev/null
    . "$here/server_$name.sh"
    trap 'jobs_end' EXIT
    soak
  ) || { echo "soak: $name: not well; build/soak/$name.* has what was measured" >&2; failed=1; }
done
exit $failed
