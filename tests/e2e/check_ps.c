/*
 * `vmtrace ps`: who started whom, what each had and how it ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e.h"

#define SCRIPT "/bin/sh -c 'exit 3'; (exec /bin/sleep 0); kill -9 $$"

static void run_traced(const char *const *argv)
{
  struct e2e_result result;
  char out[4200];

  snprintf(out, sizeof out, "VMTRACE_OUT=%s", e2e_path("traces"));
  mkdir(e2e_path("traces"), 0755);
  e2e_run(&(struct e2e_spec){.argv = argv, .preload = e2e_library(), .env = E2E_ARGV(out)}, &result);
  e2e_release(&result);
}

/* `vmtrace ps OPTION... traces`, on a line of so many columns. */
static char *ps_text(const char *columns, const char *option, const char *other, int status)
{
  struct e2e_result result;
  char variable[64], *text;

  snprintf(variable, sizeof variable, "COLUMNS=%s", columns);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_analyzer(), "ps", e2e_path("traces"), option, other),
                             .env = E2E_ARGV(variable)},
          &result);
  e2e_expect_exit(&result, status);
  text = strdup(status ? result.err : result.out);
  e2e_release(&result);
  return text;
}

static json_t *ps_json_at(const char *at)
{
  size_t count;
  char **traces = e2e_traces(e2e_path("traces"), &count);
  json_t *document = e2e_json(E2E_ARGV("ps", at), traces);

  e2e_traces_free(traces);
  return document;
}

static json_t *ps_json(void)
{
  return ps_json_at("--at=end");
}

static json_t *process_named(json_t *document, const char *command)
{
  json_t *row, *found = NULL;
  size_t i;

  json_array_foreach(e2e_get(document, "processes"), i, row) {
    if (!strncmp(e2e_str(row, "command"), command, strlen(command)))
      found = row;
  }
  ck_assert_msg(found != NULL, "no process %s", command);
  return found;
}

/* bash starts sh and forks a shell that becomes sleep; one row for each process, whatever it became. */
START_TEST(family)
{
  json_t *document, *bash, *sh, *sleeper;

  run_traced(E2E_ARGV("/bin/bash", "-c", SCRIPT));
  document = ps_json();
  ck_assert_int_eq((int)json_array_size(e2e_get(document, "processes")), 3);
  bash = process_named(document, "bash");
  sh = process_named(document, "sh -c");
  sleeper = process_named(document, "sleep");
  ck_assert_str_eq(e2e_str(bash, "how"), "unknown"); /* kill -9 leaves no word */
  ck_assert_str_eq(e2e_str(sh, "how"), "exit 3");
  ck_assert_str_eq(e2e_str(sleeper, "ended"), "exit");
  ck_assert_int_eq((int)e2e_int(sleeper, "ppid"), (int)e2e_int(bash, "pid"));
  ck_assert_int_ge((int)e2e_int(sleeper, "images"), 2);
  ck_assert_int_gt((int)e2e_int(bash, "peak_live_bytes"), 0);
  ck_assert_int_ge((int)e2e_int(bash, "peak_live_bytes"), (int)e2e_int(bash, "live_bytes"));
  json_decref(document);
}
END_TEST

/* What lives is as of the instant that is asked for. */
START_TEST(instants)
{
  json_t *document, *marks;

  run_traced(E2E_ARGV(e2e_prog("marks")));
  document = ps_json_at("--at=peak");
  marks = json_array_get(e2e_get(document, "processes"), 0);
  ck_assert_int_gt((int)e2e_int(marks, "live_bytes"), 0);
  ck_assert_int_eq((int)e2e_int(marks, "live_bytes"), (int)e2e_int(marks, "peak_live_bytes"));
  json_decref(document);
  document = ps_json();
  marks = json_array_get(e2e_get(document, "processes"), 0);
  ck_assert_int_lt((int)e2e_int(marks, "live_bytes"), (int)e2e_int(marks, "peak_live_bytes"));
  json_decref(document);
}
END_TEST

static void expect_fits(const char *text, size_t width)
{
  for (const char *line = text; *line;) {
    size_t n = strcspn(line, "\n"), columns = 0;

    for (size_t i = 0; i < n; i++)
      columns += ((unsigned char)line[i] & 0xc0) != 0x80;
    ck_assert_msg(columns <= width, "%zu columns: %.*s", columns, (int)n, line);
    ck_assert_msg(!n || line[n - 1] != ' ', "blanks at the end: '%.*s'", (int)n, line);
    line += n + (line[n] == '\n');
  }
}

START_TEST(tree_in_80_columns)
{
  char *text, *top;

  run_traced(E2E_ARGV("/bin/bash", "-c", SCRIPT));
  text = ps_text("80", NULL, NULL, 0);
  expect_fits(text, 80);
  ck_assert_msg(strstr(text, "\u251c\u2500sh -c exit 3") && strstr(text, "\u2514\u2500sleep 0"), "%s", text);
  ck_assert_msg(strstr(text, "unknown") && strstr(text, "3 processes in "), "%s", text);
  free(text);
  text = ps_text("50", NULL, NULL, 0);
  expect_fits(text, 50);
  free(text);
  top = ps_text("80", "--top=1", NULL, 0);
  ck_assert_msg(strstr(top, "2 more") && !strstr(top, "\u2500"), "%s", top);
  free(top);
}
END_TEST

START_TEST(choosing)
{
  char *text;

  run_traced(E2E_ARGV("/bin/bash", "-c", SCRIPT));
  text = ps_text("80", "--where=how = 'exit 3' or how like 'unk%'", "--columns=how,command", 0);
  ck_assert_msg(strstr(text, "2 of 3 processes in ") && strstr(text, "\nENDED    COMMAND\n") &&
                    !strstr(text, "\u2500sleep"),
                "%s", text);
  free(text);
  text = ps_text("80", "--where=hwo = 1", NULL, 2);
  ck_assert_msg(strstr(text, "vmtrace: --where 'hwo = 1': no such column: hwo; the columns are pid, ppid, ") != NULL,
                "%s", text);
  ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
  free(text);
  text = ps_text("80", "--where=1; DROP TABLE processes", NULL, 2);
  free(text);
  text = ps_text("80", "--sort=speed", NULL, 2);
  ck_assert_msg(strstr(text, "processes have no column 'speed'; they have pid, ") != NULL, "%s", text);
  free(text);
  text = ps_text("80", "--format=folded", NULL, 2);
  ck_assert_msg(strstr(text, "--format takes text, json or csv, not 'folded'") != NULL, "%s", text);
  free(text);
}
END_TEST

/* Without samples a process has no Rss: its own row says so, and no other one does. */
START_TEST(one_without_samples)
{
  json_t *document, *bash, *mem;

  run_traced(E2E_ARGV("/bin/bash", "-c", "VMTRACE_SAMPLE_MS=0 VMTRACE_OUT=off /bin/true; /bin/sleep 0.3"));
  document = ps_json();
  bash = process_named(document, "bash");
  mem = process_named(document, "sleep");
  ck_assert(json_is_integer(e2e_get(bash, "rss_bytes")) && json_is_integer(e2e_get(mem, "rss_bytes")));
  json_decref(document);
}
END_TEST

/* A child that writes half of what it inherited has copies of that, and of little else. */
START_TEST(copies_of_a_child)
{
  json_t *document, *row, *child = NULL;
  size_t i;

  E2E_NEED_ROOT();
  run_traced(E2E_ARGV("/usr/bin/python3", "-c",
                      "import os, time, mmap\n"
                      "m = mmap.mmap(-1, 8 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
                      "for i in range(0, 8 << 20, 4096): m[i] = 1\n"
                      "time.sleep(0.4)\n"
                      "if os.fork() == 0:\n"
                      "  for i in range(0, 4 << 20, 4096): m[i] = 2\n"
                      "  time.sleep(0.4)\n"
                      "  os._exit(0)\n"
                      "os.wait()\n"));
  document = ps_json();
  json_array_foreach(e2e_get(document, "processes"), i, row) {
    if (!strcmp(e2e_str(row, "origin"), "fork"))
      child = row;
    else
      ck_assert(json_is_null(e2e_get(row, "copied_bytes")));
  }
  ck_assert(child != NULL);
  ck_assert_int_ge((int)e2e_int(child, "copied_bytes"), 4 << 20);
  ck_assert_int_le((int)e2e_int(child, "copied_bytes"), 6 << 20);
  json_decref(document);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("ps");
  TCase *tcase = e2e_case(suite, "ps", 120);

  tcase_add_test(tcase, family);
  tcase_add_test(tcase, instants);
  tcase_add_test(tcase, tree_in_80_columns);
  tcase_add_test(tcase, choosing);
  tcase_add_test(tcase, one_without_samples);
  tcase_add_test(tcase, copies_of_a_child);
  return e2e_main(suite);
}
