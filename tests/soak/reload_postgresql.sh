# shellcheck shell=bash
# tests/soak/reload_postgresql.sh: a PostgreSQL cluster that forks a backend for each question; an immediate end has it
# recover at its next start. Read by reload.sh, whose head says what each function has to do.
bin() { printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1; }
server_name() { "$(bin)/postgres" --version | sed -E 's/.* ([0-9.]+) .*/PostgreSQL \1/'; }
# shellcheck disable=SC2034 # reload.sh reads it
stops=(INT TERM QUIT)

server_begin() {
  if [ ! -e data/postgresql.conf ]; then
    "${as_nobody[@]}" "$(bin)/initdb" -D data -U postgres -A trust --no-sync --locale=C.UTF-8 >/dev/null
    printf '%s\n' "listen_addresses = ''" 'fsync = off' 'shared_buffers = 16MB' >>data/postgresql.conf
  fi
  exec "${as_nobody[@]}" env "$@" "$(bin)/postgres" -D data -k "$dir"
}
server_ask() {
  [ "$(PGCONNECT_TIMEOUT=10 psql -X -q -A -t -h "$dir" -U postgres \
    -c 'select count(*) from generate_series(1, 20000) a, lateral (select md5(a::text)) b' postgres 2>/dev/null)" = 20000 ]
}
server_reload() {
  echo "work_mem = $((4 + round % 4))MB" >>data/postgresql.conf
  kill -HUP "$server"
}
server_log() { echo output; }
