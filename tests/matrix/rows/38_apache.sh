# shellcheck shell=bash
# load: Apache with each of its three MPMs (prefork, worker, event) under wrk, with two graceful restarts and a graceful stop
# compared: the pages that it serves, that wrk saw no error, its error log
# note: `apache` runs in a session of its own: its prefork MPM signals its whole process group when it stops.
version() { apache2 -v | sed -nE 's|.*Apache/([0-9.]+).*|Apache \1|p'; }

prepare() {
  mkdir -p html
  seq 20000 >html/large.txt
  echo '<p>small</p>' >html/index.html
}
is_up() { curl -sf -o /dev/null "http://127.0.0.1:$port/"; }
load() {
  wrk -t1 -c20 -d1 "http://127.0.0.1:$port/$1" >wrk.log
  grep -E 'Non-2xx' wrk.log || :
  grep -q 'Requests/sec' wrk.log
}
serve() {
  port=$(free_port)
  cat >"$1.conf" <<END
ServerRoot $PWD
ServerName localhost
Listen 127.0.0.1:$port
PidFile $PWD/pid
ErrorLog $PWD/error.log
User nobody
Group nogroup
LoadModule mpm_$1_module /usr/lib/apache2/modules/mod_mpm_$1.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so
LoadModule filter_module /usr/lib/apache2/modules/mod_filter.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
DocumentRoot $PWD/html
<Directory $PWD/html>
  Require all granted
</Directory>
StartServers 2
END
  [ "$(id -u)" = 0 ] || sed -i '/^User\|^Group/d' "$1.conf"
  traced setsid apache2 -f "$PWD/$1.conf" -D FOREGROUND &
  await is_up
  load ''
  for i in 1 2; do
    kill -USR1 "$(cat pid)"
    load large.txt
    await is_up
  done
  curl -s "http://127.0.0.1:$port/large.txt" | sha256sum
  curl -s --compressed "http://127.0.0.1:$port/large.txt" | sha256sum
  curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$port/missing"
  kill -WINCH "$(cat pid)"
  wait $! && echo "$1 ended well"
}
run() {
  serve prefork
  serve worker
  serve event
  grep -E 'vmtrace:|:(error|crit|alert|emerg)\]|exit signal' error.log || :
}
