/*
 * What `vmtrace info` says about the call stacks of a real program: their
 * depth is what VMTRACE_STACK allows, and why walks ended is told.
 */
#include <stdio.h>

#include "e2e.h"

/* `info` of a program of tests/progs, with that option. */
static json_t *info_with(const char *option)
{
  static const char *const argv[] = {"info", NULL};
  struct e2e_result result;
  json_t *info;
  char *trace;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("marks")), .env = E2E_ARGV(option), .preload = e2e_library()},
          &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  trace = (char *)e2e_only_trace(e2e_dir());
  info = e2e_json(argv, (char *const[]){trace, NULL});
  remove(trace);
  return info;
}

START_TEST(depth_and_ends_of_walks)
{
  json_t *whole = info_with("VMTRACE_STACK=64"), *cut = info_with("VMTRACE_STACK=2"),
         *none = info_with("VMTRACE_STACK=0");
  long long events = e2e_int(whole, "stacks.events");

  ck_assert_int_ge(events, 64);
  ck_assert_int_eq(e2e_int(whole, "stacks.events_without"), 0);
  ck_assert_int_eq(e2e_int(whole, "stacks.ended.complete"), events);
  ck_assert_int_gt(e2e_int(whole, "stacks.depth_median"), 2);
  ck_assert_int_ge(e2e_int(whole, "stacks.depth_max"), e2e_int(whole, "stacks.depth_median"));
  ck_assert_int_eq(e2e_int(cut, "stacks.events"), events);
  ck_assert_int_eq(e2e_int(cut, "stacks.ended.limit"), events);
  ck_assert_int_eq(e2e_int(cut, "stacks.depth_max"), 2);
  ck_assert_int_le(e2e_int(cut, "stacks.distinct"), e2e_int(whole, "stacks.distinct"));
  ck_assert_int_eq(e2e_int(none, "stacks.events"), 0);
  ck_assert_int_eq(e2e_int(none, "stacks.events_without"), events);
  ck_assert_int_eq(e2e_int(none, "stacks.depth_max"), 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("info");
  TCase *tcase = e2e_case(suite, "info", 60);

  tcase_add_test(tcase, depth_and_ends_of_walks);
  return e2e_main(suite);
}
