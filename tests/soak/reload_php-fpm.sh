# shellcheck shell=bash
# tests/soak/reload_php-fpm.sh: PHP's FastCGI server with four children, which a reload executes anew; asked through
# cgi-fcgi. Read by reload.sh, whose head says what each function has to do.
fpm() { printf '%s\n' /usr/sbin/php-fpm* | sort -V | tail -n 1; }
server_name() { "$(fpm)" -v 2>&1 | sed -nE '1s/PHP ([0-9.]+).*/php-fpm \1/p'; }
# shellcheck disable=SC2034 # reload.sh reads it
stops=(QUIT TERM INT)

server_begin() {
  printf '%s\n' '[global]' "error_log = $dir/error.log" 'process_control_timeout = 10' '[pool]' "listen = $dir/fpm.sock" \
    'pm = static' 'pm.max_children = 4' 'clear_env = no' 'catch_workers_output = yes' >fpm.conf
  # shellcheck disable=SC2016 # of PHP
  echo '<?php $a = range(1, 1000); echo str_repeat("hello ", array_sum($a) / 500.5);' >hello.php
  exec "${as_nobody[@]}" env "$@" "$(fpm)" -n -F -y "$dir/fpm.conf"
}
server_ask() {
  [ "$(SCRIPT_FILENAME=$dir/hello.php REQUEST_METHOD=GET timeout 10 cgi-fcgi -bind -connect "$dir/fpm.sock" |
    sed '1,/^\r$/d' | wc -c)" = 6000 ]
}
server_reload() { kill -USR2 "$server"; }
server_log() { echo error.log; }
