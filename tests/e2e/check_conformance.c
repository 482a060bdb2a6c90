/*
 * The malloc family at its edges: the pinned heap keeps every rule that
 * tests/progs/conformance*.c know, and in next mode none is broken that the allocator keeps without the library.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

static const struct {
  const char *program, *name;
} themes[] = {
    {"conformance", "zero"},           {"conformance", "limits"},        {"conformance", "alignments"},
    {"conformance", "pages"},          {"conformance", "zeroed"},        {"conformance", "resized"},
    {"conformance", "usable"},         {"conformance_process", "errno"}, {"conformance_process", "places"},
    {"conformance_process", "tuning"},
};
#define THEMES ((int)(sizeof themes / sizeof *themes))
static const char *const allocators[] = {NULL, "libjemalloc.so.2", "libmimalloc.so.2", "libtcmalloc_minimal.so.4"};
#define ALLOCATORS ((int)(sizeof allocators / sizeof *allocators))

static void run(int theme, const char *preload, const char *heap, struct e2e_result *result)
{
  const struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog(themes[theme].program), themes[theme].name),
                                .env = E2E_ARGV("VMTRACE_SAMPLE_MS=0", heap),
                                .preload = preload};

  e2e_run(&spec, result);
}

static void expect_all_rules(const struct e2e_result *result)
{
  const char *end = strstr(result->out, "judged\n");

  e2e_expect_exit(result, 0);
  ck_assert_msg(!strstr(result->out, "wrong"), "%s", result->out);
  ck_assert_msg(end == result->out, "%s", result->out);
}

/* Programs and scripts look for glibc's words in what malloc_stats writes; the largest block was of 50,000,000 bytes.
 */
static void expect_stats(int theme, const struct e2e_result *result)
{
  static const char label[] = "max mmap bytes   = ";
  const char *most = strstr(result->err, label);

  if (strcmp(themes[theme].name, "tuning"))
    return;
  ck_assert_msg(strstr(result->err, "Arena 0:\nsystem bytes     = "), "%s", result->err);
  ck_assert_msg(strstr(result->err, "Total (incl. mmap):\nsystem bytes     = "), "%s", result->err);
  ck_assert_msg(most && strtoul(most + strlen(label), NULL, 10) >= 50000000, "%s", result->err);
}

/* The rules are glibc's: its own allocator keeps them. */
START_TEST(glibc)
{
  struct e2e_result result;

  run(_i, NULL, NULL, &result);
  expect_all_rules(&result);
  expect_stats(_i, &result);
  e2e_release(&result);
}
END_TEST

START_TEST(pinned)
{
  struct e2e_result result;
  json_t *info;
  char *traces[2] = {NULL};

  run(_i, e2e_library(), NULL, &result);
  expect_all_rules(&result);
  expect_stats(_i, &result);
  traces[0] = (char *)e2e_only_trace(e2e_dir());
  info = e2e_json(E2E_ARGV("info"), traces);
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_int_eq(e2e_int(info, "events.heap_error"), 0);
  json_decref(info);
  e2e_release(&result);
}
END_TEST

/* No rule is broken that the allocator keeps.  (Some that it breaks are kept then: errno of a failure.) */
static void expect_no_worse(const struct e2e_result *without, struct e2e_result *with, const char *what)
{
  ck_assert_msg(without->status == with->status, "%s: status %x without, %x with the library: %s", what,
                without->status, with->status, with->err);
  for (char *line = strtok(with->out, "\n"); line; line = strtok(NULL, "\n"))
    ck_assert_msg(strstr(without->out, line), "%s: only with the library: %s", what, line);
}

/* What an allocator writes on stderr is its own affair (statistics, warnings of large requests). */
START_TEST(next)
{
  const char *allocator = allocators[_i / THEMES], *path = NULL;
  const int theme = _i % THEMES;
  char preload[8500], what[100];
  struct e2e_result without, with;

  if (allocator && !(path = e2e_system_library(allocator)))
    E2E_SKIP("%s is not installed", allocator);
  snprintf(preload, sizeof preload, "%s%s%s", e2e_library(), path ? ":" : "", path ? path : "");
  run(theme, path, NULL, &without);
  run(theme, preload, "VMTRACE_HEAP=next", &with);
  snprintf(what, sizeof what, "%s over %s", themes[theme].name, allocator ? allocator : "glibc");
  expect_no_worse(&without, &with, what);
  e2e_release(&without);
  e2e_release(&with);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("conformance");
  TCase *tcase = e2e_case(suite, "conformance", 300);

  tcase_add_loop_test(tcase, glibc, 0, THEMES);
  tcase_add_loop_test(tcase, pinned, 0, THEMES);
  tcase_add_loop_test(tcase, next, 0, THEMES * ALLOCATORS);
  return e2e_main(suite);
}
