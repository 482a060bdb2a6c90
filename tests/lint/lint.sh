#!/usr/bin/env bash
# tests/lint/lint.sh BUILD: rules that no compiler checks.  BUILD is a tree that `make BUILD=... OUT=...` filled.
# One line per rule, what is wrong below it; exits 1 when anything is.  Called by make lint.
set -uo pipefail
build=$1
export LC_ALL=C

passed=0 failed=0
mapfile -t sources < <(git ls-files '*.c' '*.h' | while read -r f; do [ -e "$f" ] && echo "$f"; done)
mapfile -t scripts < <(git ls-files | while read -r f; do [ -f "$f" ] && head -c 40 "$f" | grep -qa '^#!.*sh' && echo "$f"; done)

# rule NAME COMMAND...: the command says what is wrong; silence is fine.
rule() {
  local name=$1 said
  shift
  said=$("$@" 2>&1)
  if [ -z "$said" ]; then
    ((passed++))
    echo "ok    $name"
  else
    ((failed++))
    echo "FAIL  $name"
    printf '%s\n' "$said" | sed 's/^/      | /'
  fi
}

layers() {
  awk -f tests/lint/layers.awk "${sources[@]}"
}

layout() {
  if ! clang-format --version | grep -q 'version 14\.'; then
    echo "needs clang-format 14, the version whose layout .clang-format describes" >&2
    return
  fi
  clang-format --dry-run --Werror "${sources[@]}" 2>&1 | grep -E 'error|warning'
}

# Only libc's own names and vmtrace_* leave the library; the rest are names that other libcs, C standards, allocators
# (preload/entry/allocator_names.h) or sanitizers have.
exports() {
  local libc
  libc=$(${CC:-cc} -print-file-name=libc.so.6)
  nm -D --defined-only "$build/libvmtrace.so" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u |
    grep -vxFf <(nm -D --defined-only "$libc" | awk '{ sub(/@.*/, "", $3); print $3 }') |
    grep -vxE 'vmtrace_[a-z_]+|cfree|__libc_cfree|free_sized|free_aligned_sized|_Z[nd][wal](m|Pv).*|__asan_default_options' |
    grep -vxFf <(sed -nE 's/^  X\(([A-Za-z_]+),.*/\1/p' preload/entry/allocator_names.h) | sed 's/$/ is exported, but is no name of libc/'
}

# Everything outside the room that interposes is hidden, so that it cannot collide with the program's own names.
hidden() {
  find "$build/preload" -name '*.o' ! -path '*/entry/*' -exec readelf -sW {} + |
    awk '$5 == "GLOBAL" && $6 == "DEFAULT" && $7 != "UND" { print $8 " is visible outside the library" }'
}

manual() {
  local command option page
  "$build/vmtrace" --help >/dev/null || echo "vmtrace --help fails"
  sed -nE 's/^ *\{"([a-z]+)", *cmd_.*/\1/p' analyzer/cmd/command.c | while read -r command; do
    page=analyzer/man/vmtrace-$command.1
    if [ ! -f "$page" ]; then
      echo "$page is missing"
      continue
    fi
    for option in $("$build/vmtrace" "$command" --help | grep -oE -- '--[a-z][a-z-]*' | sort -u); do
      grep -q -- "$option" <(sed 's/\\-/-/g; s/Fl Fl /--/g' "$page") || echo "$page does not mention $option"
    done
  done
}

unique_names() {
  git ls-files | grep -v 'README\.md$' | sed 's|.*/||' | sort | uniq -d
}

openings() {
  local file
  for file in "${sources[@]}"; do
    [ "$(head -c 2 "$file")" = '/*' ] || echo "$file does not open with what its job is"
  done
}

# In this layout a function's body stands between lines "{" and "}".
conditionals() {
  awk 'FNR == 1 { inside = 0 } /^{/ { inside = 1 } /^}/ { inside = 0 }
    inside && /^ *# *if/ { print FILENAME ":" FNR ": #if inside a function" }' "${sources[@]}"
}

# Every lock is one of the two kinds and in preload/base/lock_table.h.  Two are parts of objects that are many.  What
# waits in the kernel or yields is no lock: the sampler's helper and those who wait for it, and bounded waits.  What
# libunwind takes for a mutex is one of the table's.
locks() {
  git ls-files 'preload/*.[ch]' | xargs grep -nE \
    'pthread_(mutex|rwlock|spin|cond|barrier|once)|\bsem_(wait|post)|\bmtx_|call_once|atomic_flag|__atomic_test_and_set' |
    grep -v -e 'preload/base/lock' -e ':IMPORT(int, pthread_' | sed 's/$/ : a lock of another kind/'
  git ls-files 'preload/*.[ch]' | grep -v '^preload/base/lock' | xargs grep -nE 'struct (guarded|masked)_lock [a-z_]+( =|;)' |
    grep -vE '^preload/(heap/region|trace/trace)\.h:' | sed 's/$/ : declared outside of lock_table.h/'
  git ls-files 'preload/*.[ch]' | xargs grep -lE 'futex|sched_yield|pause\(\)' |
    grep -vE '^preload/(base/(lock|sys|sys_clock)\.[ch]|frames/.*|entry/threads_wait\.c|trace/trace_output\.c|unwind/libunwind_gate\.c)$' |
    sed 's/$/: waits by a word of its own/'
}

unfinished() {
  grep -nE '\b(TODO|FIXME|XXX)\b' "${sources[@]}"
}

# Out of memory is dealt with in one place, which all allocations of the analyzer pass.
allocation() {
  local file
  for file in "${sources[@]}"; do
    case $file in
    analyzer/reader/xalloc.* | analyzer/libraries_malloc.c) ;;
    analyzer/*)
      grep -HnE '\b(malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|strdup|strndup|v?asprintf|setenv|putenv|getline)\(' "$file" |
        sed 's/$/  (use reader\/xalloc.h)/'
      ;;
    esac
  done
}

# Reading memory that is not the library's is base/peek.h's.  No other file asks the kernel to read; in unwind/ none
# takes a number for a place, but where it was asked about; in entry/ none takes the program's strings for ours.
foreign_memory() {
  grep -nE 'SYS_process_vm_readv|SYS_rt_sigprocmask, -1' preload/*/*.c | grep -vE '^preload/(base/peek|frames/last_thread)\.c:'
  grep -nE '\*\((const )?u?int(8|16|32|64)_t \*\)' preload/unwind/*.[ch] |
    grep -vE '^preload/unwind/(stack_walk|libunwind_image)\.c:'
  grep -nE '\b(strn?len|strn?cmp|strr?chr|strn?cpy|strpbrk)\((path|file|name|env|argv)\b' \
    preload/entry/{api,env,hook_exec,hook_spawn,hook_thread}.c
}

# Names that traces, files, the environment and arguments give are shown through the cleaner (reader/plain_text.h): no
# statement that prints has one of them as it is.  complain() and usage_parse() clean what they are given; argp's own
# printing and libc's perror() do not.
raw_names() {
  local file
  git ls-files 'analyzer/*.c' | grep -v '/usage_message\.c$' | xargs grep -HnE '\b(argp_parse|perror|psignal|warnx?|errx?|error)\(' |
    sed 's/$/  (use usage_parse or complain)/'
  # completion.c knows nothing but the program's own words, and quotes them for shells.
  git ls-files 'analyzer/*.c' | grep -v '/completion\.c$' | while read -r file; do
    awk -v file="$file" '
      /^ *(\/\*|\*|#)/ { next }
      { if (text == "") first = FNR; text = text " " $0 }
      /[;{}]$/ {
        said = text
        gsub(/"([^"\\]|\\.)*"/, "\"\"", said)
        while (sub(/(plain_[a-z]+|complain[a-z_]*|command_error|argp_error|xasprintf|snprintf)\([^()]*(\([^()]*(\([^()]*\)[^()]*)*\)[^()]*)*\)/, "", said)) ;
        gsub(/if \([^()]*(\([^()]*\)[^()]*)*\)/, "", said)
        gsub(/(checks\[i\]|c)(\.|->)(name|help)/, "", said)
        if (said ~ /[^a-z_](fprintf|printf|fputs|puts|fwrite|dprintf)\(/ &&
            said ~ /(->|\.)(path|exe|host|cwd|cmdline|tail|module|build_id|name|function|file|found|advice|output|mark|text)[^a-z_(]|[ (,](path|argv|arg|getenv)[^a-z_]/)
          print file ":" first ": a name that did not go through the cleaner:" text
        text = ""
      }' "$file"
  done
}

shell() {
  command -v shellcheck >/dev/null && [ ${#scripts[@]} -gt 0 ] && shellcheck "${scripts[@]}"
}

rule "rooms include each other in one direction only" layers
rule "layout is what .clang-format says" layout
rule "the library exports libc's names and vmtrace_* only" exports
rule "rooms below entry define nothing visible" hidden
rule "manual pages mention every option" manual
rule "file names are unique" unique_names
rule "every file opens with its job" openings
rule "no #if inside a function" conditionals
rule "the analyzer allocates through reader/xalloc.h" allocation
rule "names are shown through the cleaner" raw_names
rule "locks are those of the table" locks
rule "nothing is left to do" unfinished
rule "memory that is not the library's is read by way of base/peek.h" foreign_memory
rule "shell scripts (where shellcheck is installed)" shell
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
