# shellcheck shell=bash
# load: associative arrays, pipelines, subshells, coprocess, traps
# compared: all output
version() { bash --version | sed -E 's/.*version ([0-9.]+).*/bash \1/;q'; }

prepare() {
  cat >load.sh <<'END'
declare -A words
for i in {1..20000}; do words[w$((i * 7919 % 1009))]+="$i "; done
for w in "${!words[@]}"; do echo "$w ${words[$w]}"; done | sort | (cat; echo done)
x=$(for i in {1..200}; do (echo "sub $i"; exit $((i % 3))); done); echo "$x"
y=$(printf '%s\n' {a..z}{a..z}{a..z} | rev | sort -r | head -n 20); echo "${y//z/Z}"
trap 'echo bye' EXIT
trap 'echo usr1' USR1; kill -USR1 $$
coproc cat; echo hello >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"
diff <(seq 1000) <(seq 2 1001)
function fib { if (($1 < 2)); then echo "$1"; else echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); fi; }
fib 9
END
}
run() { traced bash load.sh; }
