/*
 * A mark, a snapshot and a peak are one instant for all threads, although most
 * events share a reading of the clock with others: tests/progs/instants.c knows what its threads hold then.
 */
#include <stdlib.h>
#include <string.h>

#include "e2e_judge.h"

#define BLOCKS 30
#define MARKS 60

/* Sizes that the program's other blocks do not have. */
#define SMALL "104"
#define LARGE "4096"
#define HUGE_SIZE "1000000"

static const char *run(const char *way, const char *size)
{
  static char trace[4096], out[4200];
  const struct e2e_spec spec = {
      .argv = E2E_ARGV(e2e_prog("instants"), way, size), .preload = e2e_library(), .env = E2E_ARGV(out)};
  struct e2e_result result;

  snprintf(trace, sizeof trace, "%s", e2e_path("instants.vmt"));
  snprintf(out, sizeof out, "VMTRACE_OUT=%s", trace);
  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  return trace;
}

/* Follows the blocks of that size through the trace; at each mark, and fork, expect is called.  How many
 * marks there were. */
static unsigned at_marks(const char *trace, const char *size,
                         void (*expect)(const char *line, long live, unsigned mark))
{
  const struct e2e_spec spec = {.argv = E2E_ARGV(e2e_analyzer(), "dump", "--format=json", trace)};
  struct e2e_result dump;
  unsigned marks = 0;
  long live = 0;
  char *rest;

  e2e_run(&spec, &dump);
  e2e_expect_exit(&dump, 0);
  for (char *line = strtok_r(dump.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    const char *bytes = strstr(line, "\"size\":");
    bool ours = bytes && strtol(bytes + 7, NULL, 10) == atol(size);

    if (ours && strstr(line, "\"op\":\"alloc\""))
      live++;
    else if (ours && strstr(line, "\"op\":\"free\""))
      live--;
    if (!strstr(line, "\"op\":\"mark\"") && !strstr(line, "\"op\":\"fork\""))
      continue;
    expect(line, live, marks);
    marks++;
  }
  e2e_release(&dump);
  return marks;
}

static void full_or_empty(const char *line, long live, unsigned mark)
{
  long want = mark % 2 ? 0 : BLOCKS;

  ck_assert_msg(live == want, "%ld blocks live, %ld were: %s", live, want, line);
}

static void one_at_most(const char *line, long live, unsigned mark)
{
  (void)mark;
  ck_assert_msg(live == 0 || live == 1, "%ld blocks live: %s", live, line);
}

static void has_its_name(const char *line, long live, unsigned mark)
{
  (void)live;
  (void)mark;
  ck_assert_msg(strstr(line, "in a handler") != NULL, "%s", line);
}

static const struct {
  const char *way, *size;
} ways[] = {{"marks", SMALL}, {"snapshots", SMALL}, {"marks", LARGE}, {"forks", SMALL}};

START_TEST(marks_are_exact_for_all_threads)
{
  const char *trace = run(ways[_i].way, ways[_i].size);

  ck_assert_uint_eq(at_marks(trace, ways[_i].size, full_or_empty), MARKS);
}
END_TEST

/* What happened before an event that a mark counts is counted, too. */
START_TEST(marks_cut_what_threads_hand_over)
{
  ck_assert_uint_gt(at_marks(run("token", SMALL), SMALL, one_at_most), 0);
}
END_TEST

START_TEST(a_mark_of_a_handler_has_its_name)
{
  ck_assert_uint_ge(at_marks(run("handler", LARGE), LARGE, has_its_name), 100);
}
END_TEST

static const char *const peaks[] = {LARGE, HUGE_SIZE};

START_TEST(the_peak_of_turns_is_exact)
{
  const char *argv[] = {"heap", "--at=peak", NULL};
  const char *trace = run("turns", peaks[_i]);
  json_t *heap = e2e_json(argv, (char *const[]){(char *)trace, NULL});

  ck_assert_int_eq(e2e_int(heap, "totals.peak_live_bytes"), BLOCKS * atoll(peaks[_i]));
  json_decref(heap);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("instants");
  TCase *tcase = e2e_case(suite, "instants", 120);

  tcase_add_loop_test(tcase, marks_are_exact_for_all_threads, 0, sizeof ways / sizeof *ways);
  tcase_add_test(tcase, marks_cut_what_threads_hand_over);
  tcase_add_test(tcase, a_mark_of_a_handler_has_its_name);
  tcase_add_loop_test(tcase, the_peak_of_turns_is_exact, 0, sizeof peaks / sizeof *peaks);
  return e2e_main(suite);
}
