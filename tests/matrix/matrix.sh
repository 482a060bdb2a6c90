#!/usr/bin/env bash
# tests/matrix/matrix.sh [-r] [NAME...]: runs real programs untraced and in every mode of the library, and compares.
#   NAME   rows to run (default: all), as in rows/NN_NAME.sh
#   -r     write the table into README.md when every row has a result
# For each row and mode: the same output and exit status as untraced, every trace complete and nothing lost in it. What
# was found goes to build/matrix/NN_NAME.result, which table.sh renders; what went wrong to build/matrix/log.
# M_MODES="untraced pin" runs some modes only; M_LONG=1 has rows do what takes long, too.
# Exits 1 when anything differs. Called by make matrix, after make all; README.md of this directory says how to add a row.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=${here%/tests/matrix}
results=$top/build/matrix
guard=900 # seconds that one command may take
[ -z "${M_LONG:-}" ] || guard=2700

readonly all_modes='untraced pin glibc jemalloc mimalloc tcmalloc'
read -ra modes <<<"${M_MODES:-$all_modes}"

write_readme=
[ "${1:-}" = -r ] && { write_readme=1; shift; }

die() {
  echo "matrix: $*" >&2
  exit 2
}

rows=()
for name in "${@:-*}"; do
  # Unquoted: the name may be a pattern.
  # shellcheck disable=SC2086,SC2206
  found=("$here"/rows/[0-9][0-9]_$name.sh)
  [ -e "${found[0]}" ] || die "no row called $name"
  rows+=("${found[@]}")
done

scratch=$(mktemp -d "${TMPDIR:-/tmp}/vmtrace-matrix.XXXXXX") || die "no scratch directory"
trap 'rm -rf "$scratch"' EXIT
# Some programs become another user: these have to reach the library, and to write traces.
chmod 755 "$scratch"
install -m 755 "$top/libvmtrace.so" "$top/vmtrace" "$top/build/matrix/measure" "$scratch/" || die "run make matrix"
mkdir -p "$results/log"
# The table is of one run.
if [ -n "$write_readme" ]; then
  rm -f "$results"/*.result
  printf '%s, Debian %s, Linux %s, %s processors, %s\n' "$(date -u +%Y-%m-%d)" "$(cat /etc/debian_version 2>/dev/null || echo no)" \
    "$(uname -r | sed 's/-.*//')" "$(nproc)" "$("$top/vmtrace" --version | head -n 1)" >"$results/run"
fi

# What every program gets, and nothing else of this environment: Debian's programs, one locale, one time zone.
base_env=(PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TZ=UTC HOME="$scratch/work" TMPDIR="$scratch/tmp"
  scratch="$scratch" top="$top" here="$here" guard="$guard"
  M_LONG="${M_LONG:-}")

allocator() {
  local file
  for file in /usr/lib/*-linux-gnu/"$1"; do
    [ -e "$file" ] && echo "$file" && return
  done
  die "$1 is not installed"
}

# The environment of traced programs in a mode, one NAME=VALUE a line. Stacks and samples are on by default.
mode_env() {
  local next=
  case $1 in
  untraced) return ;;
  jemalloc) next=$(allocator libjemalloc.so.2) ;;
  mimalloc) next=$(allocator libmimalloc.so.2) ;;
  tcmalloc) next=$(allocator libtcmalloc_minimal.so.4) ;;
  esac
  echo "LD_PRELOAD=$scratch/libvmtrace.so${next:+:$next}"
  echo "VMTRACE_OUT=$scratch/traces/%e.%p.vmt"
  [ "$1" = pin ] || echo "VMTRACE_HEAP=next"
}

# The value of a header line of a row: "# load: ...".
header() { sed -n "s/^# $2: //p" "$1"; }

# run_part ROW FUNCTION MODE: one function of a row, in $scratch/work.
run_part() {
  env -i "${base_env[@]}" traced_env="$(mode_env "$3")" timeout -k 10 $((2 * guard)) \
    bash "$here/row_part.sh" "$1" "$2"
}

# Untraced files of the row, made once: $scratch/ready.
prepare() {
  rm -rf "$scratch"/{work,tmp,ready}
  mkdir -p "$scratch/work"
  mkdir -m 1777 "$scratch/tmp"
  run_part "$1" prepare untraced </dev/null >"$results/log/$2.prepare" 2>&1 || {
    echo "$2: prepare failed:" >&2
    tail -n 20 "$results/log/$2.prepare" >&2
    return 1
  }
  mv "$scratch/work" "$scratch/ready"
}

# Sums of CPU and elapsed microseconds over the commands that the row traced, and the largest process.
usage() { awk '{ cpu += $1; wall += $2; if ($3 > rss) rss = $3 } END { printf "%d %d %d", cpu, wall, rss }' "$1"; }

# Whether a trace is whole; $own: a program with a malloc of its own, which is told and no fault.
# shellcheck disable=SC2016 # it is jq's
readonly whole='def whole: .complete or ($own == "allowed" and (.untraced | length) > 0 and .lost == 0 and .stop_reason == "" and
  .damage.bad_chunks + .damage.bad_records == 0 and (.damage.cut | not));'

# trace_counts ROW: how many traces, events, lost events, incomplete traces, and traces whose addresses could not be kept.
trace_counts() {
  find "$scratch/traces" -type f -print0 | xargs -0 -r -n 200 "$scratch/vmtrace" info --format=json |
    jq -rs --arg own "$(header "$1" untraced)" "$whole"'[.[] | if type == "array" then .[] else . end] |
      [length, (map(.events_total) | add // 0), (map(.lost) | add // 0), (map(select(whole | not)) | length),
       (map(select(.deterministic | not)) | length)] | @tsv'
}

# The state in which every mode starts.
renew() {
  rm -rf "$scratch"/{work,tmp,traces,usage}
  cp -a "$scratch/ready" "$scratch/work"
  mkdir -m 1777 "$scratch/tmp" "$scratch/traces"
  chmod 1777 "$scratch/tmp" "$scratch/traces" # whatever the umask says
  : >"$scratch/usage"
}

# One mode of a row; prints `mode verdict cpu wall rss traces events lost incomplete` for the result file.
run_mode() {
  local row=$1 name=$2 mode=$3 log=$results/log/$2.$3 verdict=same status traces=0 events=0 lost=0 cut=0 strays=0
  renew
  run_part "$row" run "$mode" </dev/null >"$log.raw" 2>&1
  status=$?
  { run_part "$row" normalise "$mode" <"$log.raw"; echo "exit status $status"; } >"$log.out"
  if [ "$mode" = untraced ]; then
    [ $status = 0 ] && [ -s "$log.raw" ] || verdict=broken
  else
    cmp -s "$log.out" "$results/log/$name.untraced.out" || verdict=differs
    read -r traces events lost cut strays < <(trace_counts "$row")
    if [ "$(header "$row" traces)" = none ]; then
      [ "${traces:-0}" = 0 ] || verdict=traced
    elif [ "${traces:-0}" = 0 ]; then
      verdict=no-trace
    elif [ "$verdict" = same ] && [ "$lost" != 0 ] && [ "$(header "$row" lost)" != allowed ]; then
      verdict=lost
    elif [ "$verdict" = same ] && [ "$cut" != 0 ]; then
      verdict=incomplete
    fi
  fi
  echo "$mode $verdict $(usage "$scratch/usage") $traces $events $lost $cut $strays"
}

# Why a mode is not well, for whoever reads the output.
explain() {
  local log=$results/log/$2.$3
  case $4 in
  differs) diff "$results/log/$2.untraced.out" "$log.out" | head -n 30 ;;
  lost | incomplete)
    find "$scratch/traces" -type f -print0 | xargs -0 -r -n 200 "$scratch/vmtrace" info --format=json |
      jq -r --arg own "$(header "$1" untraced)" "$whole"'(if type == "array" then .[] else . end) | select(.lost > 0 or (whole | not)) |
        "\(.exe) \(.cmdline | join(" ") | .[:100]): lost \(.lost), \(.ended), \(.stop_reason) \(.damage)"' | head -n 10
    ;;
  broken) tail -n 20 "$log.raw" ;;
  esac | cut -c1-200 | sed 's/^/    | /'
}

run_row() {
  local row=$1 name=${1##*/} mode line verdict cpu wall rss base_cpu=0 base_rss=0 traces events lost cut strays well=0
  name=${name#*_} name=${name%.sh}
  prepare "$row" "$name" || return 1
  : >"$results/$name.new"
  renew
  run_part "$row" version untraced </dev/null 2>/dev/null | head -n 1 | sed 's/^/version /' >>"$results/$name.new"
  for mode in "${modes[@]}"; do
    line=$(run_mode "$row" "$name" "$mode")
    echo "$line" >>"$results/$name.new"
    read -r _ verdict cpu wall rss traces events lost cut strays <<<"$line"
    [ "$mode" = untraced ] && base_cpu=$cpu base_rss=$rss
    awk -v name="$name" -v mode="$mode" -v verdict="$verdict" -v cpu="$cpu" -v wall="$wall" -v rss="$rss" \
      -v base_cpu="$base_cpu" -v base_rss="$base_rss" -v traces="$traces" -v events="$events" -v lost="$lost" \
      -v strays="$strays" 'BEGIN {
        if (mode == "untraced") verdict = verdict == "same" ? "" : verdict
        printf "%-12s %-9s %-10s %7.2f s cpu %7.2f s %8.1f MiB", name, mode, verdict, cpu / 1e6, wall / 1e6, rss / 1024
        if (mode != "untraced") printf "  x%.2f x%.2f  %d traces, %d events, %d lost, %d not deterministic",
          base_cpu ? cpu / base_cpu : 0, base_rss ? rss / base_rss : 0, traces, events, lost, strays
        print ""
      }'
    if [ "$verdict" != same ]; then
      well=1
      explain "$row" "$name" "$mode" "$verdict"
    fi
    [ "$verdict" = broken ] && break
  done
  mv "$results/$name.new" "$results/$name.result"
  return $well
}

failed=()
for row in "${rows[@]}"; do
  run_row "$row" || failed+=("${row##*/}")
done
[ -z "$write_readme" ] || "$here/table.sh" -r
echo
"$here/table.sh"
echo "$((${#rows[@]} - ${#failed[@]})) rows well, ${#failed[@]} not${failed[*]:+: ${failed[*]}}"
[ ${#failed[@]} = 0 ]
