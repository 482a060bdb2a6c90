/*
 * Real programs give the same output under the library as without it.  Each
 * is a line of shell whose output is the same in every run; programs that are not installed
 * are skipped.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e.h"

/* Without the library, and with it in both kinds of heap: how often a line is run. */
enum { PIN = 2, PIN_AND_NEXT = 3 };

/* Comparing each call stack (make check-compare) takes ten times as long. */
static bool is_compared(void)
{
  return getenv("E2E_UNWIND") != NULL;
}

/* Runs the line in a directory of its own for each run, and compares what the runs say.  Its heavy parts take one
 * SHARE-th of the work. */
static void compare_runs(const char *script, int runs)
{
  static const char *const heaps[] = {NULL, "VMTRACE_HEAP=pin", "VMTRACE_HEAP=next"};
  const char *library = e2e_copy(e2e_library()); /* some of them become another user */
  struct e2e_result first, again;
  size_t traces;

  for (int i = 0; i < runs; i++) {
    const char *dir = e2e_path("work%d", i), *out = e2e_path("traces%d", i);
    char variable[4200];

    /* Whatever the umask says: programs that become another user are traced as well. */
    ck_assert(!mkdir(dir, 0777) && !mkdir(out, 0777) && !chmod(out, 0777));
    snprintf(variable, sizeof variable, "VMTRACE_OUT=%s/%%e.%%p.vmt", out);
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("/bin/bash", "-c", script),
                               .env = E2E_ARGV("LC_ALL=C", "HOME=/nonexistent", "PYTHONHASHSEED=0",
                                               is_compared() ? "SHARE=10" : "SHARE=1", "PYTHONMALLOC=malloc",
                                               i ? heaps[i] : "UNUSED=1", i ? variable : "UNUSED=1"),
                               .preload = i ? library : NULL,
                               .cwd = dir},
            i ? &again : &first);
    if (!i)
      continue;
    e2e_expect_same(&first, &again, heaps[i]);
    e2e_release(&again);
    e2e_traces_free(e2e_traces(out, &traces));
    ck_assert_uint_ge(traces, 1);
  }
  ck_assert_msg(first.out_len > 0, "it says nothing, so that nothing was compared: %s", first.err);
  e2e_expect_exit(&first, 0);
  e2e_release(&first);
}

/* Stacks are the same in both kinds of heap. */
static void compare(const char *script)
{
  compare_runs(script, is_compared() ? PIN : PIN_AND_NEXT);
}

#define NEED(...)                                                                                                      \
  do {                                                                                                                 \
    static const char *const needed_[] = {__VA_ARGS__};                                                                \
    for (size_t n_ = 0; n_ < sizeof needed_ / sizeof *needed_; n_++)                                                   \
      if (!e2e_has(needed_[n_]))                                                                                       \
        E2E_SKIP("%s is not installed", needed_[n_]);                                                                  \
  } while (0)

START_TEST(bash)
{
  compare("declare -A words; for i in {1..3000}; do words[w$((i * 7919 % 1009))]+=\"$i \"; done;"
          "for w in \"${!words[@]}\"; do echo \"$w ${words[$w]}\"; done | sort | (cat; echo done);"
          "x=$(for i in {1..50}; do (echo \"sub $i\"; exit $((i % 3))); done); echo \"$x\";"
          "y=$(printf '%s\\n' {a..z}{a..z} | rev | sort -r | head -20); echo \"${y//z/Z}\";"
          "trap 'echo bye' EXIT; coproc cat; echo hello >&\"${COPROC[1]}\"; read -r l <&\"${COPROC[0]}\"; echo $l");
}
END_TEST

START_TEST(git)
{
  NEED("git");
  compare("set -e; export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' "
          "GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_NOSYSTEM=1;"
          "git init -q -b main one; cd one; for i in {1..30}; do seq $((i * 100)) >file$((i % 7)); echo $i >>log;"
          "git add .; git commit -q -m \"commit $i\"; done; git log --stat --format='%H %s'; cd ..;"
          "git clone -q one two; cd two; git gc -q; git repack -q -a -d -f --threads=2; git fsck --full --strict;"
          "git log --format=%H%d; git diff HEAD~20 --stat; git grep -c 99; git blame -s log | head -20");
}
END_TEST

START_TEST(compiler)
{
  NEED("gcc");
  compare(
      "set -e; { echo '#include <stdio.h>'; echo '#include <stdlib.h>';"
      "for ((i = 1; i <= 300 / SHARE; i++)); do echo \"int f$i(int x) { int a[$i]; for (int i = 0; i < $i; i++) a[i] = "
      "x * i;"
      " return a[x % $i] + (x > $i ? f$i(x - 1) : 0); }\"; done; echo 'int main(void) { printf(\"%d\\n\", f30(7)); }';"
      "} >t.c; gcc -O2 -S -o - t.c; gcc -O1 -o t t.c; ./t; size t | tail -1 | cut -f1-3");
}
END_TEST

START_TEST(perl)
{
  NEED("perl");
  compare("perl -e 'my %h; for my $i (1 .. 20000 / $ENV{SHARE}) { push @{$h{$i * 7919 % 997}}, \"v$i\" x ($i % 5); }"
          "print join(\",\", map { \"$_=\" . scalar(@{$h{$_}}) } sort { $a <=> $b } keys %h), \"\\n\";"
          "my $s = join(\" \", 1 .. 20000); my $n = () = $s =~ /(\\d)(?=\\1)/g; print \"$n\\n\";"
          "my $p = fork; if (!$p) { print \"child\\n\"; exit 3; } waitpid($p, 0); print $? >> 8, \"\\n\";"
          "print `echo from a shell`; printf \"%s\\n\", join \"\", reverse split //, substr($s, 0, 2000);'");
}
END_TEST

START_TEST(sqlite3)
{
  NEED("sqlite3");
  compare("sqlite3 test.db 'create table t (a integer primary key, b text, c real);"
          "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)"
          " insert into t select i, hex(i * 7919), i / 3.0 from n; create index ib on t (b);"
          "select count(*), sum(length(b)), round(avg(c), 3) from t; select * from t where b like \"%31%\" limit 20;"
          "select substr(b, 1, 2) k, count(*) from t group by k order by k; delete from t where a % 3; vacuum;"
          "select count(*) from t; pragma integrity_check;'");
}
END_TEST

START_TEST(xz)
{
  NEED("xz", "sha256sum");
  compare("seq 400000 >data; xz -T2 --block-size=1MiB -k data; sha256sum data.xz; xz -t data.xz && xz -dc data.xz |"
          "sha256sum; xz -T1 -9e -c data | sha256sum");
}
END_TEST

START_TEST(redis)
{
  NEED("redis-server", "redis-benchmark", "redis-cli");
  compare("redis-server --port 0 --unixsocket $PWD/s --enable-debug-command yes --save '' --appendonly no --daemonize "
          "no >log 2>&1 & pid=$!;"
          "for i in {1..600}; do [ \"$(redis-cli -s s ping 2>/dev/null)\" = PONG ] && break; sleep 0.1; done;"
          "redis-benchmark -s s -q -n $((5000 / SHARE)) -c 20 -P 8 -r 1000 -t set,get,lpush,lrange_100,sadd,hset,zadd "
          ">bench || echo benchmark failed; redis-cli -s s flushall;"
          "seq 2000 | sed 's/.*/set key& value&/' | redis-cli -s s | sort | uniq -c;"
          "redis-cli -s s dbsize; redis-cli -s s --raw mget key1 key77 key2000; redis-cli -s s save;"
          "redis-cli -s s bgsave; redis-cli -s s debug digest; redis-cli -s s shutdown nosave; wait $pid; echo $?");
}
END_TEST

/* The names and results of all tests of a module of Python's own suite, which has to be installed. */
static void python_module(const char *module)
{
  char script[2048];

  snprintf(
      script, sizeof script,
      "/usr/bin/python3 -m unittest -v %s >log 2>&1; echo exit status $?;"
      "sed -nE 's/.* \\.\\.\\. (ok|FAIL|ERROR|skipped|expected failure).*/\\1/p' log | sort | uniq -c;"
      "grep -E '^(FAIL|ERROR)' log | sort; grep 'call stacks differ' log; [ $(grep -c ' \\.\\.\\. ok' log) -gt 20 ]",
      module);
  compare_runs(script, PIN);
}

#define PYTHON_TEST(name)                                                                                              \
  START_TEST(python_##name)                                                                                            \
  {                                                                                                                    \
    if (system("/usr/bin/python3 -c 'import test." #name "' 2>/dev/null"))                                             \
      E2E_SKIP("python3 or its test." #name " is not installed");                                                      \
    python_module("test." #name);                                                                                      \
  }                                                                                                                    \
  END_TEST

PYTHON_TEST(test_json)
PYTHON_TEST(test_re)
PYTHON_TEST(test_threading)

/* Hundreds of short processes, each of which learns its stacks anew. */
START_TEST(python_test_subprocess)
{
  if (is_compared())
    E2E_SKIP("each of its several hundred processes takes seconds when call stacks are compared");
  if (system("/usr/bin/python3 -c 'import test.test_subprocess' 2>/dev/null"))
    E2E_SKIP("python3 or its test.test_subprocess is not installed");
  python_module("test.test_subprocess");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("programs");
  TCase *tcase = e2e_case(suite, "programs", 600);

  tcase_add_test(tcase, bash);
  tcase_add_test(tcase, git);
  tcase_add_test(tcase, compiler);
  tcase_add_test(tcase, perl);
  tcase_add_test(tcase, sqlite3);
  tcase_add_test(tcase, xz);
  tcase_add_test(tcase, redis);
  tcase_add_test(tcase, python_test_json);
  tcase_add_test(tcase, python_test_re);
  tcase_add_test(tcase, python_test_threading);
  tcase_add_test(tcase, python_test_subprocess);
  return e2e_main(suite);
}
