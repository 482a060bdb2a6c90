/*
 * Pre-forking servers, reloaded and stopped again and again: no worker is left over, and each ends as it does without
 * the library.  E2E_RELOADS is how often (default 100).
 */
#include <stdio.h>
#include <stdlib.h>

#include "e2e.h"

static const char *const modes[] = {"VMTRACE_LOG=warn", "VMTRACE_STACK=0", "VMTRACE_OUT=off", "VMTRACE_HEAP=next"};
#define MODES (int)(sizeof modes / sizeof *modes)

static const char *reloads(void)
{
  const char *text = getenv("E2E_RELOADS");

  return text && atoi(text) > 0 ? text : "100";
}

static void run(const char *preload, const char *mode, struct e2e_result *result)
{
  char out[4200];

  snprintf(out, sizeof out, "VMTRACE_OUT=%s/%%p.vmt", e2e_dir());
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("prefork"), reloads()),
                             .env = E2E_ARGV(out, mode),
                             .preload = preload},
          result);
}

START_TEST(workers_end_as_they_are_told)
{
  struct e2e_result plain, traced;

  run(NULL, modes[_i], &plain);
  run(e2e_library(), modes[_i], &traced);
  e2e_expect_exit(&plain, 0);
  e2e_expect_same(&plain, &traced, modes[_i]);
  e2e_release(&plain);
  e2e_release(&traced);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("prefork");
  TCase *tests = e2e_case(suite, "prefork", 120 + 2 * atoi(reloads()));

  tcase_add_loop_test(tests, workers_end_as_they_are_told, 0, MODES);
  return e2e_main(suite);
}
