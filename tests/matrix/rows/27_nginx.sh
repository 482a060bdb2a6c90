# shellcheck shell=bash
# load: nginx with two workers under wrk (20 connections), gzip, a reload and a graceful end in between
# compared: the pages that it serves, its error log, that wrk saw no error
version() { nginx -v 2>&1 | sed -E 's|.*/([0-9.]+).*|nginx \1|'; }

prepare() {
  mkdir -p html
  seq 20000 >html/large.txt
  echo '<p>small</p>' >html/index.html
}
workers() { cat "/proc/$(cat pid)/task/$(cat pid)/children"; }
are_gone() { ! kill -0 "$@"; }
is_up() { curl -sf -o /dev/null "http://127.0.0.1:$port/"; }

run() {
  port=$(free_port)
  cat >nginx.conf <<END
user nobody nogroup;
worker_processes 2;
daemon off;
pid $PWD/pid;
error_log $PWD/error.log warn;
events { worker_connections 256; }
http {
  access_log $PWD/access.log;
  client_body_temp_path $PWD/body; proxy_temp_path $PWD/proxy; fastcgi_temp_path $PWD/fastcgi;
  uwsgi_temp_path $PWD/uwsgi; scgi_temp_path $PWD/scgi;
  gzip on; gzip_types text/plain;
  server { listen 127.0.0.1:$port; root $PWD/html; location /again/ { proxy_pass http://127.0.0.1:$port/; } }
}
END
  [ "$(id -u)" = 0 ] || sed -i '/^user/d' nginx.conf
  traced nginx -e "$PWD/error.log" -c "$PWD/nginx.conf" -p "$PWD" &
  await is_up
  load / large.txt again/large.txt
  old=$(workers)
  kill -HUP "$(cat pid)"
  await are_gone $old
  await is_up
  load /again/
  curl -s "http://127.0.0.1:$port/large.txt" | sha256sum
  curl -s --compressed "http://127.0.0.1:$port/again/large.txt" | sha256sum
  curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$port/missing"
  kill -QUIT "$(cat pid)"
  wait $! && echo "ended well"
  grep -v 'missing' error.log || :
}

# As many requests as it likes in two seconds; the number depends on the machine, errors must not be there.
load() {
  local page
  for page in "$@"; do
    wrk -t1 -c20 -d2 "http://127.0.0.1:$port/${page#/}" >wrk.log
    grep -E 'Socket errors|Non-2xx' wrk.log || :
    grep -q 'Requests/sec' wrk.log
  done
}
