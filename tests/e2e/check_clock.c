/*
 * Clocks that step (tests/progs/clock_steps.c): the times in a trace are the
 * kernel's monotonic ones, whatever the program has for a clock.
 */
#include <string.h>
#include <sys/wait.h>

#include "e2e_judge.h"

#define LONG_NS (INT64_C(86400) * 1000000000) /* no test takes a day, and no step is as short */

/* No time in the trace is outside of its life, which is short, and no thread's goes back. */
static void expect_steady(const char *trace, long long allocs)
{
  json_t *info = judge_info(trace), *dump = e2e_dump(trace), *latest = json_object(), *event;
  long long start = e2e_int(info, "start_ns"), end = e2e_int(info, "end_ns");
  size_t i;

  ck_assert(json_is_true(e2e_get(info, "complete")));
  ck_assert(json_is_true(e2e_get(info, "deterministic")));
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_int_ge(e2e_int(info, "events.alloc"), allocs);
  ck_assert_msg(end > start && end - start < LONG_NS, "from %lld to %lld", start, end);
  json_array_foreach(dump, i, event) {
    long long now = e2e_int(event, "time_ns");
    const char *thread = e2e_str(event, "thread");
    json_t *before = json_object_get(latest, thread);

    ck_assert_msg(now >= start && now <= end, "an event at %lld, from %lld to %lld", now, start, end);
    ck_assert_msg(!before || json_integer_value(before) <= now, "thread %s goes back to %lld", thread, now);
    json_object_set_new(latest, thread, json_integer(now));
  }
  json_decref(latest);
  json_decref(dump);
  json_decref(info);
}

/* Its clock is asked often, allocates, and steps by years; nothing of it is called in the middle of a hook. */
START_TEST(a_clock_of_its_own)
{
  struct e2e_result with;

  judge_run("clock_steps", "own", 0, &with);
  ck_assert_str_eq(with.err, "");
  ck_assert_str_eq(with.out, "done\n");
  expect_steady(e2e_only_trace(e2e_dir()), 60001);
  e2e_release(&with);
}
END_TEST

/* The executed program's clock is ten days ahead of the one that executed it. */
START_TEST(a_time_namespace)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("clock_steps"), "space")};
  struct e2e_result with;
  size_t count;
  char **traces;

  judge_same(spec, NULL, &with);
  if (WIFEXITED(with.status) && WEXITSTATUS(with.status) == 77)
    E2E_SKIP("no time namespace can be made");
  e2e_expect_exit(&with, 0);
  ck_assert_str_eq(with.err, "");
  traces = e2e_traces(e2e_dir(), &count);
  ck_assert_uint_eq(count, 2);
  for (size_t i = 0; i < count; i++)
    expect_steady(traces[i], strstr(traces[i], ".1.vmt") ? 60001 : 0);
  e2e_traces_free(traces);
  e2e_release(&with);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("clock");
  TCase *tcase = e2e_case(suite, "clock", 120);

  tcase_add_test(tcase, a_clock_of_its_own);
  tcase_add_test(tcase, a_time_namespace);
  return e2e_main(suite);
}
