/*
 * Threads that are created and end, one after another, leave nothing behind:
 * neither memory of the library's own nor addresses of it.  Threads that many create and join at once are not mixed up.
 */
#include <stdio.h>
#include <string.h>

#include "e2e.h"

struct use {
  unsigned long own_kib, mappings, rss_kib;
  char small[32], large[32];
};

static void expect_no_growth(const char *count, const char *how, const char *out)
{
  struct e2e_result result;
  struct use early, late;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("thread_series"), count, how),
                             .env = out ? E2E_ARGV(out) : NULL,
                             .preload = e2e_library()},
          &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.err, "");
  ck_assert_int_eq(sscanf(result.out, "%lu %lu %lu %31s %31s %lu %lu %lu %31s %31s", &early.own_kib, &early.mappings,
                          &early.rss_kib, early.small, early.large, &late.own_kib, &late.mappings, &late.rss_kib,
                          late.small, late.large),
                   10);
  /* Regions are recorded in blocks of 1 MiB, and on a busy machine more threads than before may wait to be found gone.
   */
  ck_assert_msg(late.own_kib <= early.own_kib + 2560, "own addresses: %lu KiB, then %lu KiB", early.own_kib,
                late.own_kib);
  ck_assert_msg(late.mappings <= early.mappings + 8, "own mappings: %lu, then %lu", early.mappings, late.mappings);
  ck_assert_msg(late.rss_kib <= early.rss_kib + 2048, "resident: %lu KiB, then %lu KiB", early.rss_kib, late.rss_kib);
  /* A joined thread's region goes to the next; by the rule a detached one's does not. */
  if (!how) {
    ck_assert_str_eq(early.small, late.small);
    ck_assert_str_eq(early.large, late.large);
  }
  e2e_release(&result);
}

START_TEST(joined)
{
  expect_no_growth("100000", NULL, "VMTRACE_OUT=off");
}
END_TEST

START_TEST(joined_and_traced)
{
  expect_no_growth("20000", NULL, NULL);
}
END_TEST

START_TEST(detached)
{
  expect_no_growth("50000", "detached", "VMTRACE_OUT=off");
}
END_TEST

START_TEST(detached_and_traced)
{
  expect_no_growth("10000", "detached", NULL);
}
END_TEST

static const char *const modes[] = {"VMTRACE_OUT=off", "VMTRACE_STACK=0", "VMTRACE_HEAP=next"};
#define MODES (int)(sizeof modes / sizeof *modes)

/* A pthread_t is the next thread's before the join that gave it back has returned. */
START_TEST(joined_by_many)
{
  struct e2e_result result;
  char out[4200];

  snprintf(out, sizeof out, "VMTRACE_OUT=%s/%%p.vmt", e2e_dir());
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("joiners"), "3", "16"),
                             .env = E2E_ARGV(out, modes[_i]),
                             .preload = e2e_library()},
          &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.err, "");
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("thread_series");
  TCase *tcase = e2e_case(suite, "thread_series", 120);

  tcase_add_test(tcase, joined);
  tcase_add_test(tcase, joined_and_traced);
  tcase_add_test(tcase, detached);
  tcase_add_test(tcase, detached_and_traced);
  tcase_add_loop_test(tcase, joined_by_many, 0, MODES);
  return e2e_main(suite);
}
