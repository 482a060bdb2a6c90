#!/usr/bin/env bash
# tests/matrix/row_part.sh ROW FUNCTION [ARGUMENT]: one function of a row (prepare, run, normalise, version), in $scratch/work. It
# has the commands that rows use: traced, await, free_port. It knows nothing of modes: traced_env says what a traced
# program finds in its environment. Called by matrix.sh, with an environment that has nothing of the user's.
set -euo pipefail
: "${scratch:?}" "${guard:?}"
cd "$scratch/work"
mapfile -t traced_env < <(printf '%s' "$traced_env")

# Runs a command under the library (or not, in the untraced mode) and accounts for it and all that comes of it.
traced() { "$scratch/measure" "$guard" "$scratch/usage" env "${traced_env[@]}" "$@"; }

# Waits until a command succeeds; gives up after a minute.
await() {
  local i
  for ((i = 0; i < 600; i++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  echo "await: $*: not within a minute" >&2
  return 1
}

# A port of the loopback device that nobody listens on.
free_port() {
  local port
  for ((port = 20000 + $$ % 10000; port < 40000; port++)); do
    (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null || break
  done
  echo "$port"
}

# For servers that refuse to run as root. What they write to has to be theirs: chown nobody.
# shellcheck disable=SC2034 # rows use it
as_nobody=()
# shellcheck disable=SC2034
[ "$(id -u)" = 0 ] && as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# own_memory PID...: KiB resident of the library's own data in these processes, blocks and traces apart: its address
# range is 0xc0000000000 to 0xfffffffffff (preload/base/layout.h). 0 when they are untraced.
own_memory() {
  local pid
  for pid; do cat "/proc/$pid/smaps" 2>/dev/null || :; done | awk '
    /^[0-9a-f]+-[0-9a-f]+ / { split($1, range, "-"); own = length(range[1]) == 11 && range[1] >= "c0000000000" }
    own && /^Rss:/ { sum += $2 }
    END { print sum + 0 }'
}

# What a row does not say.
prepare() { :; }
normalise() { cat; }

trap 'kill $(jobs -p) 2>/dev/null || :; wait' EXIT
# shellcheck source=/dev/null
. "$1"
"$2" "${@:3}"
