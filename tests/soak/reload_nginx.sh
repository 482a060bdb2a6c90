# shellcheck shell=bash
# tests/soak/reload_nginx.sh: nginx with three workers. Read by reload.sh, whose head says what each function has to do.
server_name() { nginx -v 2>&1 | sed -E 's|.*/([0-9.]+).*|nginx \1|'; }
# shellcheck disable=SC2034 # reload.sh reads it
stops=(QUIT TERM INT)

server_begin() {
  cat >nginx.conf <<END
worker_processes 3;
daemon off;
pid $dir/pid;
error_log $dir/error.log warn;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path $dir/body; proxy_temp_path $dir/proxy; fastcgi_temp_path $dir/fastcgi;
  uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;
  gzip on; gzip_types text/plain;
  server { listen 127.0.0.1:$port; root $dir/html; location /again/ { proxy_pass http://127.0.0.1:$port/; } }
}
END
  mkdir -p html
  seq 20000 >html/large.txt
  exec "${as_nobody[@]}" env "$@" nginx -e "$dir/error.log" -c "$dir/nginx.conf" -p "$dir"
}
server_ask() { [ "$(curl -sf -m 10 --compressed "http://127.0.0.1:$port/again/large.txt" | wc -l)" = 20000 ]; }
server_reload() { kill -HUP "$server"; }
server_log() { echo error.log; }
