/*
 * The pinned heap, one property a test: first address, sizes, alignment,
 * zeroing, resizing, and what is said about pointers that are no live block.  Each test
 * runs in a forked child with a fresh heap.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "heap/heap_fast.h"
#include "heap/region.h"

#include "emulated.h"
#include "must.h"
#include "unit.h"

static enum heap_verdict put(struct heap *heap, void *p)
{
  return heap_free(heap, p);
}

static size_t usable(const void *p)
{
  size_t size = 0;

  ck_assert_int_eq(heap_usable(p, &size), HEAP_OK);
  return size;
}

START_TEST(first_block_is_at_0x200000)
{
  static const size_t sizes[] = {0, 1, 4, 16, 24, 100, 256, 257, 1000, 4096, 5000, 32768, 72704};

  ck_assert_uint_eq((uintptr_t)heap_alloc(heap_main(), sizes[_i]), LOW_START);
}
END_TEST

START_TEST(classes_waste_little)
{
  class_init();
  for (size_t size = 1; size <= CLASS_MAX; size++) {
    size_t block = class_infos[class_of(size)].size;

    ck_assert_uint_ge(block, size);
    ck_assert_uint_eq(block % 16, 0);
    if (size > 128)
      ck_assert_uint_le((block - size) * 8, block);
    ck_assert(class_of(size) == 1 || class_infos[class_of(size) - 1].size < size);
  }
}
END_TEST

START_TEST(class_indices_divide_exactly)
{
  class_init();
  for (unsigned class = 1; class <= CLASS_COUNT; class ++) {
    const struct class_info *info = &class_infos[class];

    ck_assert_uint_le(info->full_pages * HEAP_PAGE, RUN_BYTES_MAX);
    for (uint64_t offset = 0; offset < RUN_BYTES_MAX; offset++)
      need(offset * info->reciprocal >> 32 == offset / info->size);
  }
}
END_TEST

START_TEST(blocks_are_apart_and_hold_their_size)
{
  static const size_t sizes[] = {
      0, 1, 16, 17, 128, 129, 2000, 4096, 32768, 32769, 65536, 1u << 20, (1u << 20) + 1, 3u << 20, (16u << 20) + 5};
  char *blocks[sizeof sizes / sizeof *sizes];
  struct heap *heap = heap_main();

  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    blocks[i] = heap_alloc(heap, sizes[i]);
    ck_assert_ptr_nonnull(blocks[i]);
    ck_assert_uint_eq((uintptr_t)blocks[i] % HEAP_MIN_ALIGN, 0);
    ck_assert_uint_ge(usable(blocks[i]), sizes[i]);
    ck_assert_uint_ge(usable(blocks[i]), 1);
    memset(blocks[i], (int)i + 1, usable(blocks[i]));
  }
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    size_t size = usable(blocks[i]);

    ck_assert_int_eq(blocks[i][0], (char)(i + 1));
    ck_assert_int_eq(blocks[i][size - 1], (char)(i + 1));
    ck_assert_int_eq(put(heap, blocks[i]), HEAP_OK);
  }
}
END_TEST

START_TEST(alignment_is_kept)
{
  struct heap *heap = heap_main();

  for (size_t align = 1; align <= (size_t)1 << 30; align *= 2) {
    for (size_t size = 0; size <= 5u << 20; size = size * 5 + 1) {
      void *p = heap_alloc_aligned(heap, align, size);

      ck_assert_ptr_nonnull(p);
      ck_assert_uint_eq((uintptr_t)p % align, 0);
      ck_assert_uint_ge(usable(p), size);
      *(volatile char *)p = 1;
      if (size % 2)
        ck_assert_int_eq(put(heap, p), HEAP_OK);
    }
  }
}
END_TEST

START_TEST(zeroed_blocks_are_zero_where_others_were)
{
  static const size_t sizes[] = {1, 40, 1000, 30000, 40000, 300000, 1u << 20, 3u << 20};
  struct heap *heap = heap_main();

  for (unsigned round = 0; round < 3; round++) {
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      unsigned char *p = heap_alloc(heap, sizes[i]);

      memset(p, 0xa5, usable(p));
      ck_assert_int_eq(put(heap, p), HEAP_OK);
      p = heap_alloc_zeroed(heap, sizes[i]);
      for (size_t k = 0; k < sizes[i]; k++)
        need(p[k] == 0);
      memset(p, 0xa5, usable(p));
      ck_assert_int_eq(put(heap, p), HEAP_OK);
    }
    if (round == 1)
      heap_trim(0);
  }
}
END_TEST

static void fill(unsigned char *p, size_t size)
{
  for (size_t i = 0; i < size; i += 97)
    p[i] = (unsigned char)(i / 97);
}

static void verify(const unsigned char *p, size_t size)
{
  for (size_t i = 0; i < size; i += 97)
    need(p[i] == (unsigned char)(i / 97));
}

START_TEST(resize_keeps_the_content)
{
  static const size_t sizes[] = {10,       100,     5000,    40000,   150000, 900000, 1200000, 5000000, 20000000,
                                 19000000, 2000000, 1100000, 1000000, 60000,  20000,  300,     1};
  struct heap *heap = heap_main();
  unsigned char *p = heap_alloc(heap, sizes[0]);
  size_t size = sizes[0];

  fill(p, size);
  for (unsigned i = 1; i < sizeof sizes / sizeof *sizes; i++) {
    void *wall = heap_alloc(heap, sizes[i]); /* something behind it, now and then */
    void *moved;

    ck_assert_int_eq(heap_resize(heap, p, sizes[i], &moved), HEAP_OK);
    ck_assert_ptr_nonnull(moved);
    p = moved;
    ck_assert_uint_ge(usable(p), sizes[i]);
    verify(p, size < sizes[i] ? size : sizes[i]);
    size = sizes[i];
    fill(p, size);
    if (i % 2)
      ck_assert_int_eq(put(heap, wall), HEAP_OK);
  }
}
END_TEST

START_TEST(resize_across_all_pairs)
{
  static const size_t sizes[] = {8, 3000, 33000, 200000, 1u << 20, 1500000, 4u << 20, 9u << 20};
  enum { N = sizeof sizes / sizeof *sizes };
  struct heap *heap = heap_main();

  for (unsigned i = 0; i < N * N; i++) {
    size_t from = sizes[i / N], to = sizes[i % N];
    unsigned char *p = heap_alloc(heap, from);
    void *moved;

    fill(p, from);
    ck_assert_int_eq(heap_resize(heap, p, to, &moved), HEAP_OK);
    verify(moved, from < to ? from : to);
    fill(moved, to);
    if (moved != p)
      ck_assert_int_ne(put(heap, p), HEAP_OK);
    if (i % 3)
      ck_assert_int_eq(put(heap, moved), HEAP_OK);
  }
}
END_TEST

START_TEST(huge_blocks_grow_without_copying)
{
  struct heap *heap = heap_main();
  char *p = heap_alloc(heap, 4u << 20);
  void *wall = heap_alloc(heap, 4u << 20);
  struct rusage before, after;
  void *moved;

  if (emulated_without("huge_blocks_grow_without_copying", "fault counts of its own"))
    return;
  memset(p, 7, 4u << 20);
  getrusage(RUSAGE_SELF, &before);
  ck_assert_int_eq(heap_resize(heap, p, 64u << 20, &moved), HEAP_OK);
  getrusage(RUSAGE_SELF, &after);
  ck_assert_ptr_ne(moved, p);
  ck_assert_ptr_ne(moved, wall);
  ck_assert_int_eq(((char *)moved)[(4u << 20) - 1], 7);
  /* Copying 4 MiB would have touched 1,024 new pages. */
  ck_assert_int_lt(after.ru_minflt - before.ru_minflt, 64);
}
END_TEST

START_TEST(freed_twice)
{
  static const size_t sizes[] = {1, 40, 1000, 30000, 40000, 1u << 20, 3u << 20};
  struct heap *heap = heap_main();

  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    void *p = heap_alloc(heap, sizes[i]), *result;
    size_t size;

    ck_assert_int_eq(put(heap, p), HEAP_OK);
    ck_assert_int_eq(put(heap, p), HEAP_DOUBLE);
    ck_assert_int_eq(heap_nested_free(p), HEAP_DOUBLE);
    ck_assert_int_eq(heap_usable(p, &size), HEAP_DOUBLE);
    ck_assert_int_eq(heap_resize(heap, p, 100, &result), HEAP_DOUBLE);
  }
}
END_TEST

START_TEST(interior_pointers)
{
  static const size_t sizes[] = {40, 1000, 30000, 40000, 1u << 20, 3u << 20, 20u << 20};
  struct heap *heap = heap_main();

  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    char *p = heap_alloc(heap, sizes[i]);
    size_t step = sizes[i] < 1000 ? 1 : sizes[i] / 50;

    for (size_t k = step; k < sizes[i]; k += step)
      ck_assert_msg(put(heap, p + k) == HEAP_INTERIOR, "%zu of %zu", k, sizes[i]);
    ck_assert_int_eq(put(heap, p), HEAP_OK);
  }
}
END_TEST

START_TEST(pointers_of_others)
{
  struct heap *heap = heap_main();
  int local;
  char *p;

  heap_alloc(heap, 1);
  ck_assert_int_eq(put(heap, &local), HEAP_FOREIGN);
  ck_assert_int_eq(put(heap, (void *)&classes_waste_little), HEAP_FOREIGN);
  ck_assert_int_eq(put(heap, (void *)16), HEAP_FOREIGN);
  ck_assert_int_eq(put(heap, (void *)UINTPTR_MAX), HEAP_FOREIGN);
  ck_assert_int_eq(put(heap, (void *)(HIGH_START + 4096)), HEAP_INVALID);
  ck_assert_int_eq(put(heap, (void *)(HIGH_END - 4096)), HEAP_INVALID);
  ck_assert_int_eq(put(heap, (void *)(LOW_END - 4096)), HEAP_INVALID);
  p = malloc(10);
  ck_assert(!heap_covers(p));
  ck_assert(heap_covers((void *)LOW_START));
  free(p);
}
END_TEST

START_TEST(empty_heap_refuses)
{
  void *p = heap_alloc(heap_main(), 10), *result;

  ck_assert_ptr_null(heap_alloc(&heap_none, 1));
  ck_assert_ptr_null(heap_alloc(&heap_none, 100000));
  ck_assert_ptr_null(heap_alloc_zeroed(&heap_none, 100000));
  ck_assert_ptr_null(heap_alloc_aligned(&heap_none, 64, 100000));
  ck_assert_int_eq(heap_resize(&heap_none, p, 100, &result), HEAP_OK);
  ck_assert_ptr_null(result);
  ck_assert_int_eq(put(&heap_none, p), HEAP_OK);
  ck_assert_int_eq(put(heap_main(), p), HEAP_DOUBLE);
}
END_TEST

START_TEST(impossible_sizes)
{
  static const size_t sizes[] = {SIZE_MAX,        SIZE_MAX - 4095, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1,
                                 (size_t)1 << 47, (size_t)1 << 46};
  struct heap *heap = heap_main();
  void *p = heap_alloc(heap, 100), *q = heap_alloc(heap, 3u << 20), *result;

  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    ck_assert_ptr_null(heap_alloc(heap, sizes[i]));
    ck_assert_ptr_null(heap_alloc_zeroed(heap, sizes[i]));
    ck_assert_ptr_null(heap_alloc_aligned(heap, 4096, sizes[i]));
    ck_assert_int_eq(heap_resize(heap, p, sizes[i], &result), HEAP_OK);
    ck_assert_ptr_null(result);
    ck_assert_int_eq(heap_resize(heap, q, sizes[i], &result), HEAP_OK);
    ck_assert_ptr_null(result);
  }
  ck_assert_ptr_null(heap_alloc_aligned(heap, (size_t)1 << 62, 1));
  ck_assert_int_eq(put(heap, p), HEAP_OK);
  ck_assert_int_eq(put(heap, q), HEAP_OK);
}
END_TEST

START_TEST(nested_blocks)
{
  char *p = heap_nested_alloc(16, 100), *q = heap_nested_alloc(4096, 10000), *big = heap_nested_alloc(16, 5u << 20);
  void *result;

  ck_assert(p && q && big);
  ck_assert_uint_eq((uintptr_t)q % 4096, 0);
  memset(p, 1, 100);
  memset(q, 2, 10000);
  memset(big, 3, 5u << 20);
  ck_assert_uint_eq(usable(p), 112);
  ck_assert_int_eq(p[99], 1);
  ck_assert_int_eq(heap_nested_free(p), HEAP_OK);
  ck_assert_int_eq(put(heap_main(), q), HEAP_OK);
  ck_assert_int_eq(heap_resize(heap_main(), big, 6u << 20, &result), HEAP_OK);
  ck_assert_int_eq(((char *)result)[(5u << 20) - 1], 3);
  ck_assert_int_eq(put(heap_main(), result), HEAP_OK);
}
END_TEST

/* The emergency region is four gigabytes (less under sanitizers): handlers get far more than that over the life of a
 * program. */
START_TEST(nested_blocks_are_used_again)
{
  const size_t size = NESTED_SIZE >> 12;
  char *kept = heap_nested_alloc(16, 100), *first = NULL;

  ck_assert_ptr_nonnull(kept);
  kept[0] = 7;
  for (unsigned i = 0; i < 20000; i++) {
    char *p = heap_nested_alloc(16, size);

    ck_assert_msg(p, "no block number %u", i);
    ck_assert_uint_gt((uintptr_t)p, (uintptr_t)kept);
    p[0] = p[size - 1] = 1;
    ck_assert_int_eq(i % 2 ? heap_nested_free(p) : put(heap_main(), p), HEAP_OK);
    ck_assert_int_ne(heap_nested_free(p), HEAP_OK);
    if (i % 1000)
      continue;
    /* With the last of them all is free. */
    ck_assert_int_eq(kept[0], 7);
    ck_assert_int_eq(heap_nested_free(kept), HEAP_OK);
    kept = heap_nested_alloc(16, 100);
    kept[0] = 7;
    if (first)
      ck_assert_ptr_eq(kept, first);
    first = kept;
  }
  ck_assert_int_eq(heap_nested_free(kept), HEAP_OK);
}
END_TEST

START_TEST(internal_blocks)
{
  for (size_t align = 1; align <= 65536; align *= 4) {
    unsigned char *p = heap_internal_alloc(align, 1000);

    ck_assert_uint_eq((uintptr_t)p % align, 0);
    for (unsigned i = 0; i < 1000; i++)
      ck_assert_uint_eq(p[i], 0);
    memset(p, 1, heap_internal_usable(p));
    ck_assert_uint_ge(heap_internal_usable(p), 1000);
    ck_assert(heap_internal_owns(p));
    ck_assert(!heap_covers(p));
    heap_internal_free(p);
  }
  ck_assert(!heap_internal_owns(heap_alloc(heap_main(), 1)));
}
END_TEST

START_TEST(stats_count_blocks)
{
  struct heap *heap = heap_main();
  struct heap_stats stats;
  void *blocks[1000];
  uint64_t unused;

  for (unsigned i = 0; i < 1000; i++)
    blocks[i] = heap_alloc(heap, 100);
  heap_alloc(heap, 100000);
  heap_alloc(heap, 3u << 20);
  heap_get_stats(&stats);
  ck_assert_uint_eq(stats.live_blocks, 1002);
  ck_assert_uint_eq(stats.live_bytes, 1000 * 112 + 102400 + (4u << 20));
  ck_assert_uint_eq(stats.large_blocks, 1);
  unused = stats.free_blocks;
  put(heap, blocks[500]);
  heap_get_stats(&stats);
  ck_assert_uint_eq(stats.free_blocks, unused + 1);
  blocks[500] = heap_alloc(heap, 100);
  heap_get_stats(&stats);
  ck_assert_uint_eq(stats.free_blocks, unused);
  for (unsigned i = 0; i < 1000; i++)
    put(heap, blocks[i]);
  heap_get_stats(&stats);
  ck_assert_uint_eq(stats.live_blocks, 2);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap");
  TCase *tests = unit_case(suite, "heap", 60);

  tcase_add_loop_test(tests, first_block_is_at_0x200000, 0, 13);
  tcase_add_test(tests, classes_waste_little);
  tcase_add_test(tests, class_indices_divide_exactly);
  tcase_add_test(tests, blocks_are_apart_and_hold_their_size);
  tcase_add_test(tests, alignment_is_kept);
  tcase_add_test(tests, zeroed_blocks_are_zero_where_others_were);
  tcase_add_test(tests, resize_keeps_the_content);
  tcase_add_test(tests, resize_across_all_pairs);
  tcase_add_test(tests, huge_blocks_grow_without_copying);
  tcase_add_test(tests, freed_twice);
  tcase_add_test(tests, interior_pointers);
  tcase_add_test(tests, pointers_of_others);
  tcase_add_test(tests, empty_heap_refuses);
  tcase_add_test(tests, impossible_sizes);
  tcase_add_test(tests, nested_blocks);
  tcase_add_test(tests, nested_blocks_are_used_again);
  tcase_add_test(tests, internal_blocks);
  tcase_add_test(tests, stats_count_blocks);
  return unit_main(suite);
}
