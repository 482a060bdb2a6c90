/*
 * What a program can notice of the library's own thread and files: nothing.
 * The target is tests/progs/helped.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

int main(void)
{
  Suite *suite = suite_create("helper");
  TCase *tcase = e2e_case(suite, "files", 60);

  tcase_add_test(tcase, traces_are_private);
  tcase = e2e_case(suite, "tools", 120);
  tcase_add_test(tcase, valgrind_runs_the_program);
  return e2e_main(suite);
}
