/*
 * Counts per call stack: each column, reuse of addresses, realloc, frees by
 * other threads, peaks, moments, and a random trace against a plain count.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "heap_maker.h"
#include "unit.h"

#define A UINT64_C(0x200000)
#define B UINT64_C(0x201000)
#define C UINT64_C(0x202000)
#define D UINT64_C(0x300000)

#define EXPECT(row, column, value) ck_assert_int_eq((row).v[HEAP_##column], (value))

/* Two threads; the peak is when D lives. */
static void make_columns(void)
{
  struct maker_stream *s, *other;
  struct trace_maker *m = heap_trace("columns", &s);
  uint64_t start = m->header.start_ns;

  other = maker_stream(m, 0, 1, VT_ROLE_PROGRAM);
  maker_time(s, start + 1 * MS);
  maker_alloc_stack(s, A, 100, IN_F);
  maker_alloc_stack(s, B, 3000, IN_F);
  maker_free(s, A); /* B was allocated since: not temporary */
  maker_alloc_stack(s, A, 200, IN_G);
  maker_free(s, A); /* temporary */
  maker_time(s, start + 10 * MS);
  heap_mark(s, "one");
  maker_time(s, start + 20 * MS);
  MAKE(s, STACK, IN_G);
  maker_realloc(s, B, C, 3500);
  maker_time(other, start + 30 * MS);
  maker_alloc_stack(other, D, 500, IN_F);
  maker_time(s, start + 40 * MS);
  maker_free(s, D); /* by another thread than the one that allocated it, which allocated nothing since: temporary */
  heap_mark(s, "one");
  maker_free(s, 0x999000); /* of nothing that is known */
  maker_finish(m);
}

START_TEST(every_column_is_exact)
{
  struct heap_process *p = heap_load_one("columns", "end");
  struct heap_row f = heap_row_of(p, IN_F), g = heap_row_of(p, IN_G), all;

  EXPECT(f, ALLOCATIONS, 3);
  EXPECT(f, FREES, 3);
  EXPECT(f, REQUESTED, 3600);
  EXPECT(f, LIVE, 0);
  EXPECT(f, PEAK, 3100);
  EXPECT(f, AT_PEAK, 500);
  EXPECT(f, TEMPORARY, 1);
  EXPECT(f, LEAKED, 0);
  EXPECT(g, ALLOCATIONS, 2);
  EXPECT(g, FREES, 1);
  EXPECT(g, REQUESTED, 3700);
  EXPECT(g, LIVE, 3500);
  EXPECT(g, LIVE_BLOCKS, 1);
  EXPECT(g, PEAK, 3500);
  EXPECT(g, AT_PEAK, 3500);
  EXPECT(g, TEMPORARY, 1);
  EXPECT(g, LEAKED, 3500);
  EXPECT(g, LEAKED_BLOCKS, 1);
  heap_process_totals(p, HEAP_WHOLE_RUN, &all);
  EXPECT(all, ALLOCATIONS, 5);
  EXPECT(all, FREES, 4);
  EXPECT(all, REQUESTED, 7300);
  EXPECT(all, PEAK, 4000);
  EXPECT(all, TEMPORARY, 2);
  ck_assert_uint_eq(p->counts->unknown_frees, 1);
  heap_unload(p);
}
END_TEST

static void expect_live(const char *at, int64_t f, int64_t g)
{
  struct heap_process *p = heap_load_one("columns", at);

  ck_assert_msg(heap_row_of(p, IN_F).v[HEAP_LIVE] == f, "f at %s: %lld", at,
                (long long)heap_row_of(p, IN_F).v[HEAP_LIVE]);
  ck_assert_msg(heap_row_of(p, IN_G).v[HEAP_LIVE] == g, "g at %s: %lld", at,
                (long long)heap_row_of(p, IN_G).v[HEAP_LIVE]);
  ck_assert_int_eq(heap_row_of(p, IN_G).v[HEAP_LEAKED], 3500);
  heap_unload(p);
}

START_TEST(live_is_as_of_the_moment)
{
  expect_live("0", 0, 0);
  expect_live("mark:one", 3000, 0);
  expect_live("0.015", 3000, 0);
  expect_live("20ms", 0, 3500);
  expect_live("peak", 500, 3500);
  expect_live("mark:one#2", 0, 3500);
  expect_live("5min", 0, 3500);
}
END_TEST

START_TEST(moments_are_understood_or_refused)
{
  static const struct {
    const char *text;
    uint64_t ns;
  } good[] = {{"2.5", 2500 * MS}, {"2s", 2000 * MS}, {"300ms", 300 * MS}, {"1min", 60000 * MS}, {".5us", 500}};
  static const char *const bad[] = {"",    "x",    "-",     "5parsecs", "mark:",    "inf",
                                    "nan", "0x10", "peaks", "--1",      "25:00:00", "2026-13-01"};
  struct instant m;

  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    ck_assert_msg(instant_parse(good[i].text, &m), "%s", good[i].text);
    ck_assert_uint_eq(m.offset_ns, good[i].ns);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(!instant_parse(bad[i], &m), "%s", bad[i]);
  ck_assert(instant_parse("-1.5s", &m));
  ck_assert_int_eq(m.kind, INSTANT_END_MINUS);
  ck_assert_uint_eq(m.offset_ns, 1500 * MS);
  ck_assert(instant_parse("2026-05-01T14:03:07.25Z", &m));
  ck_assert_int_eq(m.kind, INSTANT_CLOCK);
  ck_assert_uint_eq(m.offset_ns, UINT64_C(1777644187250) * MS);
  ck_assert(instant_parse("14:03:07", &m));
  ck_assert_int_eq(m.kind, INSTANT_OF_DAY);
  ck_assert_uint_eq(m.offset_ns, UINT64_C(50587000) * MS);
  ck_assert(instant_parse("mark:a#b#12", &m));
  ck_assert_uint_eq(m.nth, 12);
  ck_assert_uint_eq(m.mark_len, 3);
}
END_TEST

/* What a session says about an instant that does not come. */
static char *said_about(const char *at)
{
  char *path = strdup(temp_path("columns"));
  struct session *session = session_open(&path, 1);
  struct instant instant;

  ck_assert(instant_parse(at, &instant));
  session_at(session, &instant);
  heap_set_want(session);
  capture_begin(2);
  ck_assert_int_eq(session_run(session), -1);
  session_close(session);
  free(path);
  return capture_end();
}

START_TEST(a_mark_that_is_not_there_is_named)
{
  char *said = said_about("mark:two"), *again = said_about("mark:one#3");

  ck_assert_msg(strstr(said, "there is no mark 'two'") != NULL, "%s", said);
  ck_assert_msg(strstr(again, "mark 'one' was set 2 times only") != NULL, "%s", again);
  free(said);
  free(again);
}
END_TEST

START_TEST(a_lost_free_is_made_up_for)
{
  struct maker_stream *s;
  struct trace_maker *m = heap_trace("lost", &s);
  struct heap_process *p;
  struct heap_row f;

  maker_alloc_stack(s, A, 100, IN_F);
  maker_alloc_stack(s, A, 40, IN_F);
  maker_finish(m);
  p = heap_load_one("lost", "end");
  f = heap_row_of(p, IN_F);
  EXPECT(f, LIVE, 40);
  EXPECT(f, LIVE_BLOCKS, 1);
  EXPECT(f, FREES, 0);
  heap_unload(p);
}
END_TEST

START_TEST(impossible_numbers_do_no_harm)
{
  struct maker_stream *s;
  struct trace_maker *m = heap_trace("damage", &s);
  struct heap_process *p;

  MAKE(s, STACK_NODE, UINT32_MAX, IN_MAIN, CODE);
  MAKE(s, STACK_NODE, 40, 41, CODE);
  MAKE(s, STACK_NODE, 41, 40, CODE);
  maker_alloc_stack(s, A, 100, UINT32_MAX - 1);
  maker_alloc_stack(s, B, 100, 40);
  maker_alloc_stack(s, C, UINT64_MAX, IN_F);
  maker_free(s, C);
  maker_finish(m);
  p = heap_load_one("damage", "end");
  ck_assert_uint_eq(p->counts->total.live, 200);
  ck_assert_int_eq(heap_row_of(p, VT_STACK_BROKEN).v[HEAP_LIVE], 100);
  heap_unload(p);
}
END_TEST

/* What a naive reading of the same events gives. */
#define SLOTS 3000
#define STACKS 40

START_TEST(random_traces_count_as_by_hand)
{
  static uint64_t size[SLOTS], stack[SLOTS], live[STACKS], peak[STACKS], requested[STACKS];
  struct maker_stream *s;
  struct trace_maker *m = heap_trace("random", &s);
  uint64_t total = 0, top = 0;
  struct heap_process *p;

  memset(size, 0, sizeof size);
  memset(live, 0, sizeof live);
  memset(peak, 0, sizeof peak);
  memset(requested, 0, sizeof requested);
  srand(_i + 1);
  s->chunk_size = 1 << 16;
  for (unsigned i = 0; i < 100000; i++) {
    /* Addresses wander, so that slots of the table are left behind. */
    unsigned k = (unsigned)rand() % SLOTS;
    uint64_t addr = A + 4096 * ((uint64_t)k + i / 20000 * SLOTS);

    if (size[k]) {
      maker_free(s, stack[k] >> 8);
      live[stack[k] & 0xff] -= size[k];
      total -= size[k];
      size[k] = 0;
    } else {
      unsigned id = (unsigned)rand() % STACKS;

      size[k] = 1 + (unsigned)rand() % 3000;
      stack[k] = addr << 8 | id;
      maker_alloc_stack(s, addr, size[k], 100 + id);
      live[id] += size[k];
      requested[id] += size[k];
      total += size[k];
      peak[id] = live[id] > peak[id] ? live[id] : peak[id];
      top = total > top ? total : top;
    }
  }
  maker_finish(m);
  p = heap_load_one("random", "end");
  ck_assert_uint_eq(p->counts->total.live, total);
  ck_assert_uint_eq(p->counts->total.peak, top);
  ck_assert_uint_eq(p->counts->unknown_frees, 0);
  for (unsigned i = 0; i < STACKS; i++) {
    struct heap_row row = heap_row_of(p, 100 + i);

    EXPECT(row, LIVE, (int64_t)live[i]);
    EXPECT(row, PEAK, (int64_t)peak[i]);
    EXPECT(row, REQUESTED, (int64_t)requested[i]);
    total -= live[i];
  }
  ck_assert_uint_eq(total, 0);
  /* Live at the peak adds up to the peak: of all stacks at one moment. */
  for (unsigned i = 0; i < STACKS; i++)
    total += (uint64_t)heap_row_of(p, 100 + i).v[HEAP_AT_PEAK];
  ck_assert_uint_eq(total, top);
  heap_unload(p);
  p = heap_load_one("random", "peak");
  for (unsigned i = 0; i < STACKS; i++) {
    struct heap_row row = heap_row_of(p, 100 + i);

    EXPECT(row, LIVE, row.v[HEAP_AT_PEAK]);
  }
  heap_unload(p);
}
END_TEST

/* Fails unless m is these n mappings. */
static void expect_mappings(const struct heap_mappings *m, const struct heap_mapping *right, size_t n)
{
  struct heap_mappings_place at = {0};
  size_t found = 0;

  for (; heap_mappings_next(m, &at); found++) {
    ck_assert_uint_lt(found, n);
    ck_assert_uint_eq(at.mapping->start, right[found].start);
    ck_assert_uint_eq(at.mapping->end, right[found].end);
    ck_assert_uint_eq(at.mapping->stack, right[found].stack);
  }
  ck_assert_uint_eq(found, n);
}
#define EXPECT_MAPPINGS(m, ...)                                                                                        \
  do {                                                                                                                 \
    const struct heap_mapping right_[] = {__VA_ARGS__};                                                                \
    expect_mappings((m), right_, sizeof right_ / sizeof *right_);                                                      \
  } while (0)

START_TEST(mappings_are_cut_and_moved)
{
  struct heap_mappings m = {0};
  struct event e = {.type = VT_R_MMAP, .stack = 17, .field = {0x10000, 0x4000}};

  ck_assert(heap_mappings_event(&m, &e, e.stack, PAGE));
  e = (struct event){.type = VT_R_MUNMAP, .field = {0x11000, 0x1000}};
  ck_assert(heap_mappings_event(&m, &e, e.stack, PAGE));
  e = (struct event){.type = VT_R_MMAP, .stack = 18, .field = {0x12000, 0x1001}};
  ck_assert(heap_mappings_event(&m, &e, e.stack, PAGE));
  EXPECT_MAPPINGS(&m, {0x10000, 0x11000, 17}, {0x12000, 0x14000, 18});
  e = (struct event){.type = VT_R_MREMAP, .stack = 19, .field = {0x12000, 0x2000, 0x30000, 0x5000, 1}};
  ck_assert(heap_mappings_event(&m, &e, e.stack, PAGE));
  e = (struct event){.type = VT_R_BRK, .stack = 20, .field = {0x50000, 0x52000}};
  ck_assert(heap_mappings_event(&m, &e, e.stack, PAGE));
  e = (struct event){.type = VT_R_BRK, .field = {0x52000, 0x51000}};
  ck_assert(heap_mappings_event(&m, &e, e.stack, PAGE));
  EXPECT_MAPPINGS(&m, {0x10000, 0x11000, 17}, {0x30000, 0x35000, 19}, {0x50000, 0x51000, 20});
  e = (struct event){.type = VT_R_MMAP, .stack = 21, .field = {0x1000, 0x100000}};
  ck_assert(heap_mappings_event(&m, &e, e.stack, PAGE));
  e = (struct event){.type = VT_R_MUNMAP, .field = {0x20000, 0x1000}};
  ck_assert(heap_mappings_event(&m, &e, e.stack, PAGE));
  EXPECT_MAPPINGS(&m, {0x1000, 0x20000, 21}, {0x21000, 0x101000, 21});
  heap_mappings_release(&m);
}
END_TEST

/* Against one stack per page: many pieces, cut, filled and emptied in any order. */
START_TEST(mappings_are_those_of_each_page)
{
  enum { PAGES = 20000 };
  static uint32_t owner[PAGES]; /* 0: nobody */
  struct heap_mappings m = {0};
  struct heap_mappings_place at = {0};
  uint64_t random = 1, page = 0;

  memset(owner, 0, sizeof owner);
  for (unsigned i = 1; i < 60000; i++) {
    uint64_t start, size;
    struct event e = {.type = i % 3 ? VT_R_MMAP : VT_R_MUNMAP, .stack = i};

    random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    start = (random >> 33) % PAGES;
    size = i % 1000 ? 1 + (random >> 20) % 3 : 1 + (random >> 20) % 6000;
    size = size > PAGES - start ? PAGES - start : size;
    e.field[0] = start * PAGE;
    e.field[1] = size * PAGE;
    ck_assert(heap_mappings_event(&m, &e, e.stack, PAGE));
    for (uint64_t k = start; k < start + size; k++)
      owner[k] = i % 3 ? i : 0;
  }
  while (heap_mappings_next(&m, &at)) {
    for (; page < at.mapping->start / PAGE; page++)
      ck_assert_uint_eq(owner[page], 0);
    ck_assert_uint_eq(page * PAGE, at.mapping->start);
    for (; page < at.mapping->end / PAGE; page++)
      ck_assert_uint_eq(owner[page], at.mapping->stack);
  }
  for (; page < PAGES; page++)
    ck_assert_uint_eq(owner[page], 0);
  heap_mappings_release(&m);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap counts");
  TCase *tests = unit_case(suite, "counts", 60);

  make_columns();
  tcase_add_test(tests, every_column_is_exact);
  tcase_add_test(tests, live_is_as_of_the_moment);
  tcase_add_test(tests, moments_are_understood_or_refused);
  tcase_add_test(tests, a_mark_that_is_not_there_is_named);
  tcase_add_test(tests, a_lost_free_is_made_up_for);
  tcase_add_test(tests, impossible_numbers_do_no_harm);
  tcase_add_loop_test(tests, random_traces_count_as_by_hand, 0, 3);
  tcase_add_test(tests, mappings_are_cut_and_moved);
  tcase_add_test(tests, mappings_are_those_of_each_page);
  return unit_main(suite);
}
