/*
 * The program's own address space is the program's: it maps over the heap,
 * unmaps pieces of it, moves them away.  The heap leaves the place, says so once, and goes on.
 */
#include <stdio.h>
#include <string.h>

#include "e2e.h"

static const struct {
  const char *way;
  bool leaves; /* memory in use was taken: one line, and addresses are not kept */
  const char *first;
} ways[] = {{"low", true, ""},     {"page", true, ""},      {"across", true, ""}, {"unmap", true, ""},
            {"back", true, ""},    {"away", true, ""},      {"over", true, ""},   {"attach", true, ""},
            {"protect", true, ""}, {"medium", true, ""},    {"huge", true, ""},   {"kept", false, ""},
            {"guard", false, ""},  {"own", false, "110\n"}, {"thread", true, ""}};

static void run_intruder(int i, bool traced)
{
  const char *said = "took memory of the heap at 0x", *line;
  struct e2e_result result;
  char expected[100];

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("intruder"), ways[i].way),
                             .env = traced ? NULL : E2E_ARGV("VMTRACE_OUT=off"),
                             .preload = e2e_library()},
          &result);
  e2e_expect_exit(&result, 0);
  snprintf(expected, sizeof expected, "%s0 inside, 0 changed\n0 inside, 0 changed\n", ways[i].first);
  ck_assert_str_eq(result.out, expected);
  line = strstr(result.err, said);
  ck_assert_msg(!line == !ways[i].leaves, "%s: %s", ways[i].way, result.err);
  ck_assert_msg(!line || !strstr(line + 1, said), "%s: more than once: %s", ways[i].way, result.err);
  if (strcmp(ways[i].way, "own") == 0)
    ck_assert_ptr_nonnull(strstr(result.err, "has its own memory"));
  e2e_release(&result);
}

START_TEST(heap_leaves)
{
  size_t count;
  char **traces;

  run_intruder(_i, true);
  traces = e2e_traces(e2e_dir(), &count);
  ck_assert_uint_eq(count, 2);
  for (size_t i = 0; i < count; i++) {
    char *const one[] = {traces[i], NULL};
    json_t *info = e2e_json(E2E_ARGV("info"), one);

    ck_assert_int_eq(json_is_false(e2e_get(info, "deterministic")), ways[_i].leaves);
    ck_assert(json_is_true(e2e_get(info, "complete")));
    json_decref(info);
  }
  e2e_traces_free(traces);
}
END_TEST

START_TEST(heap_leaves_untraced)
{
  run_intruder(_i, false);
}
END_TEST

/* The thread whose heap it is allocates and frees meanwhile. */
START_TEST(a_working_thread_leaves)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("taken"), "1000"),
                             .env = _i % 2 ? NULL : E2E_ARGV("VMTRACE_OUT=off"),
                             .preload = e2e_library()},
          &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "");
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("intruder");
  TCase *tcase = e2e_case(suite, "intruder", 60);

  tcase_add_loop_test(tcase, heap_leaves, 0, sizeof ways / sizeof *ways);
  tcase_add_loop_test(tcase, heap_leaves_untraced, 0, sizeof ways / sizeof *ways);
  tcase_add_loop_test(tcase, a_working_thread_leaves, 0, 4);
  return e2e_main(suite);
}
