/*
 * The pinned heap where something runs out or is in the way: RLIMIT_AS, taken
 * addresses, the program's own ranges; and the sets of address ranges and pages underneath.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/sys.h"
#include "heap/extent.h"
#include "heap/heap_fast.h"
#include "heap/page_bits.h"
#include "heap/region.h"

#include "emulated.h"
#include "instrumented.h"
#include "unit.h"

#define MIB ((size_t)1 << 20)

/* The sanitizers' runtimes need address space of their own and end the process when it is refused. */
static void limit_address_space(size_t more)
{
  unsigned long pages = 0;
  char text[200];
  struct rlimit limit;

  ck_assert_int_gt(sys_read_file("/proc/self/statm", text, sizeof text), 0);
  pages = strtoul(text, NULL, 10);
  limit.rlim_cur = limit.rlim_max = pages * 4096 + more;
  ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

static unsigned nondets[VT_NONDET_MAX];

static void note_nondet(enum vt_nondet reason, uint64_t addr)
{
  (void)addr;
  nondets[reason]++;
}

/* What was refused leaves no trace: after everything is freed the same amount fits again. */
START_TEST(refusals_leave_the_heap_whole)
{
  static const size_t sizes[] = {100, 5000, 100000, 3 * MIB};
  struct heap *heap = heap_main();
  enum { MOST = 1000000 };
  void **blocks = mmap(NULL, MOST * sizeof *blocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  size_t size = sizes[_i];
  unsigned first = 0;

  if (emulated_without("refusals_leave_the_heap_whole", "RLIMIT_AS"))
    return;
  heap_alloc(heap, 1);
  limit_address_space(64 * MIB);
  for (unsigned round = 0; round < 3; round++) {
    unsigned n = 0;
    void *p, *moved;

    while (n < MOST && (p = heap_alloc(heap, size)))
      blocks[n++] = p;
    ck_assert_uint_gt(n * size, 20 * MIB);
    ck_assert_uint_lt(n, MOST);
    if (!round)
      first = n;
    ck_assert_uint_ge(n + first / 20 + 2, first);
    ck_assert_ptr_null(heap_alloc(heap, 100 * MIB));
    ck_assert_int_eq(heap_resize(heap, blocks[0], 100 * MIB, &moved), HEAP_OK);
    ck_assert_ptr_null(moved);
    memset(blocks[0], 1, size);
    for (unsigned i = 0; i < n; i++) {
      if (heap_free(heap, blocks[i]) != HEAP_OK)
        ck_abort_msg("block %u of %u", i, n);
    }
  }
}
END_TEST

/* Memory kept from freed huge blocks is given up for small ones when the kernel refuses. */
START_TEST(kept_memory_makes_way)
{
  struct heap *heap = heap_main();
  void *p;
  size_t n = 0;

  if (emulated_without("kept_memory_makes_way", "RLIMIT_AS"))
    return;
  heap_alloc(heap, 1);
  limit_address_space(24 * MIB);
  p = heap_alloc(heap, 15 * MIB);
  ck_assert_ptr_nonnull(p);
  ck_assert_int_eq(heap_free(heap, p), HEAP_OK);
  while (heap_alloc(heap, 1000))
    n += 1000;
  ck_assert_uint_gt(n, 14 * MIB);
}
END_TEST

START_TEST(works_under_ulimit_v)
{
  struct rlimit limit = {UINT64_C(4000000) << 10, UINT64_C(4000000) << 10};

  ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
  ck_assert_uint_eq((uintptr_t)heap_alloc(heap_main(), 4), LOW_START);
  for (unsigned i = 0; i < 200; i++)
    ck_assert_ptr_nonnull(heap_alloc(heap_child(heap_main()), 100));
  ck_assert_ptr_nonnull(heap_alloc(heap_main(), 500 * MIB));
}
END_TEST

START_TEST(occupied_low_segment)
{
  void *p;

  ck_assert_int_eq(sys_map_at(LOW_START + 4096, 4096, PROT_READ), 0);
  heap_set_nondet(note_nondet);
  p = heap_alloc(heap_main(), 4);
  ck_assert_uint_eq((uintptr_t)p, HIGH_START);
  ck_assert_uint_eq(nondets[VT_NONDET_LOW], 1);
  ck_assert_uint_ne((uintptr_t)heap_alloc(heap_main(), 4), 0);
  ck_assert(!heap_covers((void *)(LOW_START + 4096)));
  ck_assert_int_eq(heap_free(heap_main(), (void *)(LOW_START + 4096)), HEAP_FOREIGN);
  ck_assert_uint_eq(nondets[VT_NONDET_LOW], 1);
}
END_TEST

START_TEST(taken_addresses_are_passed_over)
{
  struct heap *heap = heap_main();
  uint64_t window = HIGH_START, large = region_of(heap)->window_end;
  char *p;

  heap_set_nondet(note_nondet);
  heap_alloc(heap, 1);
  ck_assert_int_eq(sys_map_at(window + SEGMENT_SIZE, 40 * MIB, PROT_READ), 0);
  ck_assert_int_eq(sys_map_at(large + 4096, 4096, PROT_READ), 0);
  for (unsigned i = 0; i < 20; i++) {
    p = heap_alloc(heap, MIB);
    memset(p, 1, MIB);
    if (i % 3 == 0)
      ck_assert_int_eq(heap_free(heap, p), HEAP_OK);
  }
  p = heap_alloc(heap, 3 * MIB);
  ck_assert_uint_ge((uintptr_t)p, large + SEGMENT_SIZE);
  ck_assert_uint_eq(nondets[VT_NONDET_TAKEN], 21);
  ck_assert_int_eq(heap_free(heap, (void *)(window + 4 * SEGMENT_SIZE)), HEAP_INVALID);
}
END_TEST

START_TEST(ranges_are_reused_and_apart)
{
  struct heap *heap = heap_main();
  uint64_t a = heap_range_reserve(heap, 4096, 4096), b = heap_range_reserve(heap, 3 * MIB, SEGMENT_SIZE), c;
  char *p = heap_alloc(heap, 5 * MIB);

  ck_assert_uint_ne(a, 0);
  ck_assert_uint_eq(b % SEGMENT_SIZE, 0);
  ck_assert((uintptr_t)p + 5 * MIB <= b || b + 3 * MIB <= (uintptr_t)p);
  ck_assert_uint_eq(heap_range_reserve(heap, 8192, 4096), a + 4096);
  heap_range_release(heap, a, 4096);
  ck_assert_uint_eq(heap_range_reserve(heap, 4096, 4096), a);
  /* Part of a range; and nothing that is no range: a huge block stays. */
  heap_range_release(heap, b + 4096, 8192);
  c = heap_range_reserve(heap, 8192, 4096);
  heap_range_release(heap, (uintptr_t)p, 5 * MIB);
  ck_assert_uint_ne(heap_range_reserve(heap, 4 * MIB, SEGMENT_SIZE), (uintptr_t)p);
  ck_assert(c == b + 4096 || c == a + 12288);
  /* Memory that was kept there is gone when the program maps its own. */
  memset(p, 1, 5 * MIB);
  ck_assert_int_eq(heap_free(heap, p), HEAP_OK);
  c = heap_range_reserve(heap, 6 * MIB, SEGMENT_SIZE);
  ck_assert_int_eq(sys_map_at(c, 6 * MIB, PROT_READ | PROT_WRITE), 0);
  heap_range_failed(heap, c, 6 * MIB);
  ck_assert_uint_ne(heap_range_reserve(heap, 6 * MIB, SEGMENT_SIZE), c);
  ck_assert_int_eq(heap_free(heap, (void *)(c + 4096)), HEAP_INVALID);
}
END_TEST

/* The first thread, which is the one that reserves terabytes, has more to itself. */
START_TEST(first_region_goes_on)
{
  struct heap *heap = heap_main();
  uint64_t all = region_of(heap)->own_end - region_of(heap)->window_end, p;

  heap_set_nondet(note_nondet);
  ck_assert_uint_ne(heap_range_reserve(heap, all, 4096), 0);
  p = heap_range_reserve(heap, 4096, 4096);
  ck_assert_uint_ge(p, GRAIN_ALIAS + GRAIN_SIZE);
  ck_assert_ptr_nonnull(heap_alloc(heap, 10 * MIB));
  ck_assert_uint_ne(heap_range_reserve(heap, HIGH_SIZE / 8, 4096), 0);
  ck_assert_uint_eq(nondets[VT_NONDET_REGION], 0);
}
END_TEST

/* A grandchild with next to no addresses; its creator is the eighteenth child. */
static struct heap *poor_heap(void)
{
  struct heap *creator = heap_main(), *heap;

  for (int depth = 0; depth < 2; depth++) {
    for (int i = 0; i < 17; i++)
      ck_assert_ptr_nonnull(heap_child(creator));
    heap = heap_child(creator);
    ck_assert_ptr_nonnull(heap);
    creator = heap;
  }
  return heap;
}

/* A small region goes on at places that depend on nobody else, for as long as nobody wants the same; else it says so.
 */
START_TEST(used_up_regions_go_on)
{
  struct heap *heap, *other;
  uint64_t all, p[2][3];
  int ends[2];

  if (LAYOUT_SHRINK) /* a sanitizer's layout has no room for that many threads */
    return;
  ck_assert_int_eq(pipe(ends), 0);
  heap_set_nondet(note_nondet);
  for (int run = 0; run < 2; run++) {
    if (!fork()) {
      if (run)
        heap_adopt(); /* takes of the shared range */
      heap = poor_heap();
      all = region_of(heap)->end - region_of(heap)->window_end;
      for (int i = 0; i < 3; i++)
        p[0][i] = heap_range_reserve(heap, i == 1 ? 2 * GRAIN_SIZE : all, 4096);
      if (nondets[VT_NONDET_REGION])
        _exit(1);
      _exit(write(ends[1], p[0], sizeof p[0]) != sizeof p[0]);
    }
    ck_assert_int_eq(read(ends[0], p[run], sizeof p[run]), sizeof p[run]);
  }
  ck_assert_mem_eq(p[0], p[1], sizeof p[0]);
  ck_assert_uint_ne(p[0][1], p[0][2]);
  heap = poor_heap();
  ck_assert_uint_ne(heap_range_reserve(heap, HIGH_SIZE / 256, 4096), 0);
  ck_assert_uint_eq(nondets[VT_NONDET_REGION], 1);
  other = heap_child(heap); /* too small to be divided */
  ck_assert_ptr_nonnull(other);
  ck_assert_uint_eq(nondets[VT_NONDET_REGION], 1);
}
END_TEST

/* Against a plain array of pages. */
START_TEST(extents_match_an_array)
{
  enum { N = 400 };
  unsigned char in[N + 1] = {0};
  struct extent *set = NULL;
  uint64_t x = (uint64_t)_i * 977 + 1;

  for (unsigned step = 0; step < 20000; step++) {
    uint64_t r = (x = x * 6364136223846793005u + 1442695040888963407u) >> 20;
    unsigned at = 1 + r % (N - 20), n = 1 + (r >> 12) % 20, clear = 0, first = 0;
    uint64_t piece, size, fit;

    for (unsigned i = 0; i < n; i++)
      clear += !in[at + i];
    if (r >> 30 & 1) {
      if (clear == n) {
        ck_assert(extent_add(&set, at, n, step));
        memset(in + at, 1, n);
      }
    } else if (r >> 31 & 1) {
      ck_assert_int_eq(extent_claim(&set, at, n), !clear);
      if (!clear)
        memset(in + at, 0, n);
    } else if (extent_cut(&set, at, at + n, &piece, &size)) {
      for (first = at; !in[first]; first++)
        ;
      ck_assert_uint_eq(piece, first);
      memset(in + piece, 0, size);
      ck_assert(piece + size == at + n || !in[piece + size]);
    } else {
      ck_assert_uint_eq(clear, n);
    }
    fit = extent_fit(set, 7, 4);
    for (first = 4; first + 7 <= N && memchr(in + first, 0, 7); first += 4)
      ;
    ck_assert_uint_eq(fit, first + 7 <= N ? first : 0);
  }
  extent_clear(&set);
  ck_assert_ptr_null(set);
}
END_TEST

START_TEST(page_maps_match_an_array)
{
  uint64_t map[SEGMENT_PAGES / 64] = {0}, x = 5;
  unsigned char in[SEGMENT_PAGES] = {0};

  for (unsigned step = 0; step < 5000; step++) {
    uint64_t r = (x = x * 6364136223846793005u + 1442695040888963407u) >> 20;
    unsigned first = r % SEGMENT_PAGES, count = 1 + (r >> 10) % 80, longest = 0, run = 0, set = 0;
    unsigned found = PAGES_NONE, need = 1 + (r >> 20) % 40, align = 1u << (r >> 30) % 6;

    if (first + count > SEGMENT_PAGES)
      count = SEGMENT_PAGES - first;
    memset(in + first, r >> 40 & 1, count);
    if (r >> 40 & 1)
      pages_set(map, first, count);
    else
      pages_clear(map, first, count);
    for (unsigned i = 0; i < SEGMENT_PAGES; i++) {
      run = in[i] ? run + 1 : 0;
      longest = run > longest ? run : longest;
      set += i >= first && i < first + count && in[i];
    }
    for (unsigned i = 0; i + need <= SEGMENT_PAGES && found == PAGES_NONE; i += align)
      found = memchr(in + i, 0, need) ? PAGES_NONE : i;
    ck_assert_uint_eq(pages_longest(map), longest);
    ck_assert_uint_eq(pages_count(map, first, count), set);
    ck_assert_uint_eq(pages_find(map, need, align), found);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap_limits");
  TCase *tests = unit_case(suite, "heap_limits", 60);

  if (!INSTRUMENTED) {
    tcase_add_loop_test(tests, refusals_leave_the_heap_whole, 0, 4);
    tcase_add_test(tests, kept_memory_makes_way);
    tcase_add_test(tests, works_under_ulimit_v);
  }
  tcase_add_test(tests, occupied_low_segment);
  tcase_add_test(tests, taken_addresses_are_passed_over);
  tcase_add_test(tests, ranges_are_reused_and_apart);
  tcase_add_test(tests, first_region_goes_on);
  tcase_add_test(tests, used_up_regions_go_on);
  tcase_add_loop_test(tests, extents_match_an_array, 0, 3);
  tcase_add_test(tests, page_maps_match_an_array);
  return unit_main(suite);
}
