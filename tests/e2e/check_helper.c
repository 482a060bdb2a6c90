/*
 * What a program can notice of the library's own thread and files: nothing.
 * The targets are
 * tests/progs/threadbare.c and caged.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "e2e.h"
#include "e2e_judge.h"

/* Whatever the umask allows: a trace tells what /proc/PID/maps keeps from other users. */
START_TEST(traces_are_private)
{
  struct e2e_spec spec = {.argv = E2E_ARGV("sh", "-c", "umask 0; exec \"$0\" _exit", e2e_prog("lifecycle"))};
  struct e2e_result with;
  char **traces;
  size_t count;

  judge_same(spec, NULL, &with);
  traces = e2e_traces(e2e_dir(), &count);
  ck_assert_uint_ge(count, 1);
  for (size_t i = 0; i < count; i++) {
    struct stat st;

    ck_assert_int_eq(stat(traces[i], &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
  }
  e2e_traces_free(traces);
  e2e_release(&with);
}
END_TEST

/* valgrind ends a program at a clone that libc does not make, and reports what it does not know. */
START_TEST(valgrind_runs_the_program)
{
  struct e2e_spec spec = {.argv = E2E_ARGV("valgrind", "-q", "--error-exitcode=99", e2e_prog("lifecycle"), "quick")};
  struct e2e_result with;
  const char *said;
  long long allocations;

  if (!e2e_has("valgrind"))
    E2E_SKIP("there is no valgrind");
  judge_same(spec, NULL, &with);
  said = strstr(with.err, "under valgrind no pages are sampled");
  ck_assert_msg(said && !strstr(said + 1, "vmtrace:") && !strstr(with.err, "==") && !strstr(with.err, "--"), "said: %s",
                with.err);
  ck_assert_uint_ge(judge_whole("events.alloc", &allocations), 1);
  ck_assert_int_gt(allocations, 0);
  e2e_release(&with);
}
END_TEST

static const char *const ends[] = {"bare", "filter", "strict",      "two-bare", "bare-filter",
                                   "exit", "return", "bare-return", "one",      "child"};

/* A process whose threads are gone is gone, with the status that it has without the helper. */
START_TEST(threads_end_one_by_one)
{
  static const char *const modes[] = {NULL, "VMTRACE_SAMPLE_MS=0", "VMTRACE_OUT=off"};

  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("threadbare"), "end", ends[_i])};
    struct e2e_result with;

    judge_same(spec, modes[i], &with);
    ck_assert_msg(!WIFEXITED(with.status) || WEXITSTATUS(with.status) < 95, "%s: %x", ends[_i], (unsigned)with.status);
    e2e_release(&with);
  }
}
END_TEST

static const char *const looks[] = {"opendir",  "pid",    "scandir", "stat",   "fstatat",     "statx", "openat",
                                    "relative", "status", "open",    "number", "number-stat", "again"};

/* Who waits until there is one thread waits for ever if the helper is counted. */
START_TEST(the_helper_is_not_seen)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("threadbare"), "look", looks[_i])};
  struct e2e_result with;

  judge_same(spec, NULL, &with);
  e2e_expect_exit(&with, 0);
  ck_assert_str_eq(strchr(with.out, ':'), strcmp(looks[_i], "again") ? ": 1\n" : ": 11\n");
  e2e_release(&with);
}
END_TEST

START_TEST(the_helper_comes_back)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("threadbare"), "back")};
  struct e2e_result with;
  long long samples;

  judge_same(spec, "VMTRACE_SAMPLE_MS=10", &with);
  e2e_expect_exit(&with, 0);
  judge_whole("events.sample", &samples);
  ck_assert_int_gt(samples, 5); /* one at the start, one at the end */
  e2e_release(&with);
}
END_TEST

static const char *const drops[] = {"user", "three", "number", "bare", "thread", "child", "caps", "beside"};

/* What the program may no longer open it cannot take from the helper either. */
START_TEST(privileges_are_given_up)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("threadbare"), "drop", drops[_i])};
  struct e2e_result with;

  E2E_NEED_ROOT();
  judge_same(spec, NULL, &with);
  e2e_expect_exit(&with, 0);
  ck_assert_str_eq(with.out, "nothing\n");
  e2e_release(&with);
}
END_TEST

#define SANDBOXED (30000 + 100000 + 12 * 20000) /* what caged allocates in a sandbox: before, after, in threads */

static const char *const cages[][2] = {{"kill", "churn"}, {"kill", "threads"}, {"kill", "fork"},     {"kill", "twice"},
                                       {"kill", "wider"}, {"kill", "sync"},    {"error", "threads"}, {"error", "fork"},
                                       {"error", "sync"}, {"trap", "threads"}};

/* A filter that lets pass what the program itself calls: the library calls nothing else, and says why it stops. */
START_TEST(filters_see_the_program_alone)
{
  static const char *const modes[] = {NULL, "VMTRACE_OUT=off", "VMTRACE_HEAP=next"};
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("caged"), cages[_i][0], cages[_i][1])};

  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    struct e2e_result with;

    judge_same(spec, modes[i], &with);
    e2e_expect_exit(&with, 0);
    if (!modes[i]) {
      json_t *info = judge_info(e2e_only_trace(e2e_dir()));

      ck_assert_msg(strstr(with.err, "a seccomp filter forbids it"), "said: %s", with.err);
      ck_assert_str_eq(e2e_str(info, "stop_reason"), "a seccomp filter forbids the system calls that tracing needs");
      ck_assert_int_ge(e2e_int(info, "events.alloc"), 30000);
      json_decref(info);
    }
    e2e_release(&with);
  }
}
END_TEST

static const char *const actions[] = {"kill", "error", "trap"};

/* A sandbox that lets a process map what it has open and write nothing: the trace goes on, with nothing lost. */
START_TEST(sandboxes_are_traced)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("caged"), actions[_i], "sandbox")};
  struct e2e_result with;
  json_t *info;

  judge_same(spec, NULL, &with);
  e2e_expect_exit(&with, 0);
  ck_assert_str_eq(with.err, "");
  info = judge_info(e2e_only_trace(e2e_dir()));
  ck_assert(json_is_true(e2e_get(info, "complete")));
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_int_ge(e2e_int(info, "events.alloc"), SANDBOXED);
  json_decref(info);
  e2e_release(&with);
}
END_TEST

static const char *const files[] = {"list", "count", "shared"};

/* Of the descriptors of the library a program finds none, however it looks. */
START_TEST(descriptors_are_the_program_s)
{
  static const char *const modes[] = {NULL, "VMTRACE_UNWIND=plain", "VMTRACE_OUT=off"};

  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("threadbare"), "files", files[_i])};
    struct e2e_result with;

    judge_same(spec, modes[i], &with);
    e2e_expect_exit(&with, 0);
    e2e_release(&with);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("helper");
  TCase *tcase = e2e_case(suite, "files", 60);

  tcase_add_test(tcase, traces_are_private);
  tcase_add_loop_test(tcase, descriptors_are_the_program_s, 0, sizeof files / sizeof *files);
  tcase = e2e_case(suite, "threads", 60);
  tcase_add_loop_test(tcase, threads_end_one_by_one, 0, sizeof ends / sizeof *ends);
  tcase_add_loop_test(tcase, the_helper_is_not_seen, 0, sizeof looks / sizeof *looks);
  tcase_add_test(tcase, the_helper_comes_back);
  tcase_add_loop_test(tcase, privileges_are_given_up, 0, sizeof drops / sizeof *drops);
  tcase = e2e_case(suite, "filters", 120);
  tcase_add_loop_test(tcase, filters_see_the_program_alone, 0, sizeof cages / sizeof *cages);
  tcase_add_loop_test(tcase, sandboxes_are_traced, 0, sizeof actions / sizeof *actions);
  tcase = e2e_case(suite, "tools", 120);
  tcase_add_test(tcase, valgrind_runs_the_program);
  return e2e_main(suite);
}
