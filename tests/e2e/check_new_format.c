/*
 * A format is one file and one line: a toy one is added to a copy of the list, compiled, and found wherever formats are
 * named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

static const char script[] =
    "set -e\n"
    "mkdir -p %1$s/output\n"
    /* the one line */
    "sed 's/^  X(csv)/  X(toy) X(csv)/' analyzer/output/formats.h >%1$s/output/formats.h\n"
    /* the one file */
    "cat >%1$s/toy.c <<'END'\n"
    "#include \"output/formats.h\"\n"
    "static int toy_table(FILE *out, const struct table *t, const struct style *style)\n"
    "{\n"
    "  (void)style;\n"
    "  return fprintf(out, \"%%zu toy rows\\n\", t->count) < 0 ? -1 : 0;\n"
    "}\n"
    "const struct format format_toy = {\n"
    "    .name = \"toy\", .ending = \".toy\", .meaning = \"for a test\", .table = toy_table};\n"
    "END\n"
    "cc -std=gnu17 -D_GNU_SOURCE -I%1$s -Iinclude -Ianalyzer -o %1$s/vmtrace -DVMTRACE_VERSION='\"toy\"' \\\n"
    "  analyzer/main.c analyzer/output/output_format.c %1$s/toy.c %2$s/libanalyzer.a \\\n"
    "  -ljansson -lsqlite3 -lzstd -ldw -lelf -liberty -lm -pthread\n";

static struct e2e_result run_toy(const char *const *argv)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = argv}, &result);
  return result;
}

START_TEST(one_file_and_one_line)
{
  const char *toy = e2e_path("vmtrace"), *build = getenv("E2E_BUILD");
  struct e2e_result result;
  char command[8400];

  snprintf(command, sizeof command, script, e2e_dir(), build ? build : "build");
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("bash", "-c", command), .cwd = e2e_top()}, &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("mem"), "0"), .preload = e2e_library()}, &result);
  e2e_release(&result);

  result = run_toy(E2E_ARGV(toy, "ps", "--format=toy", e2e_only_trace(e2e_dir())));
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "1 toy rows\n");
  e2e_release(&result);
  result = run_toy(E2E_ARGV(toy, "ps", "--help"));
  ck_assert_msg(strstr(result.out, "toy (for") != NULL, "%s", result.out);
  e2e_release(&result);
  result = run_toy(E2E_ARGV(toy, "ps", "--format=none", "x"));
  ck_assert_msg(strstr(result.err, "--format takes text, json, toy or csv, not 'none'") != NULL, "%s", result.err);
  e2e_release(&result);
  result = run_toy(E2E_ARGV(toy, "completion", "bash"));
  ck_assert_msg(strstr(result.out, "ps--format) values=\"text json toy csv\"") != NULL, "%s", result.out);
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("new_format");
  TCase *tcase = e2e_case(suite, "toy", 120);

  tcase_add_test(tcase, one_file_and_one_line);
  return e2e_main(suite);
}
