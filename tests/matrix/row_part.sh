#!/usr/bin/env bash
# tests/matrix/row_part.sh ROW FUNCTION: one function of a row (prepare, run, normalise, version), in $scratch/work. It
# has the commands that rows use: traced, and those of tools.sh. It knows nothing of modes: traced_env says what a traced
# program finds in its environment. Called by matrix.sh, with an environment that has nothing of the user's.
set -euo pipefail
: "${scratch:?}" "${guard:?}"
cd "$scratch/work"
mapfile -t traced_env < <(printf '%s' "$traced_env")

# Runs a command under the library (or not, in the untraced mode) and accounts for it and all that comes of it.
traced() { "$scratch/measure" "$guard" "$scratch/usage" env "${traced_env[@]}" "$@"; }

# shellcheck source=/dev/null
. "$(dirname "$0")/tools.sh"

# What a row does not say.
prepare() { :; }
normalise() { cat; }

trap 'kill $(jobs -p) 2>/dev/null || :; wait' EXIT
# shellcheck source=/dev/null
. "$1"
"$2" "${@:3}"
