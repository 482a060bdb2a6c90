/*
 * Programs that may do little (tests/progs/confined.c): they go on as they do
 * without the library, and what was recorded before is there.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "e2e_judge.h"

/* A user of the tests' own, who has no other processes that count. */
#define USER 64123

/* What tests/progs/confined.c allocates before anything is taken away. */
#define BEFORE (100 * 100)

static void one_process(const void *unused)
{
  const struct rlimit limit = {1, 1};

  (void)unused;
  if (setrlimit(RLIMIT_NPROC, &limit))
    _exit(126);
}

/* Neither the program's thread and child nor the sampler's helper can be made. */
START_TEST(no_further_process)
{
  struct e2e_spec spec = {
      .argv = E2E_ARGV(e2e_copy(e2e_prog("confined")), "nproc"), .uid = USER, .prepare = one_process};
  struct e2e_result without, with;
  json_t *info;

  E2E_NEED_ROOT();
  e2e_run(&spec, &without);
  e2e_expect_exit(&without, 21);
  if (!strstr(without.out, "thread: Resource temporarily unavailable"))
    E2E_SKIP("RLIMIT_NPROC does not hold here");
  spec.preload = e2e_copy(e2e_library());
  spec.env = E2E_ARGV("VMTRACE_LOG=info");
  e2e_run(&spec, &with);
  e2e_expect_exit(&with, 21);
  ck_assert_str_eq(with.out, without.out);
  ck_assert_ptr_nonnull(strstr(with.err, "there is no thread for samples"));
  info = judge_info(e2e_only_trace(e2e_dir()));
  ck_assert(json_is_true(e2e_get(info, "complete")));
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_int_eq(e2e_int(info, "threads"), 1);
  ck_assert_int_ge(e2e_int(info, "events.alloc"), 2 * BEFORE);
  ck_assert_str_eq(e2e_str(info, "ended"), "exit");
  json_decref(info);
  e2e_release(&without);
  e2e_release(&with);
}
END_TEST

static const char *const ways[] = {"VMTRACE_STACK=64", "VMTRACE_STACK=0", "VMTRACE_SAMPLE_MS=0", "VMTRACE_HEAP=next"};

/* The kernel ends a program under strict seccomp at any other call and at a look at the clock. */
START_TEST(strict_seccomp)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("confined"), "strict")};
  struct e2e_result with;
  char text[4200];
  json_t *info;

  snprintf(text, sizeof text, "%s/README.md", e2e_top());
  spec.input = text;
  judge_same(spec, ways[_i], &with);
  e2e_expect_exit(&with, 21);
  ck_assert_uint_gt(with.out_len, 1000);
  ck_assert_msg(strstr(with.err, "the program goes on") && strstr(with.err, "seccomp"), "said: %s", with.err);
  info = judge_info(e2e_only_trace(e2e_dir()));
  ck_assert(json_is_false(e2e_get(info, "complete")));
  ck_assert_ptr_nonnull(strstr(e2e_str(info, "stop_reason"), "seccomp"));
  ck_assert_int_ge(e2e_int(info, "events.alloc"), BEFORE);
  ck_assert_int_eq(e2e_int(info, "damage.bad_chunks") + e2e_int(info, "damage.bad_records"), 0);
  json_decref(info);
  e2e_release(&with);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("confined");
  TCase *tcase = e2e_case(suite, "confined", 120);

  tcase_add_test(tcase, no_further_process);
  tcase_add_loop_test(tcase, strict_seccomp, 0, (int)(sizeof ways / sizeof *ways));
  return e2e_main(suite);
}
