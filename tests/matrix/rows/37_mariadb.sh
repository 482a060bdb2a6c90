# shellcheck shell=bash
# load: a MariaDB server made and started traced: tables of 40,000 rows, joins, 12 clients at once, a kill and the recovery
# compared: answers of queries, the server's error log
version() { mariadbd --version 2>/dev/null | sed -E 's/.*Ver ([0-9.]+).*/MariaDB \1/'; }

sql() { mariadb -N -S "$PWD/socket" -u root "$@"; }
serve() {
  traced "${as_nobody[@]}" mariadbd --no-defaults --datadir="$PWD/data" --socket="$PWD/socket" --pid-file="$PWD/pid" --skip-networking \
    --skip-grant-tables --innodb-buffer-pool-size=64M --log-error="$PWD/error.log" &
  await sql -e 'select 1'
}
ask() {
  sql row -e 'select count(*), sum(n), max(md5(t)) from a; select count(*) from a join b using (n) where a.n % 7 = 0;
    select n % 10 d, count(*), avg(length(t)) from a group by d order by d; select count(*) from b'
}
run() {
  [ "$(id -u)" != 0 ] || chown nobody .
  traced "${as_nobody[@]}" mariadb-install-db --no-defaults --datadir="$PWD/data" --auth-root-authentication-method=normal \
    --skip-test-db >install.log 2>&1
  serve
  sql -e 'create database row; use row; create table a (n int primary key, t text, key (t(8))) engine=innodb;
    create table b (n int primary key, d double) engine=aria;
    insert into a select seq, repeat(md5(seq), 1 + seq % 5) from seq_1_to_40000; insert into b select seq, sqrt(seq) from seq_1_to_9999'
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    for k in 1 2 3 4 5; do echo "select sum(length(t)) from a where n % $i = 0; update a set t = concat(t, 'x') where n = $((i * 100 + k));"; done |
      sql row >"client.$i" &
    clients[i]=$!
  done
  wait "${clients[@]}"
  cat client.* | wc -l
  ask
  kill -KILL "$(cat pid)"
  wait "$(jobs -p | tail -n 1)" 2>/dev/null || :
  serve
  ask
  sql -e shutdown
  wait && echo "ended well"
  grep -E '\[ERROR\]|vmtrace:' error.log || :
}
normalise() { grep -v 'max_open_files'; }
