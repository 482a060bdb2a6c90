# shellcheck shell=bash
# load: 200,000 rows inserted, indexed, grouped, deleted, vacuumed in a file
# compared: all output
version() { sqlite3 --version | sed 's/^/sqlite3 /; s/ 20.*//'; }

prepare() {
  cat >load.sql <<'END'
create table t (a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
  insert into t select i, hex(i * 7919), i / 3.0 from n;
create index ib on t (b);
select count(*), sum(length(b)), round(avg(c), 3) from t;
select * from t where b like '%3134%' limit 20;
select substr(b, 1, 4) k, count(*) from t group by k order by k;
select count(*) from t x join t y on x.b = y.b where x.a % 7 = 0;
delete from t where a % 3;
vacuum;
select count(*) from t;
pragma integrity_check;
END
}
run() { traced sqlite3 test.db <load.sql; }
