#!/usr/bin/env bash
# tests/fuzz/corpus.sh BUILD DIR: the seeds of libFuzzer, made by the project's own tools.  DIR/reader: small traces of
# programs in BUILD, as written and packed.  DIR/heap: sequences of calls, of random bytes.  What is there stays.
set -euo pipefail

build=$1 dir=$2
mkdir -p "$dir/reader" "$dir/heap"
trace() { # NAME VARIABLES... -- PROGRAM...
  local name=$dir/reader/$1
  shift
  local variables=()
  while [ "$1" != -- ]; do variables+=("$1") && shift; done
  shift
  [ -e "$name.vmt" ] && return
  rm -f "$name".vmt*
  env "${variables[@]}" VMTRACE_OUT="$name.vmt" LD_PRELOAD="$PWD/libvmtrace.so" "$@" >/dev/null
  # Libraries that do not exist: reading their debug information would take nearly all the time.
  sed -i 's,/lib,/nil,g' "$name".vmt*
  cp "$name.vmt" "$name-packed.vmt"
  ./vmtrace pack "$name-packed.vmt" >/dev/null
}
trace mem VMTRACE_WATCH=0x200000:int -- ./mem 1
trace plain VMTRACE_STACK=0 -- ./mem 0
trace owners VMTRACE_SAMPLE_MS=0 -- "$build/progs/owners"
trace cow -- "$build/demos/cow"
trace next VMTRACE_HEAP=next -- ./mem 0
# Seeded, so that two first runs start alike.
for i in 1 2 3 4 5 6 7 8; do
  [ -e "$dir/heap/random$i" ] ||
    awk -v seed="$i" 'BEGIN { srand(seed); for (i = 0; i < 4096; i++) printf "%c", int(rand() * 127) + 1 }' >"$dir/heap/random$i"
done
