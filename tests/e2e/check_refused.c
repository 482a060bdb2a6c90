/*
 * What the kernel refuses: a call with an address that cannot be read fails
 * under the library as it does without it, although the library looks at arguments that the program meant for the
 * kernel; and the library itself makes no call for which the filter of a service ends it.
 */
#include <string.h>

#include "e2e.h"
#include "e2e_judge.h"

static const struct {
  const char *kind;
  const char *line; /* one of its output, also untraced */
} kinds[] = {
    {"exec-path", "execve, path without an end: -1 EFAULT\n"},
    {"exec-env", "execve, a variable: -1 EFAULT\n"},
    {"spawn", "posix_spawn, a variable: EFAULT\n"},
    {"vfork", "vfork: 14\n"},
    {"low", "low environment: -1 EFAULT\n"},
    {"name", "prctl, a name without an end: 0 \nnnnnnnnnnnnnnnn\n"},
    {"filter", "execve, path without an end: -1 EFAULT\n"},
    {"descriptors", "fstat, AT_FDCWD: -1 EBADF\n"},
    {"large", "another program\n"},
};

static void refuse_under(const char *kind, const char *line, const char *variable)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("refused"), kind)};
  struct e2e_result with;

  judge_same(spec, variable, &with);
  e2e_expect_exit(&with, 0);
  ck_assert_str_eq(with.err, "");
  ck_assert_msg(strstr(with.out, line), "%s: %s", kind, with.out);
  e2e_release(&with);
}

START_TEST(unreadable_addresses)
{
  long long failed;

  refuse_under(kinds[_i].kind, kinds[_i].line, NULL);
  judge_whole("events.exec_failed", &failed);
  refuse_under(kinds[_i].kind, kinds[_i].line, "VMTRACE_HEAP=next");
  refuse_under(kinds[_i].kind, kinds[_i].line, "VMTRACE_OUT=off");
}
END_TEST

/* ---- calls for which the process would be ended ---- */

static const char *const services[][2] = {{"pauses", "5"}, {"lifecycle", "all-execs"}};

START_TEST(filtered_services)
{
  static const char *const modes[] = {NULL, "VMTRACE_UNWIND=plain", "VMTRACE_HEAP=next", "VMTRACE_WATCH=0x200000:int"};
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("service"), e2e_prog(services[_i][0]), services[_i][1])};
  long long nodes;

  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    struct e2e_result with;

    judge_same(spec, modes[i], &with);
    e2e_expect_exit(&with, 0);
    ck_assert_str_eq(with.err, "");
    e2e_release(&with);
  }
  judge_whole("events.stack_node", &nodes);
  ck_assert_int_gt(nodes, 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("refused");
  TCase *tc = e2e_case(suite, "addresses", 60);

  tcase_add_loop_test(tc, unreadable_addresses, 0, sizeof kinds / sizeof *kinds);
  tc = e2e_case(suite, "filters", 120);
  tcase_add_loop_test(tc, filtered_services, 0, sizeof services / sizeof *services);
  return e2e_main(suite);
}
