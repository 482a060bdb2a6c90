/*
 * Processes in different time namespaces, whose CLOCK_MONOTONIC differs: their
 * traces are on the machine's clock, so that what ran side by side is told from what did not.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e.h"

/* A traced program whose clock is ahead by so many seconds, or ("0") the machine's. */
static struct e2e_process start(const char *ahead, const char *out)
{
  static char preload[5000], path[5000];
  bool own = strcmp(ahead, "0") != 0;
  const char *const within[] = {"unshare", "-T", "--monotonic",   ahead, "-f", "env",
                                preload,   path, e2e_prog("mem"), "1",   NULL};

  snprintf(preload, sizeof preload, "LD_PRELOAD=%s", e2e_library());
  snprintf(path, sizeof path, "VMTRACE_OUT=%s", e2e_path("%s", out));
  return e2e_start(&(struct e2e_spec){.argv = own ? within : within + 5});
}

static void finish(struct e2e_process *process)
{
  struct e2e_result result;

  e2e_finish(process, &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
}

/* What `pages` says of both traces. */
static char *compared(void)
{
  static char text[4096];
  struct e2e_result result = e2e_run_plain(E2E_ARGV(e2e_analyzer(), "pages", e2e_path("a.vmt"), e2e_path("b.vmt")), 0);

  snprintf(text, sizeof text, "%s", result.out);
  e2e_release(&result);
  return text;
}

static bool no_namespaces(void)
{
  return geteuid() != 0 || access("/proc/self/timens_offsets", R_OK) != 0 || !e2e_has("unshare");
}

#define NEED_NAMESPACES()                                                                                              \
  do {                                                                                                                 \
    if (no_namespaces())                                                                                               \
      E2E_SKIP("needs root, time namespaces (Linux 5.6) and unshare");                                                 \
  } while (0)

static const char *const aheads[] = {"100000", "-1"};

START_TEST(side_by_side)
{
  struct e2e_process a, b;

  NEED_NAMESPACES();
  a = start("0", "a.vmt");
  b = start(aheads[_i], "b.vmt");
  finish(&a);
  finish(&b);
  ck_assert_ptr_nonnull(strstr(compared(), "2 processes ran side by side"));
}
END_TEST

/* By their own clocks the second one began before the first. */
START_TEST(one_after_the_other)
{
  struct e2e_process process;

  NEED_NAMESPACES();
  process = start("0", "a.vmt");
  finish(&process);
  process = start("-1", "b.vmt");
  finish(&process);
  ck_assert_ptr_nonnull(strstr(compared(), "no two of them at the same time"));
}
END_TEST

START_TEST(the_offset_is_in_the_header)
{
  struct e2e_process process;
  json_t *info;

  NEED_NAMESPACES();
  process = start("100000", "b.vmt");
  finish(&process);
  info = e2e_json(E2E_ARGV("info"), (char *const[]){(char *)e2e_path("b.vmt"), NULL});
  ck_assert_int_eq(e2e_int(info, "clock_offset_ns"), 100000ll * 1000000000);
  json_decref(info);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("time_namespace");
  TCase *tcase = e2e_case(suite, "time_namespace", 60);

  tcase_add_loop_test(tcase, side_by_side, 0, sizeof aheads / sizeof *aheads);
  tcase_add_test(tcase, one_after_the_other);
  tcase_add_test(tcase, the_offset_is_in_the_header);
  return e2e_main(suite);
}
