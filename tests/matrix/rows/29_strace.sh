# shellcheck shell=bash
# load: strace -f on a traced program; strace traced itself; faults injected into the program's own calls
# compared: the program's output, the calls that it makes on its own
version() { strace --version | sed -E 's/.* ([0-9.]+)$/strace \1/;q'; }

prepare() { seq 3000 >data; }
run() {
  local variable options=()
  for variable in "${traced_env[@]}"; do options+=(-E "$variable"); done
  "$scratch/measure" "$guard" "$scratch/usage" strace -f -o log "${options[@]}" perl -e 'open F, "data"; my %h; $h{$_ % 7} .= $_ while <F>; print length $h{3}; print `sort -r data | head -n 2`'
  echo
  grep -oE 'execve\("[^"]+"' log | sort | uniq -c
  grep -c 'openat.*"data"' log
  traced strace -f -o log2 -e trace=execve,exit_group bash -c 'sort -r data | md5sum; exit 3' || echo "status $?"
  grep -oE 'execve\("[^"]*"|exit_group\([0-9]+' log2 | sort -u # each once: the sampler's thread may be seen to end by the program's call, too
  "$scratch/measure" "$guard" "$scratch/usage" strace -qq -o /dev/null -e inject=getppid:error=EPERM "${options[@]}" perl -e 'print getppid() == -1 ? "injected\n" : "not\n"'
}
