/*
 * Tests of the order in which the reader returns the events of several
 * streams: by time, within a stream as written, and exact for each address.
 */
#include <check.h>
#include <stdlib.h>

#include "capture.h"
#include "reader_assert.h"
#include "trace_maker.h"
#include "unit.h"

#define START UINT64_C(1000000000)

struct seen {
  uint32_t type, thread;
  uint64_t addr, time;
};

static unsigned read_heap_events(const char *path, struct seen *seen, unsigned room)
{
  struct reader *r = reader_opened(path);
  const struct event *e;
  unsigned n = 0;

  while ((e = reader_next(r))) {
    if (e->type != VT_R_ALLOC && e->type != VT_R_FREE && e->type != VT_R_REALLOC)
      continue;
    ck_assert_uint_lt(n, room);
    seen[n++] = (struct seen){e->type, e->thread, e->field[e->type == VT_R_REALLOC ? 1 : 0], e->time_ns};
  }
  reader_close(r);
  return n;
}

struct three {
  struct trace_maker *m;
  struct maker_stream *a, *b, *c;
};

static struct three three_threads(const char *path)
{
  struct three t = {.m = maker_new(path)};

  t.a = maker_stream(t.m, VT_NO_THREAD, 0, VT_ROLE_PROGRAM);
  t.b = maker_stream(t.m, 0, 1, VT_ROLE_PROGRAM);
  t.c = maker_stream(t.m, 0, 2, VT_ROLE_PROGRAM);
  return t;
}

#define ASSERT_ORDER(path, ...)                                                                                        \
  do {                                                                                                                 \
    const struct seen want[] = {__VA_ARGS__};                                                                          \
    struct seen got[64];                                                                                               \
    unsigned n = read_heap_events(path, got, 64);                                                                      \
    ck_assert_uint_eq(n, sizeof want / sizeof *want);                                                                  \
    for (unsigned i_ = 0; i_ < n; i_++) {                                                                              \
      ck_assert_msg(got[i_].type == want[i_].type && got[i_].thread == want[i_].thread &&                              \
                        got[i_].addr == want[i_].addr,                                                                 \
                    "event %u is type %u of thread %u at %#lx", i_, got[i_].type, got[i_].thread, got[i_].addr);       \
      ck_assert(i_ == 0 || got[i_].time >= got[i_ - 1].time);                                                          \
    }                                                                                                                  \
  } while (0)
#define A(thread, addr)                                                                                                \
  {                                                                                                                    \
    VT_R_ALLOC, thread, addr, 0                                                                                        \
  }
#define F(thread, addr)                                                                                                \
  {                                                                                                                    \
    VT_R_FREE, thread, addr, 0                                                                                         \
  }
#define R(thread, addr)                                                                                                \
  {                                                                                                                    \
    VT_R_REALLOC, thread, addr, 0                                                                                      \
  }

START_TEST(by_time_then_by_stream)
{
  const char *path = temp_path("time.vmt");
  struct three t = three_threads(path);

  maker_time(t.b, START + 10);
  maker_alloc(t.b, 0x3000, 1);
  maker_time(t.a, START + 20);
  maker_alloc(t.a, 0x2000, 1);
  maker_alloc(t.a, 0x2010, 1);
  maker_time(t.c, START + 20);
  maker_alloc(t.c, 0x4000, 1);
  maker_time(t.b, START + 15);
  maker_alloc(t.b, 0x3010, 1);
  maker_time(t.b, START + 20);
  maker_alloc(t.b, 0x3020, 1);
  maker_finish(t.m);
  ASSERT_ORDER(path, A(1, 0x3000), A(1, 0x3010), A(0, 0x2000), A(0, 0x2010), A(1, 0x3020), A(2, 0x4000));
}
END_TEST

/* The freeing thread read its clock long before the block was even allocated. */
START_TEST(free_waits_for_its_allocation)
{
  const char *path = temp_path("free.vmt");
  struct three t = three_threads(path);

  maker_time(t.b, START + 1);
  maker_alloc(t.b, 0x9000, 1);
  maker_free(t.b, 0x2000);
  maker_free(t.b, 0x9000);
  maker_time(t.a, START + 5000);
  maker_alloc(t.a, 0x2000, 1);
  maker_time(t.b, START + 6000);
  maker_finish(t.m);
  ASSERT_ORDER(path, A(1, 0x9000), A(0, 0x2000), F(1, 0x2000), F(1, 0x9000));
}
END_TEST

/* The allocation carries the very time until which the free may wait, and comes in a later stream. */
START_TEST(free_waits_to_the_last_moment)
{
  const char *path = temp_path("moment.vmt");
  struct three t = three_threads(path);

  maker_time(t.b, START + 1);
  maker_free(t.b, 0x2000);
  maker_time(t.b, START + 50);
  maker_free(t.b, 0x2010);
  maker_time(t.c, START + 50);
  maker_alloc(t.c, 0x2000, 1);
  maker_alloc(t.c, 0x2010, 1);
  maker_finish(t.m);
  ASSERT_ORDER(path, A(2, 0x2000), F(1, 0x2000), A(2, 0x2010), F(1, 0x2010));
}
END_TEST

START_TEST(allocation_waits_for_the_previous_free)
{
  const char *path = temp_path("reuse.vmt");
  struct three t = three_threads(path);

  maker_alloc(t.a, 0x2000, 1);
  maker_time(t.b, START + 10);
  maker_alloc(t.b, 0x2000, 1); /* truly after the free at 40 */
  maker_time(t.b, START + 50);
  maker_time(t.a, START + 40);
  maker_free(t.a, 0x2000);
  maker_finish(t.m);
  ASSERT_ORDER(path, A(0, 0x2000), F(0, 0x2000), A(1, 0x2000));
}
END_TEST

/* One block goes through three threads, each of which looks earlier than the one before. */
START_TEST(waits_chain)
{
  const char *path = temp_path("chainorder.vmt");
  struct three t = three_threads(path);

  maker_time(t.c, START + 1);
  maker_free(t.c, 0x5000);
  maker_alloc(t.c, 0x6000, 1);
  maker_time(t.b, START + 2);
  maker_free(t.b, 0x4000);
  maker_alloc(t.b, 0x5000, 1);
  maker_time(t.a, START + 3);
  maker_alloc(t.a, 0x4000, 1);
  maker_free(t.a, 0x6000);
  for (unsigned i = 0; i < 3; i++)
    maker_time(t.m->stream[i], START + 100);
  maker_finish(t.m);
  ASSERT_ORDER(path, A(0, 0x4000), F(1, 0x4000), A(1, 0x5000), F(2, 0x5000), A(2, 0x6000), F(0, 0x6000));
}
END_TEST

START_TEST(realloc_is_free_and_allocation)
{
  const char *path = temp_path("reallocorder.vmt");
  struct three t = three_threads(path);

  maker_time(t.b, START + 1);
  maker_realloc(t.b, 0x2000, 0x3000, 64); /* waits for a's allocation */
  maker_time(t.c, START + 2);
  maker_free(t.c, 0x3000); /* waits for b */
  maker_alloc(t.c, 0x2000, 1);
  maker_time(t.a, START + 3);
  maker_alloc(t.a, 0x2000, 1);
  maker_realloc(t.a, 0x7000, 0x3000, 8); /* 0x7000 is nobody's; 0x3000 must be free first */
  for (unsigned i = 0; i < 3; i++)
    maker_time(t.m->stream[i], START + 100 + i);
  maker_finish(t.m);
  ASSERT_ORDER(path, A(0, 0x2000), R(1, 0x3000), F(2, 0x3000), A(2, 0x2000), R(0, 0x3000));
}
END_TEST

/* In place: nothing becomes free, nobody is woken. */
START_TEST(realloc_in_place)
{
  const char *path = temp_path("inplace.vmt");
  struct three t = three_threads(path);

  maker_alloc(t.a, 0x2000, 1);
  maker_realloc(t.a, 0x2000, 0x2000, 100);
  maker_time(t.b, START + 1);
  maker_alloc(t.b, 0x2000, 5);
  maker_time(t.b, START + 60);
  maker_time(t.a, START + 50);
  maker_free(t.a, 0x2000);
  maker_finish(t.m);
  ASSERT_ORDER(path, A(0, 0x2000), R(0, 0x2000), F(0, 0x2000), A(1, 0x2000));
}
END_TEST

/* Frees of blocks from before the trace come when they must be over, not at the end of the trace. */
START_TEST(orphans_do_not_wait_for_ever)
{
  const char *path = temp_path("orphan.vmt");
  struct three t = three_threads(path);

  maker_time(t.b, START + 10);
  maker_free(t.b, 0xabcd0);
  maker_time(t.b, START + 20);
  maker_alloc(t.b, 0x9000, 1);
  maker_time(t.a, START + 15);
  maker_alloc(t.a, 0x2000, 1);
  maker_time(t.a, START + 25);
  maker_alloc(t.a, 0x2010, 1);
  maker_time(t.a, START + 1000);
  maker_alloc(t.a, 0x2020, 1);
  maker_finish(t.m);
  ASSERT_ORDER(path, A(0, 0x2000), F(1, 0xabcd0), A(1, 0x9000), A(0, 0x2010), A(0, 0x2020));
}
END_TEST

START_TEST(orphans_at_the_end)
{
  const char *path = temp_path("orphanend.vmt");
  struct three t = three_threads(path);

  maker_time(t.a, START + 1);
  maker_free(t.a, 0x1000);
  maker_free(t.a, 0x1010);
  maker_time(t.b, START + 1);
  maker_free(t.b, 0x1020);
  maker_time(t.c, START + 1);
  maker_alloc(t.c, 0x2000, 1);
  maker_alloc(t.c, 0x2000, 1); /* its free was lost */
  maker_finish(t.m);
  ASSERT_ORDER(path, A(2, 0x2000), F(0, 0x1000), F(0, 0x1010), F(1, 0x1020), A(2, 0x2000));
}
END_TEST

START_TEST(other_events_keep_their_streams_order)
{
  const char *path = temp_path("others.vmt");
  struct three t = three_threads(path);
  struct reader *r;
  const struct event *e;
  unsigned n = 0;

  maker_time(t.b, START + 1);
  maker_free(t.b, 0x2000);
  MAKE(t.b, MUNMAP, 0x100000, 4096);
  maker_time(t.a, START + 50);
  maker_alloc(t.a, 0x2000, 1);
  maker_finish(t.m);
  r = reader_opened(path);
  while ((e = reader_next(r))) {
    if (e->type == VT_R_MUNMAP)
      ck_assert_uint_eq(n, 2);
    n += e->type == VT_R_ALLOC || e->type == VT_R_FREE;
  }
  reader_close(r);
}
END_TEST

/* How often each address is live must stay 0 or 1, whatever the seed, the threads and the clock's grain. */
static void check_random(const char *path, const struct maker_shape *shape)
{
  static uint8_t live[1u << 24];
  static uint64_t seq[MAKER_STREAMS];
  struct reader *r;
  const struct event *e;
  uint64_t now = 0, heap_events = 0;

  memset(live, 0, sizeof live);
  memset(seq, 0, sizeof seq);
  maker_random(path, shape);
  r = reader_opened(path);
  while ((e = reader_next(r))) {
    uint64_t from = e->type == VT_R_FREE || e->type == VT_R_REALLOC ? e->field[0] >> 4 : 0;
    uint64_t to = e->type == VT_R_ALLOC ? e->field[0] >> 4 : e->type == VT_R_REALLOC ? e->field[1] >> 4 : 0;

    ck_assert_uint_ge(e->time_ns, now);
    now = e->time_ns;
    ck_assert_uint_eq(e->seq, seq[e->thread]);
    seq[e->thread] += to != 0;
    heap_events += from || to;
    if (from) {
      ck_assert_msg(live[from & 0xffffff], "seed %u: %#lx is freed before it is allocated", shape->seed, from << 4);
      live[from & 0xffffff] = 0;
    }
    if (to) {
      ck_assert_msg(!live[to & 0xffffff], "seed %u: %#lx is allocated before it is freed", shape->seed, to << 4);
      live[to & 0xffffff] = 1;
    }
  }
  ck_assert_uint_gt(heap_events, shape->events / 2);
  ck_assert_uint_eq(reader_damage(r)->bad_records, 0);
  reader_close(r);
}

START_TEST(random_programs)
{
  static const unsigned grains[] = {0, 3, 16, 64, 5000};
  const char *path = temp_path("random.vmt");

  for (unsigned seed = 0; seed < 60; seed++) {
    const struct maker_shape shape = {.seed = seed,
                                      .threads = 2 + seed % 7 * (seed % 3) * 4,
                                      .events = 20000,
                                      .grain = grains[seed % 5],
                                      .packed = seed % 4 == 3,
                                      .sampler = seed % 2};

    check_random(path, &shape);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("reader_order");
  TCase *tcase = unit_case(suite, "order", 120);

  temp_path("");
  tcase_add_test(tcase, by_time_then_by_stream);
  tcase_add_test(tcase, free_waits_for_its_allocation);
  tcase_add_test(tcase, free_waits_to_the_last_moment);
  tcase_add_test(tcase, allocation_waits_for_the_previous_free);
  tcase_add_test(tcase, waits_chain);
  tcase_add_test(tcase, realloc_is_free_and_allocation);
  tcase_add_test(tcase, realloc_in_place);
  tcase_add_test(tcase, orphans_do_not_wait_for_ever);
  tcase_add_test(tcase, orphans_at_the_end);
  tcase_add_test(tcase, other_events_keep_their_streams_order);
  tcase_add_test(tcase, random_programs);
  return unit_main(suite);
}
