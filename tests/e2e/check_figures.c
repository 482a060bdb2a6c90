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

int main(void)
{
  Suite *suite = suite_create("figures");
  TCase *tcase = e2e_case(suite, "svg", 60);

  tcase_add_test(tcase, two_address_spaces);
  return e2e_main(suite);
}
