# shellcheck shell=bash
# load: redis-server under redis-benchmark (13 kinds of requests, 50 connections), background save and rewrite, io threads
# compared: replies, the digest of all keys, what a second server finds in the files
version() { redis-server --version | sed -E 's/.*v=([0-9.]+).*/redis \1/'; }

serve() {
  traced redis-server --port 0 --unixsocket "$PWD/socket" --enable-debug-command yes --save '' --appendonly yes \
    --io-threads 2 --dir "$PWD" >>server.log 2>&1 &
  await redis-cli -s socket ping
}
end() {
  redis-cli -s socket shutdown nosave
  wait $!
}
is_idle() { redis-cli -s socket info persistence | grep -q 'bgsave_in_progress:0' && redis-cli -s socket info persistence | grep -q 'rewrite_in_progress:0'; }

run() {
  serve
  redis-benchmark -s socket -q -n 40000 -c 50 -P 8 -r 20000 -t set,get,incr,lpush,rpush,lpop,sadd,hset,spop,zadd,lrange_100,mset >/dev/null
  redis-cli -s socket flushall
  seq 50000 | sed 's/.*/set key& value&/' | redis-cli -s socket | sort | uniq -c
  seq 5000 | sed "s/.*/hset hash f& &/p; s/.*f\([0-9]*\) .*/zadd z \1 m\1/" | redis-cli -s socket >/dev/null
  redis-cli -s socket bgsave >/dev/null
  await is_idle
  redis-cli -s socket bgrewriteaof >/dev/null
  await is_idle
  redis-cli -s socket eval 'local s = 0 for i = 1, 5000 do s = s + tonumber(redis.call("hget", "hash", "f" .. i)) end return s' 0
  redis-cli -s socket dbsize
  redis-cli -s socket --raw mget key1 key77 key2000
  redis-cli -s socket debug digest
  end
  serve
  redis-cli -s socket debug digest
  redis-cli -s socket dbsize
  end
}
