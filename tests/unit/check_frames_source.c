/*
 * The two ways to find pages, PAGEMAP_SCAN and the kept list: both see the
 * same, the list finds what grows within bounds, and a sample that is cut goes on.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/layout.h"
#include "base/own.h"
#include "base/sys.h"
#include "frames/page_entry.h"
#include "frames/sample.h"
#include "frames_sampling.h"
#include "frames_sink.h"
#include "instrumented.h"
#include "unit.h"

/* A second sampler without PAGEMAP_SCAN has the same picture, once what they look at holds still. */
static void compare_sources(const char *base, size_t n)
{
  static unsigned states[1 << 16];
  static uint64_t pfns[1 << 16];
  struct proc_files without = files;

  sample();
  for (size_t i = 0; i < n; i++) {
    states[i] = sink_state(PAGE_AT(base, i));
    pfns[i] = sink_pfn(PAGE_AT(base, i));
  }
  sink_reset();
  sampling_renew();
  without.flags &= ~VT_SAMPLE_SCAN;
  sample_by(&without);
  ck_assert_uint_eq(sink_last()->flags & VT_SAMPLE_SCAN, 0);
  for (size_t i = 0; i < n; i++) {
    unsigned known = files.flags & VT_SAMPLE_FLAGS ? 255 : LIVE;

    ck_assert_uint_eq(sink_state(PAGE_AT(base, i)) & known, states[i] & known);
    ck_assert_uint_eq(sink_pfn(PAGE_AT(base, i)), pfns[i]);
  }
  assert_agrees(base, n);
  sink_reset();
  sampling_renew();
}

/* 64 MiB, sparsely touched in four ways; more than what the list source takes for large. */
static char *sparse(void)
{
  size_t n = 1 << 14;
  char *p = map(n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

  madvise(p, n * FRAME_SIZE, MADV_NOHUGEPAGE);
  for (size_t i = 5; i < n; i = i * 17 / 16 + 1)
    *PAGE_AT(p, i) = 1;
  for (size_t i = 2000; i < 6000; i += 2) /* more ranges than one call of the scan returns */
    *PAGE_AT(p, i) = 1;
  for (size_t i = 6000; i < 6100; i++)
    ck_assert_int_eq(*(volatile char *)PAGE_AT(p, i), 0);
  memset(PAGE_AT(p, 9000), 1, 700 * FRAME_SIZE);
  *PAGE_AT(p, n - 1) = 1;
  return p;
}

START_TEST(scan_and_list_agree)
{
  char *large = sparse();
  char *small = map(3000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  FILE *file = tmpfile();
  size_t n = 1 << 14;
  char *mapped;

  for (size_t i = 0; i < 3000; i += 1 + i / 7)
    *PAGE_AT(small, i) = 1;
  ck_assert_int_eq(ftruncate(fileno(file), (off_t)(n * FRAME_SIZE)), 0);
  mapped = mmap(NULL, n * FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
  ck_assert_ptr_ne(mapped, MAP_FAILED);
  for (size_t i = 3; i < n; i += 1000)
    *PAGE_AT(mapped, i) = 1;
  compare_sources(large, n);
  compare_sources(small, 3000);
  compare_sources(mapped, n);
  fclose(file);
}
END_TEST

START_TEST(huge_pages)
{
  char *p = map(2048, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  char *aligned = (char *)(((uintptr_t)p + LEAF_SIZE - 1) & ~(uintptr_t)(LEAF_SIZE - 1));
  char *small = PAGE_AT(aligned, LEAF_PAGES);
  uint64_t first;

  madvise(aligned, LEAF_SIZE, MADV_HUGEPAGE);
  madvise(small, LEAF_SIZE, MADV_NOHUGEPAGE);
  memset(aligned, 1, LEAF_SIZE);
  memset(small, 1, FRAME_SIZE);
  first = pagemap_word(pagemap, aligned) & ENTRY_PFN_MASK;
  sample();
  if (!(files.flags & VT_SAMPLE_FLAGS) || first % LEAF_PAGES) {
    puts("skip: huge_pages: no huge page was to be had, or frame numbers are hidden");
    return;
  }
  ck_assert_uint_ne(sink_state(aligned) & VT_PG_HUGE, 0);
  ck_assert_uint_ne(sink_state(PAGE_AT(aligned, 511)) & VT_PG_HUGE, 0);
  ck_assert_uint_eq(sink_state(small) & VT_PG_HUGE, 0);
  compare_sources(aligned, LEAF_PAGES + 1);
}
END_TEST

/* Only read, a huge page is the kernel's huge zero page: nobody's, though pagemap calls it a file's. */
START_TEST(huge_zero_page)
{
  char *p = map(1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  char *aligned = (char *)(((uintptr_t)p + LEAF_SIZE - 1) & ~(uintptr_t)(LEAF_SIZE - 1));

  madvise(aligned, LEAF_SIZE, MADV_HUGEPAGE);
  ck_assert_int_eq(*(volatile char *)aligned, 0);
  sample();
  if (!(files.flags & VT_SAMPLE_SCAN) || !(sink_state(PAGE_AT(aligned, 7)) & VT_PG_PRESENT)) {
    puts("skip: huge_zero_page: no huge page was to be had, or no PAGEMAP_SCAN");
    return;
  }
  for (int i = 0; i < 512; i++)
    ck_assert_uint_ne(sink_state(PAGE_AT(aligned, i)) & VT_PG_ZERO, 0);
  sample();
  ck_assert_uint_eq(sink_reports(aligned), 1);
  *aligned = 1;
  sample();
  ck_assert_uint_eq(sink_state(aligned) & VT_PG_ZERO, 0);
}
END_TEST

/* maps does not say which mappings are of hugetlbfs. */
START_TEST(pool_of_huge_pages)
{
  char *p = mmap(NULL, LEAF_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  char *small = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

  if (p == MAP_FAILED) {
    puts("skip: pool_of_huge_pages: the kernel's pool is empty (vm.nr_hugepages)");
    return;
  }
  *p = *small = 1;
  sample();
  ck_assert_uint_ne(sink_vma_at(p)->flags & VT_VMA_HUGETLB, 0);
  ck_assert_uint_eq(sink_vma_at(small)->flags & VT_VMA_HUGETLB, 0);
  sample();
  ck_assert_uint_eq(sink_last()->vmas + sink_last()->vmas_gone, 0);
  ck_assert_int_eq(munmap(p, LEAF_SIZE), 0);
}
END_TEST

static bool ksm_is_running(void)
{
  char run[16];

  return sys_read_file("/sys/kernel/mm/ksm/run", run, sizeof run) > 0 && *run == '1';
}

/* Equal pages are merged in time; each then looks shared without being so by anybody's will. */
START_TEST(merged_pages)
{
  char *p = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

  if (!(files.flags & VT_SAMPLE_FLAGS) || !ksm_is_running()) {
    puts("skip: merged_pages: KSM is not running, or kpageflags cannot be read");
    return;
  }
  memset(p, 0x5a, PAGES * FRAME_SIZE);
  ck_assert_int_eq(madvise(p, PAGES * FRAME_SIZE, MADV_MERGEABLE), 0);
  for (int i = 0; i < 3000; i++) {
    sample();
    if (sink_state(p) & VT_PG_KSM && sink_state(PAGE_AT(p, PAGES - 1)) & VT_PG_KSM)
      break;
    usleep(10000);
  }
  for (int i = 0; i < PAGES; i++) {
    ck_assert_uint_ne(sink_state(PAGE_AT(p, i)) & VT_PG_KSM, 0);
    ck_assert_uint_eq(sink_pfn(PAGE_AT(p, i)), sink_pfn(p));
  }
  *PAGE_AT(p, 3) = 1;
  sample();
  ck_assert_uint_eq(sink_state(PAGE_AT(p, 3)) & (VT_PG_KSM | VT_PG_EXCLUSIVE), VT_PG_EXCLUSIVE);
}
END_TEST

/* A page that a child has inherited is merged where it is: neither its frame nor its exclusive bit changes. */
START_TEST(merged_in_place)
{
  char *twin = map(1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  char *p = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  pid_t child;

  if (!(files.flags & VT_SAMPLE_FLAGS) || !ksm_is_running()) {
    puts("skip: merged_in_place: KSM is not running, or kpageflags cannot be read");
    return;
  }
  memset(p, 0x3c, FRAME_SIZE);
  child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  memset(twin, 0x3c, FRAME_SIZE);
  ck_assert_int_eq(madvise(p, FRAME_SIZE, MADV_MERGEABLE) | madvise(twin, FRAME_SIZE, MADV_MERGEABLE), 0);
  for (int i = 0; i < 3000 && !(sink_state(p) & VT_PG_KSM); i++) {
    sample();
    usleep(10000);
  }
  ck_assert_uint_ne(sink_state(p) & VT_PG_KSM, 0);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}
END_TEST

/* A bounded part of what may be empty is explored per sample.  AddressSanitizer's shadow is terabytes of that. */
#if defined(__SANITIZE_ADDRESS__)
#define TERABYTES_ABOUT true
#else
#define TERABYTES_ABOUT false
#endif

START_TEST(list_source_finds_growth)
{
  size_t n = 1 << 15; /* 128 MiB */
  char *p = map(n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  char *none = map(n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);

  char *closed = map(n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

  madvise(p, n * FRAME_SIZE, MADV_NOHUGEPAGE);
  *PAGE_AT(closed, 9000) = 1;
  mprotect(closed, n * FRAME_SIZE, PROT_NONE);
  files.flags &= ~VT_SAMPLE_SCAN;
  for (size_t i = 0; i < 8; i++) {
    *PAGE_AT(p, i * 3777 + 1) = 1;
    sample();
    ck_assert_uint_ne(sink_state(PAGE_AT(p, i * 3777 + 1)), 0);
  }
  ck_assert_uint_eq(sink_state(none), 0);
  ck_assert(TERABYTES_ABOUT || sink_state(PAGE_AT(closed, 9000)) != 0);
  /* A mapping that was closed to everything has been opened and used. */
  mprotect(PAGE_AT(none, 5000), 16 * FRAME_SIZE, PROT_READ | PROT_WRITE);
  *PAGE_AT(none, 5003) = 1;
  sample();
  ck_assert_uint_ne(sink_state(PAGE_AT(none, 5003)), 0);
  madvise(p, n * FRAME_SIZE, MADV_DONTNEED);
  munmap(none, n * FRAME_SIZE);
  sample();
  ck_assert_uint_eq(sink_state(PAGE_AT(p, 1)), 0);
  ck_assert_uint_eq(sink_state(PAGE_AT(none, 5003)), 0);
}
END_TEST

/* A large sparse file is explored a window at a time: at last everything in it is found. */
START_TEST(list_source_explores_files)
{
  size_t n = 1 << 17; /* 512 MiB */
  FILE *file = tmpfile();
  char *p;

  ck_assert_int_eq(ftruncate(fileno(file), (off_t)(n * FRAME_SIZE)), 0);
  p = mmap(NULL, n * FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
  ck_assert_ptr_ne(p, MAP_FAILED);
  files.flags &= ~VT_SAMPLE_SCAN;
  *p = 1;
  *PAGE_AT(p, n - 1) = 1;
  for (int i = 0; i < 20; i++)
    sample();
  ck_assert_uint_ne(sink_last()->flags & VT_SAMPLE_PARTIAL, 0);
  ck_assert_uint_ne(sink_state(p), 0);
  ck_assert_uint_ne(sink_state(PAGE_AT(p, n - 1)), 0);
  /* What was found once is looked at every time. */
  madvise(p, n * FRAME_SIZE, MADV_DONTNEED);
  sample();
  ck_assert_uint_eq(sink_state(PAGE_AT(p, n - 1)), 0);
  fclose(file);
}
END_TEST

/* Terabytes that nobody touched.  Reading all their words would take seconds; the bound leaves room for sanitizers. */
START_TEST(empty_reservations_are_cheap)
{
  size_t size = (size_t)1 << 40;
  char *none = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (none == MAP_FAILED) {
    puts("skip: empty_reservations_are_cheap: no room for one");
    return;
  }
  sample();
  ck_assert_uint_lt(sink_last()->cost_ns, UINT64_C(500000000));
  files.flags &= ~VT_SAMPLE_SCAN;
  for (int i = 0; i < 10; i++) {
    sample();
    ck_assert_uint_lt(sink_last()->cost_ns, UINT64_C(500000000));
  }
  munmap(none, size);
}
END_TEST

/* A sample that is cut goes on where it was cut, and at last has seen everything. */
START_TEST(slices_cover_everything)
{
  struct sample_request request = {.reason = VT_SAMPLE_MARK, .limit_ns = 1};
  size_t n = 1 << 14;
  char *p = map(n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);
  unsigned slices = 0;

  ck_assert_ptr_nonnull(p);
  do {
    sample_take(sampling, &files, &request);
    ck_assert_uint_ne(sink_last()->flags & VT_SAMPLE_PARTIAL, 0);
    slices++;
  } while (sampling->cursor && slices < 1000000);
  ck_assert_uint_gt(slices, 4);
  ck_assert_uint_lt(slices, 1000000);
  assert_agrees(p, n);
  /* And the next one, without a limit, is whole again. */
  sample();
  ck_assert_uint_eq(sink_last()->flags & VT_SAMPLE_PARTIAL, 0);
}
END_TEST

/* ThreadSanitizer's shadow consists of large mappings, whose every byte the list source then asks for. */
#define LIST_IS_SLOW THREADS_INSTRUMENTED

int main(void)
{
  Suite *suite = suite_create("frames: sources");
  TCase *tests = unit_case(suite, "all", 60);

  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, scan_and_list_agree);
  tcase_add_test(tests, huge_pages);
  tcase_add_test(tests, huge_zero_page);
  tcase_add_test(tests, pool_of_huge_pages);
  tcase_add_test(tests, merged_pages);
  tcase_add_test(tests, merged_in_place);
  if (!LIST_IS_SLOW) {
    tcase_add_test(tests, list_source_finds_growth);
    tcase_add_test(tests, list_source_explores_files);
  }
  tcase_add_test(tests, empty_reservations_are_cheap);
  tcase_add_test(tests, slices_cover_everything);
  return unit_main(suite);
}
