# shellcheck shell=bash
# tests/soak/reload_gunicorn.sh: gunicorn with three workers. Read by reload.sh, whose head says what each function has
# to do.
server_name() { gunicorn --version | sed -E 's/.*version ([0-9.]+).*/gunicorn \1/'; }
# shellcheck disable=SC2034 # reload.sh reads it
stops=(TERM QUIT INT)

server_begin() {
  cat >hello.py <<END
def app(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"hello " * 1000]
END
  exec "${as_nobody[@]}" env "$@" gunicorn -w 3 -b "127.0.0.1:$port" --log-file error.log --worker-tmp-dir /dev/shm \
    --graceful-timeout 10 hello:app
}
server_ask() { [ "$(curl -sf -m 10 "http://127.0.0.1:$port/" | wc -c)" = 6000 ]; }
server_reload() { kill -HUP "$server"; }
server_log() { echo error.log; }
