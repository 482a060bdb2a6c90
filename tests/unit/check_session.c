/*
 * A session: several traces side by side, instants that are the same for all
 * of them, the peak of their sum, each trace read once.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "heap_maker.h"
#include "unit.h"

#define A UINT64_C(0x200000)
#define B UINT64_C(0x300000)

#define START_S UINT64_C(1700000000) /* of all traces, by the clock on the wall */

/* A trace that lives for 100 ms from start_ms on; what it does follows. */
static struct trace_maker *begin(const char *name, int pid, uint64_t start_ms, struct maker_stream **s)
{
  struct trace_maker *m = heap_trace(name, s);

  m->header.pid = pid;
  m->header.start_ns += start_ms * MS;
  m->header.start_real_ns = START_S * 1000 * MS + start_ms * MS;
  m->header.end_ns = m->header.start_ns + 100 * MS;
  return m;
}

static void at(struct trace_maker *m, struct maker_stream *s, uint64_t ms)
{
  maker_time(s, m->header.start_ns + ms * MS);
}

/* Of the first 250 bytes live at most, at 40 ms; of the second 200, at 20 ms; of both 300, at 20 ms. */
static void make_two(void)
{
  struct maker_stream *s;
  struct trace_maker *m = begin("first", 101, 0, &s);

  at(m, s, 10);
  maker_alloc_stack(s, A, 100, IN_F);
  at(m, s, 30);
  heap_mark(s, "half");
  maker_free(s, A);
  at(m, s, 40);
  maker_alloc_stack(s, B, 250, IN_G);
  at(m, s, 60);
  maker_free(s, B);
  maker_finish(m);

  m = begin("second", 102, 0, &s);
  at(m, s, 20);
  maker_alloc_stack(s, A, 200, IN_F);
  at(m, s, 25);
  maker_free(s, A);
  maker_alloc_stack(s, A, 40, IN_G);
  maker_finish(m);

  m = begin("late", 103, 70, &s);
  at(m, s, 5);
  maker_alloc_stack(s, A, 10, IN_F);
  maker_finish(m);
}

static const char *const names[] = {"first", "second", "late"};

/* Bytes live at an instant in those of the first count traces that lived then, by pid; and nothing else was counted. */
static void expect_live(size_t count, const char *when, const int64_t *live)
{
  struct session *session;
  struct heap_set set;
  size_t expected = 0, k = 0;

  capture_begin(2);
  set = heap_load_set(names, count, when, &session);
  free(capture_end());
  for (size_t i = 0; i < count; i++)
    expected += live[i] >= 0;
  ck_assert_msg(set.count == expected, "%s: %zu processes", when, set.count);
  for (size_t i = 0; i < count; i++) {
    struct heap_row row;

    if (live[i] < 0)
      continue;
    ck_assert_int_eq(set.process[k]->header->pid, 101 + (int)i);
    heap_process_totals(set.process[k++], HEAP_WHOLE_RUN, &row);
    ck_assert_msg(row.v[HEAP_LIVE] == live[i], "%s: %s has %lld", when, names[i], (long long)row.v[HEAP_LIVE]);
  }
  heap_set_release(&set);
  session_close(session);
}

START_TEST(one_instant_for_all)
{
  expect_live(3, "15ms", (int64_t[]){100, 0, -1});
  expect_live(3, "25ms", (int64_t[]){100, 40, -1}); /* all that happened by then */
  expect_live(3, "75ms", (int64_t[]){0, 40, 10});
  expect_live(3, "mark:half", (int64_t[]){100, 40, -1});
  expect_live(3, "120ms", (int64_t[]){-1, -1, 10});
  expect_live(3, "-150ms", (int64_t[]){100, 200, -1});
  expect_live(3, "2023-11-14T22:13:20.045Z", (int64_t[]){250, 40, -1});
  expect_live(3, "end", (int64_t[]){0, 40, 10});
  expect_live(3, "1h", (int64_t[]){-1, -1, 10}); /* behind all ends: the last one's */
}
END_TEST

START_TEST(the_peak_of_the_sum)
{
  expect_live(1, "peak", (int64_t[]){250});
  expect_live(2, "peak", (int64_t[]){100, 200});
  expect_live(3, "peak", (int64_t[]){100, 200, -1});
}
END_TEST

/* What lived at the peak is known by its stacks, too, whatever was freed since. */
START_TEST(who_had_the_peak)
{
  struct session *session;
  struct heap_set set = heap_load_set(names, 2, "peak", &session);

  ck_assert_int_eq(heap_row_of(set.process[0], IN_F).v[HEAP_LIVE], 100);
  ck_assert_int_eq(heap_row_of(set.process[0], IN_F).v[HEAP_LIVE_BLOCKS], 1);
  ck_assert_int_eq(heap_row_of(set.process[0], IN_G).v[HEAP_LIVE], 0);
  ck_assert_int_eq(heap_row_of(set.process[1], IN_F).v[HEAP_LIVE], 200);
  ck_assert_int_eq(heap_row_of(set.process[0], IN_G).v[HEAP_ALLOCATIONS], 1); /* of the whole run */
  ck_assert_uint_eq(set.process[0]->moment_ns, 20 * MS);
  heap_set_release(&set);
  session_close(session);
}
END_TEST

static void lived(void *arg, uint64_t addr, uint64_t size, uint32_t stack)
{
  uint64_t *sum = arg;

  (void)addr;
  (void)stack;
  *sum += size;
}

/* Many instants of one pass: each has the blocks that lived then. */
START_TEST(many_instants)
{
  char *path = strdup(temp_path("first"));
  struct session *session = session_open(&path, 1);
  static const uint64_t expected[] = {0, 100, 100, 0, 250, 250, 0};
  const struct heap_counts *counts;

  for (unsigned i = 0; i < 7; i++)
    ck_assert_uint_eq(
        session_at(session, &(struct instant){.kind = INSTANT_START_PLUS, .offset_ns = (5 + 10 * i) * MS}), i);
  session_want(session, &tracker_blocks);
  ck_assert_int_eq(session_run(session), 0);
  counts = session_state(session_trace(session, 0), &tracker_blocks);
  for (unsigned i = 0; i < 7; i++) {
    uint64_t sum = 0;

    heap_counts_lived(counts, heap_counts_then(counts, i), lived, &sum);
    ck_assert_uint_eq(sum, expected[i]);
    ck_assert_uint_eq(heap_counts_then(counts, i)->total.live, expected[i]);
  }
  session_close(session);
  free(path);
}
END_TEST

/* Random frees and allocations of several processes: the blocks that live at the peak add up to it. */
START_TEST(the_peak_of_random_traces)
{
  enum { TRACES = 4, SLOTS = 200, STEPS = 5000 };
  static char name[TRACES][32];
  const char *list[TRACES];
  struct trace_maker *m[TRACES];
  struct maker_stream *s[TRACES];
  static uint64_t size[TRACES][SLOTS];
  uint64_t total = 0, top = 0, sum = 0;
  struct session *session;
  struct heap_set set;

  srand(_i + 7);
  memset(size, 0, sizeof size);
  for (int i = 0; i < TRACES; i++) {
    snprintf(name[i], sizeof name[i], "random%d", i);
    list[i] = name[i];
    m[i] = begin(name[i], 200 + i, 0, &s[i]);
    s[i]->chunk_size = 1 << 18;
    m[i]->header.end_ns = m[i]->header.start_ns + 1000 * MS;
  }
  for (int step = 0; step < STEPS; step++) {
    int i = rand() % TRACES, k = rand() % SLOTS;
    uint64_t addr = A + (uint64_t)k * 4096;

    maker_time(s[i], m[i]->header.start_ns + (uint64_t)(step + 1) * 100000);
    total -= size[i][k];
    if (size[i][k])
      maker_free(s[i], addr);
    size[i][k] = size[i][k] ? 0 : 1 + (uint64_t)rand() % 4000;
    if (size[i][k])
      maker_alloc_stack(s[i], addr, (uint32_t)size[i][k], 100 + (uint32_t)k % 7);
    total += size[i][k];
    top = total > top ? total : top;
  }
  for (int i = 0; i < TRACES; i++)
    maker_finish(m[i]);
  set = heap_load_set(list, TRACES, "peak", &session);
  ck_assert_uint_eq(set.count, TRACES);
  for (size_t i = 0; i < set.count; i++) {
    uint64_t blocks = 0, stacks = 0;

    heap_counts_lived(set.process[i]->counts, set.process[i]->then, lived, &blocks);
    for (uint32_t id = 100; id < 107; id++)
      stacks += (uint64_t)heap_row_of(set.process[i], id).v[HEAP_LIVE];
    ck_assert_uint_eq(blocks, set.process[i]->then->total.live);
    ck_assert_uint_eq(stacks, blocks);
    sum += blocks;
  }
  ck_assert_uint_eq(sum, top);
  heap_set_release(&set);
  session_close(session);
}
END_TEST

START_TEST(what_is_not_read_is_told)
{
  char *paths[] = {strdup(temp_path("first")), strdup(temp_path("nowhere")), strdup(temp_path("first"))};
  struct session *session;
  char *said;

  capture_begin(2);
  session = session_open(paths, 3);
  said = capture_end();
  ck_assert_uint_eq(session_count(session), 1);
  ck_assert_uint_eq(session_failed(session), 1);
  ck_assert_msg(strstr(said, "nowhere") && strstr(said, "it counts once"), "%s", said);
  free(said);
  session_close(session);
  for (int i = 0; i < 3; i++)
    free(paths[i]);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("session");
  TCase *tests = unit_case(suite, "session", 60);

  tcase_add_checked_fixture(tests, make_two, NULL);
  tcase_add_test(tests, one_instant_for_all);
  tcase_add_test(tests, the_peak_of_the_sum);
  tcase_add_test(tests, who_had_the_peak);
  tcase_add_test(tests, many_instants);
  tcase_add_loop_test(tests, the_peak_of_random_traces, 0, 10);
  tcase_add_test(tests, what_is_not_read_is_told);
  return unit_main(suite);
}
