/*
 * Regions of the pinned heap: many at once, which one a thread gets, and what
 * becomes of it when the thread ends, is joined, or was never made.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heap/heap_fast.h"

#include "emulated.h"
#include "instrumented.h"
#include "memory_use.h"
#include "must.h"
#include "unit.h"

/* A heap of its own to each of many threads, all alive at once. */
START_TEST(a_thousand_children)
{
  enum { COUNT = 1000 };
  static struct heap *children[COUNT];
  static uintptr_t first[COUNT];
  size_t before = resident();

  if (emulated_without("a_thousand_children", "resident sizes of its own"))
    return;
  for (unsigned i = 0; i < COUNT; i++) {
    children[i] = heap_child(heap_main());
    ck_assert_ptr_nonnull(children[i]);
  }
  for (unsigned i = 0; i < COUNT; i++) {
    first[i] = (uintptr_t)heap_alloc(children[i], 50);
    memset((void *)first[i], 1, 50);
    for (unsigned k = 0; k < i; k += 37)
      need(first[k] + SEGMENT_SIZE <= first[i] || first[i] + SEGMENT_SIZE <= first[k]);
  }
  ck_assert_msg(INSTRUMENTED || resident() - before < (size_t)COUNT * 64 << 10, "%zu KiB each",
                (resident() - before) / 1024 / COUNT);
}
END_TEST

/* The same lineage gets the same addresses. */
static uint64_t tree_digest(void)
{
  struct heap *heap = heap_main(), *a = heap_child(heap), *b, *c;
  uint64_t digest = 0;

  heap_alloc(heap, 10);
  b = heap_child(a);
  c = heap_child(heap);
  for (struct heap **h = (struct heap *[]){a, b, c, NULL}; *h; h++) {
    digest = digest * 31 + (uintptr_t)heap_alloc(*h, 100);
    digest = digest * 31 + (uintptr_t)heap_alloc(*h, 3u << 20);
  }
  heap_thread_end(c);
  heap_join(heap, c);
  b = heap_child(heap);
  return digest * 31 + (uintptr_t)heap_alloc(b, 100);
}

START_TEST(lineage_decides_the_region)
{
  uint64_t digests[2];
  int ends[2];

  ck_assert_int_eq(pipe(ends), 0);
  for (int i = 0; i < 2; i++) {
    if (!fork()) {
      if (i) {
        mmap(NULL, 100 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        heap_trim(0);
      }
      digests[0] = tree_digest();
      _exit(write(ends[1], digests, sizeof *digests) != sizeof *digests);
    }
    ck_assert_int_eq(read(ends[0], &digests[i], sizeof *digests), sizeof *digests);
  }
  ck_assert_uint_eq(digests[0], digests[1]);
}
END_TEST

START_TEST(joined_regions_are_taken_up_again)
{
  struct heap *heap = heap_main(), *a = heap_child(heap), *b = heap_child(heap);
  char *kept = heap_alloc(a, 40), *freed = heap_alloc(a, 40), *theirs = heap_alloc(b, 40);

  strcpy(kept, "kept");
  heap_free(a, freed);
  heap_thread_end(a);
  heap_thread_end(b);
  heap_join(heap, a);
  heap_join(heap, b);
  ck_assert_ptr_eq(heap_child(heap), b); /* the latest first */
  ck_assert_ptr_eq(heap_child(heap), a);
  ck_assert_ptr_eq(heap_alloc(a, 40), freed); /* goes on where it was */
  ck_assert_str_eq(kept, "kept");
  ck_assert_int_eq(heap_free(a, kept), HEAP_OK);
  ck_assert_int_eq(heap_free(b, theirs), HEAP_OK);
}
END_TEST

START_TEST(cancelled_children_leave_no_trace)
{
  struct heap *heap = heap_main(), *a = heap_child(heap), *again;

  heap_child_cancel(heap, a);
  again = heap_child(heap);
  ck_assert_ptr_eq(a, again);
  ck_assert_ptr_ne(heap_child(heap), a);
}
END_TEST

/* Whether an ended heap was wiped or kept, its next thread sees the same addresses. */
START_TEST(wiped_heaps_go_on_like_kept_ones)
{
  enum { COUNT = 40 };
  struct heap *heap = heap_main(), *children[COUNT];
  uintptr_t first[COUNT][2], late = 0;

  for (unsigned i = 0; i < COUNT; i++) {
    children[i] = heap_child(heap);
    for (unsigned k = 0; k < 2; k++) {
      void *p = heap_alloc(children[i], k ? 200000 : 70);

      first[i][k] = (uintptr_t)p;
      memset(p, 1, 70);
    }
    for (unsigned k = 0; k < 2; k++)
      heap_free(children[i], (void *)first[i][k]);
  }
  for (unsigned i = 0; i < COUNT; i++) {
    heap_thread_end(children[i]);
    if (i == 5)
      heap_trim(0);
    /* libc's last destructors still allocate and free. */
    if (i % 3 == 0)
      ck_assert_int_eq(heap_free(children[i], heap_alloc(children[i], 300)), HEAP_OK);
    /* And unmap what the kernel gave them, or map. */
    if (i % 3 == 1) {
      uintptr_t range;

      heap_range_release(children[i], 0x10000000, 4096);
      heap_range_failed(children[i], 0x10000000, 4096);
      range = heap_range_reserve(children[i], 8192, 4096);
      ck_assert_uint_ne(range, 0);
      heap_range_release(children[i], range, 8192);
    }
  }
  for (unsigned i = 0; i < COUNT; i++)
    heap_join(heap, children[COUNT - 1 - i]);
  for (unsigned i = 0; i < COUNT; i++) {
    struct heap *child = heap_child(heap);

    ck_assert_ptr_eq(child, children[i]);
    if (i == 0)
      late = (uintptr_t)heap_alloc(child, 70) - first[i][0];
    else
      ck_assert_uint_eq((uintptr_t)heap_alloc(child, 70) - first[i][0], i % 3 ? 0 : late);
    if (i % 3)
      ck_assert_uint_eq((uintptr_t)heap_alloc(child, 200000), first[i][1]);
  }
}
END_TEST

START_TEST(many_detached_threads_cost_little)
{
  enum { COUNT = 20000 / ROUNDS_SHARE };
  struct heap *heap = heap_main();
  size_t before = 0;

  if (emulated_without("many_detached_threads_cost_little", "resident sizes of its own"))
    return;
  for (unsigned i = 0; i < COUNT; i++) {
    struct heap *child = heap_child(heap);
    void *p = heap_alloc(child, 500);

    need(p);
    memset(p, 1, 500);
    need(heap_free(child, p) == HEAP_OK);
    heap_thread_end(child);
    heap_thread_gone(child, i % 2);
    if (i == 100)
      before = resident();
  }
  ck_assert_msg(INSTRUMENTED || resident() - before < (size_t)COUNT * 1024, "%zu bytes each",
                (resident() - before) / COUNT);
  ck_assert_uint_lt(mappings(), 1000);
}
END_TEST

/* A pool's manager creates workers for as long as it runs.  Beyond what the rule has, ended ones' addresses serve
 * again. */
START_TEST(no_end_of_detached_threads)
{
  enum { COUNT = 60000 / ROUNDS_SHARE };
  struct heap *manager = heap_child(heap_child(heap_main()));

  for (unsigned i = 0; i < COUNT; i++) {
    struct heap *child = heap_child(manager);
    void *p = heap_alloc(child, 500);

    need(p);
    need(heap_free(child, p) == HEAP_OK);
    heap_thread_end(child);
    heap_thread_gone(child, false);
  }
  ck_assert_uint_lt(mappings(), 1000);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap_regions");
  TCase *tests = unit_case(suite, "heap_regions", 120);

  tcase_add_test(tests, a_thousand_children);
  tcase_add_test(tests, lineage_decides_the_region);
  tcase_add_test(tests, joined_regions_are_taken_up_again);
  tcase_add_test(tests, cancelled_children_leave_no_trace);
  tcase_add_test(tests, wiped_heaps_go_on_like_kept_ones);
  tcase_add_test(tests, many_detached_threads_cost_little);
  tcase_add_test(tests, no_end_of_detached_threads);
  return unit_main(suite);
}
