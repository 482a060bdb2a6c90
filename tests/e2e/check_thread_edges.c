/*
 * What the library takes from threads that have little, and from several at once.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "e2e.h"
#include "e2e_judge.h"

/* PTHREAD_STACK_MIN is 16 KiB, and what is left of it belongs to the program: libunwind alone takes some 7. */
#define STACK_LIMIT "3000"

static const char *const modes[] = {"VMTRACE_UNWIND=cached", "VMTRACE_UNWIND=plain", "VMTRACE_UNWIND=compare",
                                    "VMTRACE_HEAP=next"};

START_TEST(little_of_a_stack)
{
  /* What the loader takes to find a function at its first call is the program's own affair. */
  const char *const env[] = {modes[_i], "LD_BIND_NOW=1", NULL};
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("small_stack"), STACK_LIMIT), .env = env, .preload = e2e_library()};
  struct e2e_result result;
  json_t *dump, *event;
  size_t i, sites = 0;

  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.err, "");
  dump = e2e_dump(e2e_only_trace(e2e_dir()));
  json_array_foreach(dump, i, event) {
    if (!strcmp(e2e_str(event, "op"), "alloc") && e2e_int(event, "size") <= 3)
      sites += e2e_int(event, "stack") > 0;
  }
  ck_assert_uint_eq(sites, 3);
  json_decref(dump);
  e2e_release(&result);
}
END_TEST

START_TEST(threads_pause_the_sampler)
{
  struct e2e_result result;
  long long threads;

  judge_run("pauses", "100", 0, &result);
  ck_assert_str_eq(result.err, "");
  ck_assert_uint_eq(judge_whole("threads", &threads), 1);
  ck_assert_int_eq(threads, 6);
  e2e_release(&result);
}
END_TEST

/* While one thread is in such a call, another one that comes back from its own does not bring the helper back. */
START_TEST(the_last_one_brings_the_sampler_back)
{
  char out[4200];
  struct e2e_result result;

  snprintf(out, sizeof out, "VMTRACE_OUT=%s/%%p.vmt", e2e_dir());
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("pause_held")), .env = E2E_ARGV(out), .preload = e2e_library()},
          &result);
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 77) {
    e2e_release(&result);
    E2E_SKIP("processes cannot be traced here");
  }
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "held: 3\nafter: 4\n");
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("thread_edges");
  TCase *tc = e2e_case(suite, "threads", 120);

  tcase_add_loop_test(tc, little_of_a_stack, 0, sizeof modes / sizeof *modes);
  tcase_add_test(tc, threads_pause_the_sampler);
  tcase_add_test(tc, the_last_one_brings_the_sampler_back);
  return e2e_main(suite);
}
