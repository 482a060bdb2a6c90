# shellcheck shell=bash
# tests/soak/server_postgresql.sh: a PostgreSQL cluster under pgbench, 4 connections without end. Read by soak.sh, whose
# head says what each function has to do; runs in the directory of one server.
bin() { printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1; }
server_name() { "$(bin)/postgres" --version | sed -E 's/.* ([0-9.]+) .*/PostgreSQL \1/'; }
unit=transactions

# One backend, started for it, answers each.
sql() { psql -X -q -A -t -h "$PWD" -U postgres "$@" postgres; }

# fsync = off: the disk is not what is measured.
server_start() {
  [ "$(id -u)" != 0 ] || chown nobody .
  "${as_nobody[@]}" "$(bin)/initdb" -D data -U postgres -A trust --no-sync --locale=C.UTF-8 >/dev/null
  printf '%s\n' "listen_addresses = ''" 'fsync = off' 'shared_buffers = 64MB' >>data/postgresql.conf
  "${as_nobody[@]}" env "$@" "$(bin)/postgres" -D data -k "$PWD" >server.log 2>&1 &
  await sql -c 'select 1'
  pgbench -q -i -s 10 -h "$PWD" -U postgres postgres 2>init.log
}
server_load() { exec pgbench -n -c 4 -j 2 -T 1000000 -h "$PWD" -U postgres postgres >load.log 2>&1; }
# Every transaction of pgbench takes one transaction number; asking takes none.
server_count() { sql -c 'select pg_snapshot_xmax(pg_current_snapshot())'; }
# The postmaster first. Listed once, under load: what comes later, as backends of a moment and autovacuum's workers, is not
# there at the end.
server_processes() {
  local postmaster
  postmaster=$(head -n 1 data/postmaster.pid)
  [ -s processes ] || pgrep -P "$postmaster" -f '^postgres: (checkpointer|background writer|walwriter|.* launcher|postgres postgres)' |
    sed "1i$postmaster" >processes
  cat processes
}
server_stop() {
  sql -c 'select sum(abalance) - (select sum(delta) from pgbench_history) from pgbench_accounts' >sums
  [ "$(cat sums)" = 0 ] || echo "ERROR: the sums of accounts and history differ: $(cat sums)" >>load.log
  kill -INT "$(head -n 1 data/postmaster.pid)"
}
# The load ends by a signal, its connections in the middle of something.
server_trouble() { grep -E 'PANIC|terminated by signal|ERROR|aborted in command' server.log load.log; }
