/*
 * What is not recorded is counted, and said: recorded and lost events together
 * are all that the program made, and LOSS records say which thread lost them, and why.
 */
#include <stdlib.h>
#include <string.h>

#include "e2e_judge.h"

static void limit_files(const void *bytes)
{
  struct rlimit limit = {*(const rlim_t *)bytes, RLIM_INFINITY};

  setrlimit(RLIMIT_FSIZE, &limit);
}

/* Runs uncounted in that way; the info of its trace is to be released. */
static json_t *run(const char *way, const rlim_t *limit, unsigned long *calls)
{
  const struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("uncounted"), way),
                                .env = E2E_ARGV("VMTRACE_STACK=4"),
                                .preload = e2e_library(),
                                .prepare = limit ? limit_files : NULL,
                                .arg = limit};
  struct e2e_result result;
  json_t *info;
  const char *trace;

  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  *calls = strtoul(result.out, NULL, 10);
  ck_assert_uint_gt(*calls, 0);
  e2e_release(&result);
  trace = e2e_only_trace(e2e_dir());
  info = judge_info(trace);
  remove(trace);
  return info;
}

/* Events that the program made. */
static long long recorded(const json_t *info)
{
  static const char *const ops[] = {"alloc",       "free",     "realloc",     "mmap",        "munmap",
                                    "module",      "thread",   "thread_end",  "thread_name", "exit",
                                    "thread_join", "mprotect", "module_gone", "brk"};
  long long sum = 0;

  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    sum += e2e_int(e2e_get(info, "events"), ops[i]);
  return sum;
}

static long long sum_of_losses(const json_t *info, const char *reason)
{
  json_t *loss;
  long long sum = 0;
  size_t i;

  json_array_foreach(e2e_get(info, "losses"), i, loss) {
    ck_assert_ptr_nonnull(strstr(e2e_str(loss, "reason"), reason));
    sum += e2e_int(loss, "events");
  }
  return sum;
}

START_TEST(threads_that_begin_late)
{
  static const rlim_t limits[] = {40 << 10, 300 << 10, 1 << 20};
  unsigned long calls;
  json_t *all = run("threads", NULL, &calls);
  long long lost;

  ck_assert_int_eq(e2e_int(all, "lost"), 0);
  ck_assert_int_ge(recorded(all), (long long)calls);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    json_t *cut = run("threads", &limits[i], &calls);

    lost = e2e_int(cut, "lost");
    ck_assert(json_is_false(e2e_get(cut, "complete")));
    ck_assert_int_eq(recorded(cut) + lost, recorded(all));
    ck_assert(i || sum_of_losses(cut, "file size") > 0);
    ck_assert_int_le(sum_of_losses(cut, "file size"), lost);
    json_decref(cut);
  }
  json_decref(all);
}
END_TEST

START_TEST(handlers_that_do_too_much)
{
  unsigned long calls;
  json_t *info = run("handlers", NULL, &calls);
  long long lost = e2e_int(info, "lost");

  ck_assert_int_gt(lost, 0);
  ck_assert_int_eq(e2e_int(info, "events.alloc") + e2e_int(info, "events.free") + lost, (long long)calls);
  ck_assert_int_eq(sum_of_losses(info, "signal handlers"), lost);
  ck_assert(json_is_false(e2e_get(info, "deterministic")));
  ck_assert_ptr_nonnull(strstr(e2e_str(json_array_get(e2e_get(info, "nondet"), 0), "reason"), "signal handler"));
  json_decref(info);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("losses");
  TCase *tcase = e2e_case(suite, "losses", 120);

  tcase_add_test(tcase, threads_that_begin_late);
  tcase_add_test(tcase, handlers_that_do_too_much);
  return e2e_main(suite);
}
