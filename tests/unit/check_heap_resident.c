/*
 * Whose pages are resident: blocks and mappings against samples, slack, rests
 * by name, and frames that several processes share.
 */
#include <check.h>
#include <string.h>

#include "capture.h"
#include "heap_maker.h"
#include "unit.h"

#define HEAP UINT64_C(0x200000)
#define FAR UINT64_C(0x300000)
#define MAPPED UINT64_C(0x100000000000)
#define LIBRARY UINT64_C(0x7f0000000000)
#define STACK_AT UINT64_C(0x7ffff0000000)
#define RW (VT_VMA_R | VT_VMA_W)
#define OWN (VT_PG_PRESENT | VT_PG_ZERO_KNOWN | VT_PG_EXCLUSIVE)
#define SHARED (VT_PG_PRESENT | VT_PG_ZERO_KNOWN)

#define EXPECT(row, column, value) ck_assert_int_eq((row).v[HEAP_##column], (value))

static void sample_all(struct trace_maker *m)
{
  struct maker_stream *s = heap_sample(m, NULL, 10 * MS);

  heap_vma(s, HEAP, 0x200000, RW, "");
  heap_vma(s, MAPPED, 4 * PAGE, RW, "");
  heap_vma(s, LIBRARY, 4 * PAGE, VT_VMA_R | VT_VMA_X, "/lib/libc.so.6");
  heap_vma(s, LIBRARY + 4 * PAGE, 2 * PAGE, RW, ""); /* its data that starts as zero */
  heap_vma(s, STACK_AT, 4 * PAGE, RW, "[stack]");
  heap_vma(s, STACK_AT - 0x100000, PAGE, 0, ""); /* the guard of a thread's stack */
  heap_vma(s, STACK_AT - 0x100000 + PAGE, 4 * PAGE, RW, "");
  heap_vma(s, STACK_AT - 0x200000, PAGE, RW, "");
  MAKE(s, PAGES, HEAP, 4, OWN, 0x1000);
  MAKE(s, PAGES, FAR, 1, SHARED | VT_PG_ZERO, 0x1);
  MAKE(s, PAGES, MAPPED, 2, OWN, 0x2000);
  MAKE(s, PAGES, MAPPED + 2 * PAGE, 1, VT_PG_SWAPPED, 0);
  MAKE(s, PAGES, LIBRARY, 3, SHARED | VT_PG_FILE, 0x3000);
  MAKE(s, PAGES, LIBRARY + 4 * PAGE, 1, OWN, 0x3100);
  MAKE(s, PAGES, STACK_AT, 2, OWN, 0x4000);
  MAKE(s, PAGES, STACK_AT - 0x100000 + PAGE, 1, OWN, 0x4100);
  MAKE(s, PAGES, STACK_AT - 0x200000, 1, OWN, 0x4200);
  MAKE(s, RESIDENT, 30, 7, 5);
  MAKE(s, SAMPLE_END, 0, 15, 0);
  /* Later, everything is gone: a moment before does not see that. */
  heap_sample(m, s, 100 * MS);
  MAKE(s, PAGES, HEAP, 4, 0, 0);
  MAKE(s, SAMPLE_END, 1, 11, 0);
}

static void make_places(void)
{
  struct maker_stream *s;
  struct trace_maker *m = heap_trace("places", &s);

  maker_alloc_stack(s, HEAP, 6000, IN_F);                   /* two pages, one and a half used */
  maker_alloc_stack(s, HEAP + 2 * PAGE, 100, IN_G);         /* share a page */
  maker_alloc_stack(s, HEAP + 2 * PAGE + 0x100, 300, IN_F); /* with this one */
  maker_alloc_stack(s, FAR, 2 * PAGE, IN_G);                /* read, never written */
  MAKE(s, STACK, IN_G);
  MAKE(s, MMAP, MAPPED, 4 * PAGE, 3, 0x22, UINT32_MAX, 0);
  maker_time(s, m->header.start_ns + 50 * MS);
  heap_mark(s, "then");
  sample_all(m);
  maker_finish(m);
}

START_TEST(every_page_has_an_owner)
{
  struct heap_process *p = heap_load_one("places", "mark:then");
  struct heap_row f = heap_row_of(p, IN_F), g = heap_row_of(p, IN_G);
  const struct heap_residences *r = &p->residence;
  uint64_t sum = r->total.resident + r->slack;

  EXPECT(f, RESIDENT, 6300);
  EXPECT(f, PRIVATE, 6300);
  EXPECT(f, SHARED, 6300);
  EXPECT(f, SLACK, (8192 - 6000) + 3696 * 300 / 400);
  EXPECT(f, UNTOUCHED, 0);
  EXPECT(g, RESIDENT, 100 + 8192);
  EXPECT(g, SLACK, 3696 * 100 / 400);
  EXPECT(g, UNTOUCHED, 8192 + 4096);
  EXPECT(g, SWAPPED, 4096);
  EXPECT(g, MAPPED, 4 * 4096);
  EXPECT(g, MAPPED_RESIDENT, 8192);
  ck_assert_uint_eq(r->rest[REST_HEAP], PAGE);
  ck_assert_uint_eq(r->rest[REST_FILES], 3 * PAGE);
  ck_assert_uint_eq(r->rest[REST_DATA], PAGE);
  ck_assert_uint_eq(r->hugetlb, 0);
  ck_assert_uint_eq(r->rest[REST_STACKS], 3 * PAGE);
  ck_assert_uint_eq(r->rest[REST_UNEXPLAINED], PAGE);
  ck_assert_uint_eq(r->zero, PAGE);
  for (unsigned i = 0; i < REST_COUNT; i++)
    sum += r->rest[i];
  ck_assert_uint_eq(sum, r->pages);
  ck_assert_uint_eq(r->rest[REST_TRACER], 7 * PAGE);
  ck_assert_uint_eq(r->rest[REST_METADATA], 5 * PAGE);
  ck_assert_uint_eq(r->pages, (14 + 7 + 5) * PAGE);
  ck_assert_uint_eq(r->rss, 30 * PAGE);
  ck_assert_uint_eq(p->sample_ns, 10 * MS);
  heap_unload(p);
}
END_TEST

START_TEST(the_latest_sample_counts)
{
  struct heap_process *p = heap_load_one("places", "end");
  struct heap_row f = heap_row_of(p, IN_F);

  EXPECT(f, RESIDENT, 0);
  EXPECT(f, UNTOUCHED, 6300);
  ck_assert_uint_eq(p->sample_ns, 100 * MS);
  heap_unload(p);
  p = heap_load_one("places", "5ms");
  ck_assert(!p->residence.known);
  heap_unload(p);
}
END_TEST

/* One page is there at 10 ms, two from 100 ms on; marks are set in between. */
static void make_marked(void)
{
  struct maker_stream *s, *sampler;
  struct trace_maker *m = heap_trace("marked", &s);

  maker_alloc_stack(s, HEAP, 2 * PAGE, IN_F);
  sampler = heap_sample(m, NULL, 10 * MS);
  MAKE(sampler, PAGES, HEAP, 1, OWN, 0x1000);
  MAKE(sampler, SAMPLE_END, 0, 1, 0);
  maker_time(s, m->header.start_ns + 40 * MS);
  heap_mark(s, "early");
  heap_sample(m, sampler, 100 * MS);
  MAKE(sampler, PAGES, HEAP + PAGE, 1, OWN, 0x1100);
  MAKE(sampler, RESIDENT, UINT64_MAX, UINT64_MAX, UINT64_MAX); /* damage */
  MAKE(sampler, SAMPLE_END, 1, 2, 0);
  maker_time(s, m->header.start_ns + 95 * MS);
  heap_mark(s, "late");
  maker_finish(m);
}

static void expect_marked(const char *at, int64_t resident, uint64_t sample_ns)
{
  struct heap_process *p = heap_load_one("marked", at);

  EXPECT(heap_row_of(p, IN_F), RESIDENT, resident);
  ck_assert_uint_eq(p->sample_ns, sample_ns);
  ck_assert_uint_eq(p->residence.rss, 0);
  heap_unload(p);
}

START_TEST(the_sample_nearest_to_a_mark_counts)
{
  make_marked();
  expect_marked("mark:early", 4096, 10 * MS);
  expect_marked("mark:late", 8192, 100 * MS);
  expect_marked("95ms", 4096, 10 * MS);
}
END_TEST

/* A process with one block of two pages, seen from one time to its end. */
static void make_sharer(const char *name, uint64_t from, uint64_t to, uint64_t pfn, uint32_t state)
{
  struct maker_stream *s;
  struct trace_maker *m = heap_trace(name, &s);

  maker_alloc_stack(s, HEAP, 2 * PAGE, IN_F);
  s = heap_sample(m, NULL, from);
  MAKE(s, PAGES, HEAP, 1, state, pfn);
  MAKE(s, PAGES, HEAP + PAGE, 1, state, pfn + 0x100);
  MAKE(s, SAMPLE_END, 0, 2, 0);
  heap_sample(m, s, to - 1 * MS); /* nothing has changed */
  MAKE(s, SAMPLE_END, 1, 2, 0);
  m->header.end_ns = m->header.start_ns + to;
  maker_finish(m);
}

START_TEST(shared_frames_are_divided)
{
  static const char *const names[] = {"one", "two", "three"};
  struct heap_process *p[3];
  struct heap_row row;

  make_sharer("one", 1 * MS, 100 * MS, 0x5000, SHARED);
  make_sharer("two", 50 * MS, 200 * MS, 0x5000, SHARED);
  make_sharer("three", 150 * MS, 300 * MS, 0x5100, SHARED); /* after one; with two for a while, on one frame */
  heap_load(names, 3, "end", p);
  row = heap_row_of(p[0], IN_F);
  EXPECT(row, RESIDENT, 8192);
  EXPECT(row, SHARED, 4096);
  EXPECT(row, UNDIVIDED, 0);
  EXPECT(row, PRIVATE, 0);
  row = heap_row_of(p[1], IN_F); /* with one when that ended, with three at its own end */
  EXPECT(row, SHARED, 2048 + 4096 / 3);
  row = heap_row_of(p[2], IN_F); /* the second page is somebody else's, too */
  EXPECT(row, SHARED, 2048);
  EXPECT(row, UNDIVIDED, 4096);
  EXPECT(row, PRIVATE, 0);
  for (unsigned i = 0; i < 3; i++)
    heap_unload(p[i]);
  /* Alone, nothing is known about others but the kernel's word. */
  p[0] = heap_load_one("one", "end");
  row = heap_row_of(p[0], IN_F);
  EXPECT(row, SHARED, 0);
  EXPECT(row, UNDIVIDED, 8192);
  EXPECT(row, PRIVATE, 0);
  heap_unload(p[0]);
}
END_TEST

/* A parent looked at after its child had ended its trace: shared are the pages that both had from the fork. */
static void make_relative(const char *name, uint8_t id, uint8_t parent_id, uint64_t seen, uint64_t end, uint64_t broken)
{
  struct maker_stream *s;
  struct trace_maker *m = heap_trace(name, &s);

  memset(m->header.trace_id, id, sizeof m->header.trace_id);
  memset(m->header.parent_id, parent_id, sizeof m->header.parent_id);
  m->header.origin = parent_id ? VT_ORIGIN_FORK : VT_ORIGIN_IMAGE;
  maker_alloc_stack(s, HEAP, 3 * PAGE, IN_F);
  s = heap_sample(m, NULL, seen);
  MAKE(s, PAGES, HEAP, 1, SHARED, 0x5000);
  MAKE(s, PAGES, HEAP + PAGE, 1, OWN, broken);
  MAKE(s, PAGES, HEAP + 2 * PAGE, 1, parent_id ? SHARED : OWN, 0x7000); /* the child's view is out of date */
  MAKE(s, SAMPLE_END, 0, 3, 0);
  s = m->stream[0];
  maker_time(s, m->header.start_ns + seen + 1 * MS);
  if (!parent_id)
    heap_mark(s, "then");
  m->header.end_ns = m->header.start_ns + end;
  maker_finish(m);
}

static void expect_relatives(uint64_t child_end, int64_t proportional, int64_t private)
{
  static const char *const names[] = {"parent", "child"};
  struct session *session;
  struct heap_set set;
  struct heap_row row;

  make_relative("parent", 1, 0, 50 * MS, 300 * MS, 0x6000);
  make_relative("child", 2, 1, 10 * MS, child_end, 0x6100);
  set = heap_load_set(names, 2, "mark:then", &session);
  row = heap_row_of(set.process[0], IN_F);
  EXPECT(row, SHARED, proportional);
  EXPECT(row, PRIVATE, private);
  heap_set_release(&set);
  session_close(session);
}

START_TEST(what_was_inherited_is_shared)
{
  expect_relatives(100 * MS, 2048 + 2 * 4096, 2 * 4096);
  expect_relatives(40 * MS, 2 * 4096, 2 * 4096); /* it was gone by then: somebody else has the page */
}
END_TEST

/* A pool of huge pages is no part of Rss, and a file's huge page in memory without a file is the zero page. */
START_TEST(what_rss_leaves_out)
{
  struct maker_stream *s;
  struct trace_maker *m = heap_trace("huge", &s);
  struct heap_process *p;
  struct heap_row f;

  MAKE(s, STACK, IN_F);
  MAKE(s, MMAP, MAPPED, 512 * PAGE, 3, 0x40022, UINT32_MAX, 0);
  maker_alloc_stack(s, HEAP, 2 * PAGE, IN_G);
  s = heap_sample(m, NULL, 10 * MS);
  heap_vma(s, MAPPED, 512 * PAGE, RW | VT_VMA_HUGETLB, "/anon_hugepage (deleted)");
  heap_vma(s, HEAP, 0x200000, RW, "");
  MAKE(s, PAGES, MAPPED, 512, OWN, 0x2000);
  MAKE(s, PAGES, HEAP, 2, SHARED | VT_PG_FILE | VT_PG_HUGE, 0x600);
  MAKE(s, SAMPLE_END, 0, 514, 0);
  maker_finish(m);
  p = heap_load_one("huge", "end");
  f = heap_row_of(p, IN_F);
  EXPECT(f, RESIDENT, 0);
  EXPECT(f, HUGETLB, 512 * 4096);
  EXPECT(f, UNTOUCHED, 0);
  EXPECT(heap_row_of(p, IN_G), UNTOUCHED, 8192);
  ck_assert_uint_eq(p->residence.pages, 0);
  ck_assert_uint_eq(p->residence.hugetlb, 512 * PAGE);
  ck_assert_uint_eq(p->residence.zero, 2 * PAGE);
  heap_unload(p);
}
END_TEST

START_TEST(many_changes_settle_to_the_last)
{
  struct maker_stream *thread, *s = NULL;
  struct trace_maker *m = heap_trace("changes", &thread);
  struct heap_process *p;

  maker_alloc_stack(thread, HEAP, 100 * PAGE, IN_F);
  for (unsigned i = 0; i < 2000; i++) {
    s = heap_sample(m, s, (i + 1) * MS);
    s->chunk_size = 1 << 16;
    for (unsigned k = i % 2; k < 100; k += 2) /* every other page comes as another frame, or goes */
      MAKE(s, PAGES, HEAP + k * PAGE, 1, i % 4 < 2 ? OWN : 0, i % 4 < 2 ? 0x1000 + i * 100 + k : 0);
    MAKE(s, SAMPLE_END, i, 100, 0);
  }
  maker_finish(m);
  p = heap_load_one("changes", "end");
  ck_assert_int_eq(heap_row_of(p, IN_F).v[HEAP_RESIDENT], 0);
  heap_unload(p);
  p = heap_load_one("changes", "1.999");
  ck_assert_int_eq(heap_row_of(p, IN_F).v[HEAP_RESIDENT], 50 * 4096);
  heap_unload(p);
  p = heap_load_one("changes", "1.998");
  ck_assert_int_eq(heap_row_of(p, IN_F).v[HEAP_RESIDENT], 100 * 4096);
  heap_unload(p);
}
END_TEST

START_TEST(overlapping_and_endless_blocks_do_no_harm)
{
  struct maker_stream *s;
  struct trace_maker *m = heap_trace("overlap", &s);
  struct heap_process *p;
  uint64_t sum;

  maker_alloc_stack(s, HEAP, 4000, IN_F);
  maker_alloc_stack(s, HEAP + 16, 4000, IN_G);
  maker_alloc_stack(s, HEAP + 32, UINT64_MAX - 5, IN_G);
  s = heap_sample(m, NULL, 1 * MS);
  MAKE(s, PAGES, HEAP, 3, OWN, 0x1000);
  MAKE(s, SAMPLE_END, 0, 3, 0);
  maker_finish(m);
  p = heap_load_one("overlap", "end");
  sum = p->residence.total.resident + p->residence.slack;
  ck_assert_uint_le(sum, p->residence.pages);
  ck_assert_uint_ge(sum, p->residence.pages - 3);
  heap_unload(p);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap residence");
  TCase *tests = unit_case(suite, "residence", 60);

  make_places();
  tcase_add_test(tests, every_page_has_an_owner);
  tcase_add_test(tests, the_latest_sample_counts);
  tcase_add_test(tests, the_sample_nearest_to_a_mark_counts);
  tcase_add_test(tests, shared_frames_are_divided);
  tcase_add_test(tests, what_was_inherited_is_shared);
  tcase_add_test(tests, what_rss_leaves_out);
  tcase_add_test(tests, many_changes_settle_to_the_last);
  tcase_add_test(tests, overlapping_and_endless_blocks_do_no_harm);
  return unit_main(suite);
}
