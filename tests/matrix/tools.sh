# shellcheck shell=bash
# tests/matrix/tools.sh: what shell scripts need to deal with servers. Read by row_part.sh and tests/soak/soak.sh; it
# runs nothing and knows nothing of rows or modes.

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
# shellcheck disable=SC2034 # its readers use it
as_nobody=()
# shellcheck disable=SC2034
[ "$(id -u)" = 0 ] && as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
