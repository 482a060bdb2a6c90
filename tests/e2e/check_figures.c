/*
 * Figures from real runs: address spaces with the frames behind them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e.h"

static size_t count_of(const char *text, const char *what)
{
  size_t count = 0;

  for (; (text = strstr(text, what)); text += strlen(what))
    count++;
  return count;
}

/* What any reader of XML takes. */
static void expect_xml(const char *path)
{
  struct e2e_result result;

  if (!e2e_has("python3"))
    return;
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("python3", "-c", "import sys, xml.dom.minidom as x; x.parse(sys.argv[1])",
                                              path)},
          &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
}

static char *figure_of(const char *const *argv)
{
  struct e2e_result result;
  char *text;
  FILE *file;

  e2e_run(&(struct e2e_spec){.argv = argv}, &result);
  e2e_expect_exit(&result, 0);
  file = fopen(e2e_path("figure.svg"), "w");
  ck_assert_ptr_nonnull(file);
  ck_assert_int_ge(fputs(result.out, file), 0);
  fclose(file);
  expect_xml(e2e_path("figure.svg"));
  text = strdup(result.out);
  e2e_release(&result);
  return text;
}

/* Two programs print one address: each has a frame of its own there, and both have those of libc. */
START_TEST(two_address_spaces)
{
  const char *dir = e2e_path("traces");
  struct e2e_result result;
  char *text;

  E2E_NEED_ROOT();
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_analyzer(), "run", "-n", "2", "-o", dir, "--", e2e_prog("mem"), "1")},
          &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  text = figure_of(E2E_ARGV(e2e_analyzer(), "pages", "--format=svg", dir));
  ck_assert_uint_eq(count_of(text, ">0x200000</text>"), 1);
  ck_assert_uint_eq(count_of(text, "<title>0x200000, 1 page of "), 2);
  ck_assert_uint_ge(count_of(text, "marker-end"), 4);
  ck_assert_uint_ge(count_of(text, ", of more than one process"), 1);
  ck_assert_uint_ge(count_of(text, ", of one process"), 2);
  ck_assert_ptr_nonnull(strstr(text, "libc.so.6"));
  free(text);
}
END_TEST

/* The flame graph of a heap has the functions of the program, on top of each other. */
START_TEST(flame_graph)
{
  struct e2e_result result;
  char *text;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("owners")), .preload = e2e_library()}, &result);
  e2e_release(&result);
  text = figure_of(E2E_ARGV(e2e_analyzer(), "heap", "--format=svg", "--sort=requested", e2e_only_trace(e2e_dir())));
  ck_assert_msg(strstr(text, "<title>main (owners.c:") && strstr(text, "100.0%</title>"), "%s", text);
  ck_assert_ptr_null(strstr(text, "<script"));
  free(text);
}
END_TEST

/* Filters and columns, in formats for programs. */
START_TEST(table_of_sites)
{
  struct e2e_result result;
  const char *trace;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("owners")), .preload = e2e_library()}, &result);
  e2e_release(&result);
  trace = e2e_only_trace(e2e_dir());
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_analyzer(), "heap", "--format=csv", "--columns=function,allocations",
                                              "--where=module = 'owners' and allocations > 0", trace)},
          &result);
  e2e_expect_exit(&result, 0);
  ck_assert_msg(!strncmp(result.out, "function,allocations,", 21) && strchr(result.out, '\n')[1], "%s", result.out);
  e2e_release(&result);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_analyzer(), "heap", "--where=modul = 1", trace)}, &result);
  e2e_expect_exit(&result, 2);
  ck_assert_msg(strstr(result.err, "no such column: modul; the columns are resident, ") != NULL, "%s", result.err);
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("figures");
  TCase *tcase = e2e_case(suite, "svg", 60);

  tcase_add_test(tcase, two_address_spaces);
  tcase_add_test(tcase, flame_graph);
  tcase_add_test(tcase, table_of_sites);
  return e2e_main(suite);
}
