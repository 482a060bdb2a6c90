# shellcheck shell=bash
# tests/soak/server_redis.sh: redis-server under redis-benchmark, 50 connections without end. Read by soak.sh, whose head
# says what each function has to do; runs in the directory of one server.
server_name() { redis-server --version | sed -E 's/.*v=([0-9.]+).*/redis \1/'; }
unit=requests

server_start() {
  env "$@" redis-server --port 0 --unixsocket "$PWD/socket" --save '' --dir "$PWD" >server.log 2>&1 &
  await redis-cli -s socket ping
}
# As many lpush as lpop: the data stay as large as they are after the first minutes.
server_load() {
  exec redis-benchmark -s socket -q -l -n 20000 -c 50 -r 100000 -d 200 -t set,get,incr,lpush,lpop,sadd,hset,spop,zadd >/dev/null 2>load.log
}
server_count() { redis-cli -s socket info stats | sed -nE 's/^total_commands_processed:([0-9]+).*/\1/p'; }
server_processes() { redis-cli -s socket info server | sed -nE 's/^process_id:([0-9]+).*/\1/p'; }
server_stop() {
  redis-cli -s socket dbsize >dbsize
  redis-cli -s socket shutdown nosave
}
server_trouble() { grep -iE 'error|bug report|crash' server.log load.log; }
