/*
 * `vmtrace heap` in every shape and at every moment: tables, trees, folded
 * lines, JSON, differences, and what it refuses.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heap_run.h"

static const char *owners(const char *name)
{
  const char *path = e2e_path("%s.vmt", name);

  TRACE(path, e2e_prog("owners"));
  return path;
}

static void expect_text(const char *text, const char *part)
{
  ck_assert_msg(strstr(text, part) != NULL, "no '%s' in\n%s", part, text);
}

START_TEST(text_in_all_shapes)
{
  static const struct {
    const char *shape, *option, *part;
  } shapes[] = {{"--all", "--sort=live", "SITE"},
                {"--stacks", "--sort=live", "CALL STACK"},
                {"--tree", "--sort=live", "keeper (owners.c:"},
                {"--tree", "--invert", "main (owners.c:53)"}};
  const char *path = owners("owners");

  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    struct e2e_result result = RUN(0, heap_analyzer(), "heap", shapes[i].shape, shapes[i].option, path);

    expect_text(result.out, shapes[i].part);
    expect_text(result.out, "1,037 allocations of 4.01 MiB, 1,016 frees");
    expect_text(result.out, "grower (owners.c:");
    e2e_release(&result);
  }
}
END_TEST

/* The sum of the numbers at the ends of folded lines. */
static long long folded_sum(const char *text)
{
  long long sum = 0;

  for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
    const char *end = strchr(line, '\n'), *space = end;

    ck_assert_ptr_nonnull(end);
    while (space > line && *space != ' ')
      space--;
    ck_assert_msg(space > line && strtoll(space, NULL, 10) > 0, "%s", line);
    sum += strtoll(space, NULL, 10);
  }
  return sum;
}

/* Every column is a weight, and the lines add up to the column's total. */
START_TEST(folded_by_every_weight)
{
  static const char *const weights[][2] = {{"allocations", "allocations"},
                                           {"frees", "frees"},
                                           {"requested", "requested_bytes"},
                                           {"live", "live_bytes"},
                                           {"live-blocks", "live_blocks"},
                                           {"at-peak", "at_peak_bytes"},
                                           {"temporary", "temporary"},
                                           {"leaked", "leaked_bytes"},
                                           {"leaked-blocks", "leaked_allocations"},
                                           {"resident", "resident_bytes"},
                                           {"private", "private_bytes"},
                                           {"untouched", "untouched_bytes"}};
  const char *path = owners("owners");
  json_t *report = heap_report(path, "--at=end", NULL);

  if (!heap_can_sample())
    E2E_SKIP("needs /proc/self/pagemap");
  for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
    char weight[64], key[64];
    struct e2e_result result;

    snprintf(weight, sizeof weight, "--weight=%s", weights[i][0]);
    snprintf(key, sizeof key, "totals.%s", weights[i][1]);
    result = RUN(0, heap_analyzer(), "heap", "--format=folded", weight, path);
    ck_assert_msg(folded_sum(result.out) == e2e_int(report, key), "%s: %lld, not %lld\n%s", weights[i][0],
                  folded_sum(result.out), e2e_int(report, key), result.out);
    if (i == 0)
      expect_text(result.out, "main;passer 1000\n");
    e2e_release(&result);
  }
  json_decref(report);
}
END_TEST

START_TEST(json_keys)
{
  static const char *const totals[] = {"allocations",        "frees",      "requested_bytes", "live_bytes",
                                       "peak_live_bytes",    "temporary",  "leaked_bytes",    "resident_bytes",
                                       "leaked_allocations", "slack_bytes"};
  static const char *const of_stack[] = {"allocations",    "requested_bytes", "live_bytes", "peak_bytes",
                                         "resident_bytes", "temporary",       "site"};
  static const char *const of_frame[] = {"function", "file", "line", "module", "address", "inlined"};
  json_t *report = heap_report(owners("owners"), "--at=end", NULL), *stack, *frame;
  size_t i, k;

  for (i = 0; i < sizeof totals / sizeof *totals; i++) {
    char key[64];

    snprintf(key, sizeof key, "totals.%s", totals[i]);
    e2e_get(report, key);
  }
  ck_assert_uint_gt(json_array_size(e2e_get(report, "stacks")), 3);
  json_array_foreach(e2e_get(report, "stacks"), i, stack) {
    for (k = 0; k < sizeof of_stack / sizeof *of_stack; k++)
      e2e_get(stack, of_stack[k]);
    ck_assert_int_lt(e2e_int(stack, "site"), (long long)json_array_size(e2e_get(stack, "frames")));
    json_array_foreach(e2e_get(stack, "frames"), k, frame) {
      for (size_t f = 0; f < sizeof of_frame / sizeof *of_frame; f++)
        e2e_get(frame, of_frame[f]);
    }
  }
  json_decref(report);
}
END_TEST

/* Growth between two moments of a trace, and none between two traces of the same program. */
START_TEST(differences)
{
  const char *path = e2e_path("marks.vmt"), *again = e2e_path("again.vmt");
  char diff[4200];
  json_t *report;

  TRACE(path, e2e_prog("marks"));
  TRACE(again, e2e_prog("marks"));
  report = heap_report(path, "--at=mark:middle", "--diff-at=mark:first");
  ck_assert_int_eq(e2e_int(report, "totals.live_bytes"), 64 * 1000);
  ck_assert_int_eq(e2e_int(report, "totals.allocations"), 64);
  json_decref(report);
  report = heap_report(path, "--at=mark:second", "--diff-at=mark:middle");
  ck_assert_int_eq(e2e_int(report, "totals.live_bytes"), -32 * 1000);
  ck_assert_int_eq(e2e_int(report, "totals.frees"), 32);
  json_decref(report);
  snprintf(diff, sizeof diff, "--diff=%s", again);
  report = heap_report(path, "--at=mark:middle", diff);
  ck_assert_int_eq(e2e_int(report, "totals.live_bytes"), 0);
  ck_assert_int_eq(e2e_int(report, "totals.requested_bytes"), 0);
  json_decref(report);
}
END_TEST

START_TEST(moments)
{
  static const struct {
    const char *at;
    long long live;
  } known[] = {{"--at=peak", 64 * 1000},
               {"--at=mark:middle", 64 * 1000},
               {"--at=mark:second", 32 * 1000},
               {"--at=end", 0},
               {"--at=1h", 0}};
  const char *path = e2e_path("marks.vmt");
  json_t *report;
  long long before;

  TRACE(path, e2e_prog("marks"));
  report = heap_report(path, "--at=mark:first", NULL);
  before = e2e_int(report, "totals.live_bytes");
  json_decref(report);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    report = heap_report(path, known[i].at, NULL);
    /* What the C library keeps for output is not freed. */
    ck_assert_msg(e2e_int(report, "totals.live_bytes") - before >= known[i].live &&
                      e2e_int(report, "totals.live_bytes") - before < known[i].live + 8192,
                  "%s: %lld", known[i].at, e2e_int(report, "totals.live_bytes"));
    json_decref(report);
  }
  report = heap_report(path, "--at=0", NULL);
  ck_assert_int_eq(e2e_int(report, "totals.live_blocks"), 0);
  json_decref(report);
}
END_TEST

/* One line that names what is wrong, and nothing else. */
static void expect_refused(const char *argument, int status, const char *says)
{
  const char *path = e2e_path("marks.vmt");
  struct e2e_result result = RUN(status, heap_analyzer(), "heap", argument, path);
  const char *newline = strchr(result.err, '\n');

  expect_text(result.err, says);
  ck_assert_str_eq(result.out, "");
  if (status == 3)
    ck_assert_msg(newline && !newline[1], "more than a line:\n%s", result.err);
  e2e_release(&result);
}

START_TEST(wrong_moments)
{
  TRACE(e2e_path("marks.vmt"), e2e_prog("marks"));
  expect_refused("--at=mark:nowhere", 3, "there is no mark 'nowhere'");
  expect_refused("--at=mark:first#2", 3, "mark 'first' was set 1 times only");
  expect_refused("--at=tomorrow", 2, "--at takes a time since the start");
  expect_refused("--at=--1", 2, "--at takes a time since the start");
  expect_refused("--diff-at=mark:", 2, "--diff-at takes a time since the start");
  expect_refused("--diff=/nowhere", 3, "/nowhere");
  expect_refused("--sort=nothing", 2, "there is no column 'nothing'");
}
END_TEST

/* How often a command opens a trace: what is read once can be a pipe's end, and is not read in two states. */
static unsigned opens(const char *const *command, const char *trace)
{
  struct e2e_result result;
  struct inotify_event seen;
  int watch = inotify_init1(IN_NONBLOCK);
  unsigned count = 0;

  ck_assert_int_ge(inotify_add_watch(watch, trace, IN_OPEN), 0);
  e2e_run(&(struct e2e_spec){.argv = command}, &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  while (read(watch, &seen, sizeof seen) == sizeof seen)
    count++;
  close(watch);
  return count;
}

START_TEST(a_trace_is_opened_once)
{
  const char *path = e2e_path("marks.vmt");

  TRACE(path, e2e_prog("marks"));
  ck_assert_uint_eq(opens(E2E_ARGV(e2e_analyzer(), "heap", "--at=peak", "--diff-at=mark:first", path), path), 1);
  ck_assert_uint_eq(opens(E2E_ARGV(e2e_analyzer(), "heap", path), path), 1);
  ck_assert_uint_eq(opens(E2E_ARGV(e2e_analyzer(), "info", path), path), 1);
  ck_assert_uint_eq(opens(E2E_ARGV(e2e_analyzer(), "pages", path), path), 1);
  ck_assert_uint_eq(opens(E2E_ARGV(e2e_analyzer(), "dump", path), path), 1);
  ck_assert_uint_eq(opens(E2E_ARGV(e2e_analyzer(), "ps", path), path), 1);
}
END_TEST

/* Two traces of one program: its stacks once with twice the numbers, or twice. */
START_TEST(merged_and_apart)
{
  const char *const paths[] = {owners("one"), owners("two")};
  char *const traces[] = {(char *)paths[0], (char *)paths[1], NULL};
  json_t *one = heap_report(paths[0], "--at=end", NULL), *both = e2e_json(E2E_ARGV("heap"), traces);
  json_t *apart = e2e_json(E2E_ARGV("heap", "--per-process"), traces);

  ck_assert_int_eq(e2e_int(both, "totals.allocations"), 2 * e2e_int(one, "totals.allocations"));
  ck_assert_int_eq(e2e_int(both, "totals.leaked_bytes"), 2 * e2e_int(one, "totals.leaked_bytes"));
  ck_assert_uint_eq(json_array_size(e2e_get(both, "stacks")), json_array_size(e2e_get(one, "stacks")));
  ck_assert_uint_eq(json_array_size(apart), 2);
  for (size_t i = 0; i < 2; i++)
    ck_assert_int_eq(e2e_int(json_array_get(apart, i), "totals.allocations"), e2e_int(one, "totals.allocations"));
  json_decref(one);
  json_decref(both);
  json_decref(apart);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap command");
  TCase *tcase = e2e_case(suite, "shapes", 60);

  tcase_add_test(tcase, text_in_all_shapes);
  tcase_add_test(tcase, folded_by_every_weight);
  tcase_add_test(tcase, json_keys);
  tcase_add_test(tcase, differences);
  tcase_add_test(tcase, moments);
  tcase_add_test(tcase, wrong_moments);
  tcase_add_test(tcase, a_trace_is_opened_once);
  tcase_add_test(tcase, merged_and_apart);
  return e2e_main(suite);
}
