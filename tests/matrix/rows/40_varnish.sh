# shellcheck shell=bash
# load: varnishd compiles its configuration and caches a small server's pages, under wrk, in some hundred threads
# compared: pages, hits and misses of known requests, that wrk saw no error
version() { varnishd -V 2>&1 | sed -nE 's/.*varnish-([0-9.]+).*/Varnish \1/p'; }

prepare() {
  mkdir -p html
  seq 20000 >html/large.txt
  echo '<p>small</p>' >html/index.html
}
is_up() { curl -sf -o /dev/null "http://127.0.0.1:$1/"; }
header() { curl -s -o /dev/null -D - "http://127.0.0.1:$port/$1" | grep -iE '^(x-cache|HTTP)' | tr -d '\r'; }

run() {
  [ "$(id -u)" != 0 ] || chown nobody . html
  backend=$(free_port)
  /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory html "$backend" >/dev/null 2>&1 &
  await is_up "$backend"
  port=$(free_port)
  cat >row.vcl <<END
vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "$backend"; }
sub vcl_deliver { if (obj.hits > 0) { set resp.http.X-Cache = "hit"; } else { set resp.http.X-Cache = "miss"; } }
sub vcl_backend_response { set beresp.ttl = 1h; }
END
  traced "${as_nobody[@]}" varnishd -F -j none -n "$PWD/n" -a "127.0.0.1:$port" -f "$PWD/row.vcl" -s malloc,64m -P "$PWD/pid" >log 2>&1 &
  server=$!
  await is_up "$port"
  header large.txt
  header large.txt
  header missing
  curl -s "http://127.0.0.1:$port/large.txt" | sha256sum
  wrk -t1 -c50 -d2 "http://127.0.0.1:$port/large.txt" >wrk.log
  grep -E 'Socket errors|Non-2xx' wrk.log || :
  kill "$(cat pid)"
  wait $server || echo "ended with $?"
  grep -E 'vmtrace:|Panic|died' log || :
}
