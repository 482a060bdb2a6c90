# shellcheck shell=bash
# load: a PostgreSQL cluster made and started traced, pgbench with 4 clients, parallel queries, vacuum, a crash and its recovery
# compared: answers of queries, that pgbench saw no error
version() { "$(bin)/postgres" --version | sed -E 's/.* ([0-9.]+) .*/PostgreSQL \1/'; }
bin() { printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1; }

prepare() {
  [ "$(id -u)" != 0 ] || chown nobody .
  "${as_nobody[@]}" "$(bin)/initdb" -D data -U postgres -A trust --no-sync --locale=C.UTF-8 >/dev/null
  cat >>data/postgresql.conf <<'END'
listen_addresses = ''
fsync = off
shared_buffers = 64MB
autovacuum_naptime = 1
max_parallel_workers_per_gather = 2
min_parallel_table_scan_size = 0
parallel_setup_cost = 0
parallel_tuple_cost = 0
END
}
sql() { psql -X -q -A -t -h "$PWD" -U postgres "$@" postgres; }
serve() {
  traced "${as_nobody[@]}" "$(bin)/postgres" -D data -k "$PWD" >>server.log 2>&1 &
  await sql -c 'select 1'
}
ask() {
  sql -c 'select count(*), sum(abalance) - (select sum(delta) from pgbench_history) from pgbench_accounts' \
    -c 'select count(*) from pgbench_history' \
    -c "select count(*), max(md5(a.filler || b.bid)) from pgbench_accounts a join pgbench_branches b using (bid) where aid % 3 = 0" \
    -c "select jsonb_agg(x) from (select tid, bid from pgbench_tellers order by tid limit 5) x" \
    -c "select length(string_agg(repeat('x', i % 100), ',' order by i desc)) from generate_series(1, 200000) i" \
    -c "select regexp_replace('abc123def', '[0-9]+', '#'), to_tsvector('english', 'the quick brown foxes') @@ to_tsquery('fox')"
}
run() {
  traced "${as_nobody[@]}" "$(bin)/initdb" -D second -U postgres -A trust --no-sync --locale=C.UTF-8 | grep -c ok
  serve
  pgbench -q -i -s 2 -h "$PWD" -U postgres postgres 2>&1 | grep -iE 'error|warning' || :
  pgbench -c 4 -j 2 -t 1500 -h "$PWD" -U postgres postgres 2>&1 | grep -E 'number of (failed|transactions actually)|error'
  pgbench -n -S -M prepared -c 4 -j 2 -t 4000 -h "$PWD" -U postgres postgres 2>&1 | grep -E 'number of (failed|transactions actually)|error'
  ask
  sql -c 'vacuum full analyze' -c 'reindex table pgbench_accounts'
  # A backend dies: the others end as well, the postmaster starts over and recovers.
  kill -KILL "$(sql -c 'select pg_backend_pid() from pg_sleep(0)' -c 'select pid from pg_stat_activity where backend_type = '"'checkpointer'" | tail -n 1)"
  await sql -c 'select 1'
  ask
  kill -INT "$(head -n 1 data/postmaster.pid)"
  wait $! && echo "ended well"
  grep -cE 'PANIC|server process .* was terminated by signal (6|11)' server.log || :
}
