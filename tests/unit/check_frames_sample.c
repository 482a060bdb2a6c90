/*
 * What a sample says about pages and mappings whose truth is known: taken in
 * the test's own thread, compared with pagemap, /proc/self/maps and what was done.
 */
#include <check.h>
#include <fcntl.h>
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
#include "unit.h"

START_TEST(touched_pages_and_no_others)
{
  char *p = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

  for (int i = 0; i < PAGES; i += 3)
    *PAGE_AT(p, i) = 1;
  sample();
  for (int i = 0; i < PAGES; i++)
    ck_assert_uint_eq(sink_state(PAGE_AT(p, i)) & VT_PG_PRESENT, i % 3 == 0);
  ck_assert_uint_ne(sink_state(p) & VT_PG_EXCLUSIVE, 0);
  assert_agrees(p, PAGES);
}
END_TEST

/* The ranges that are left out are counted: pages written, not those that were only read or never touched. */
START_TEST(skipped_pages_are_counted)
{
  char *mine;
  uint64_t before;

  if (!(files.flags & VT_SAMPLE_SCAN)) {
    puts("skip: skipped_pages_are_counted: no PAGEMAP_SCAN");
    return;
  }
  mine = own_map(PAGES * FRAME_SIZE);
  ck_assert_ptr_nonnull(mine);
  sample();
  ck_assert_uint_gt(sink_last()->rss, sink_last()->tracer);
  sample(); /* the picture is made by the first */
  before = sampling->tracer;
  ck_assert_uint_gt(before, 0);
  ck_assert_uint_eq(sampling->tables, 0);
  for (int i = 0; i < PAGES / 2; i++)
    *PAGE_AT(mine, i) = 1;
  ck_assert_int_eq(*(volatile char *)PAGE_AT(mine, PAGES - 1), 0);
  sample();
  ck_assert_uint_eq(sink_last()->tracer, before + PAGES / 2);
  ck_assert(!sink_any(OWN_START, META_END));
}
END_TEST

START_TEST(frame_numbers_as_root)
{
  char *p = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);

  if (!(files.flags & VT_SAMPLE_PFN)) {
    puts("skip: frame_numbers_as_root: frame numbers are hidden from this user");
    return;
  }
  sample();
  ck_assert_uint_ne(sink_last()->flags & VT_SAMPLE_PFN, 0);
  for (int i = 0; i < PAGES; i++)
    ck_assert_uint_ne(sink_pfn(PAGE_AT(p, i)), 0);
  assert_agrees(p, PAGES);
}
END_TEST

START_TEST(zero_page_is_told_from_written_ones)
{
  char *p = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

  for (int i = 0; i < PAGES / 2; i++)
    (void)*(volatile char *)PAGE_AT(p, i);
  for (int i = PAGES / 2; i < PAGES; i++)
    *PAGE_AT(p, i) = 1;
  sample();
  if (!(files.flags & (VT_SAMPLE_SCAN | VT_SAMPLE_FLAGS))) {
    ck_assert_uint_eq(sink_state(p) & VT_PG_ZERO_KNOWN, 0);
    return;
  }
  for (int i = 0; i < PAGES; i++) {
    unsigned state = sink_state(PAGE_AT(p, i));

    ck_assert_uint_ne(state & VT_PG_ZERO_KNOWN, 0);
    ck_assert_uint_eq(!!(state & VT_PG_ZERO), i < PAGES / 2);
  }
  *p = 1; /* the zero page is replaced */
  sample();
  ck_assert_uint_eq(sink_state(p) & (VT_PG_ZERO | VT_PG_EXCLUSIVE), VT_PG_EXCLUSIVE);
  ck_assert_uint_eq(sink_reports(p), 2);
  ck_assert_uint_eq(sink_reports(PAGE_AT(p, 1)), 1);
}
END_TEST

START_TEST(shared_memory_and_files)
{
  char *shared = map(PAGES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
  FILE *file = tmpfile();
  char *private;

  ck_assert_ptr_nonnull(file);
  ck_assert_int_eq(ftruncate(fileno(file), PAGES * (off_t)FRAME_SIZE), 0);
  private = mmap(NULL, PAGES * FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(file), 0);
  ck_assert_ptr_ne(private, MAP_FAILED);
  memset(shared, 1, PAGES * FRAME_SIZE);
  for (int i = 0; i < PAGES; i++)
    ck_assert_int_eq(*(volatile char *)PAGE_AT(private, i), 0);
  *private = 1;
  sample();
  ck_assert_uint_ne(sink_state(shared) & VT_PG_FILE, 0);
  ck_assert_uint_eq(sink_state(private) & VT_PG_FILE, 0); /* copied on write */
  ck_assert_uint_ne(sink_state(PAGE_AT(private, 1)) & VT_PG_FILE, 0);
  ck_assert_uint_eq(sink_state(PAGE_AT(private, 1)) & VT_PG_ZERO, 0); /* zeros of a file are no zero page */
  assert_agrees(shared, PAGES);
  assert_agrees(private, PAGES);
  ck_assert_uint_eq(sink_vma_at(shared)->flags, VT_VMA_R | VT_VMA_W | VT_VMA_SHARED);
  ck_assert_uint_eq(sink_vma_at(private)->flags, VT_VMA_R | VT_VMA_W);
  ck_assert_uint_ne(sink_vma_at(private)->inode, 0);
  fclose(file);
}
END_TEST

START_TEST(pages_that_go)
{
  char *p = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);

  sample();
  ck_assert_int_eq(madvise(PAGE_AT(p, 8), 8 * FRAME_SIZE, MADV_DONTNEED), 0);
  ck_assert_int_eq(munmap(PAGE_AT(p, 32), 32 * FRAME_SIZE), 0);
  sample();
  for (int i = 0; i < PAGES; i++)
    ck_assert_uint_eq(!sink_state(PAGE_AT(p, i)), (i >= 8 && i < 16) || i >= 32);
  ck_assert_ptr_null(sink_vma_at(PAGE_AT(p, 32)));
  ck_assert_ptr_nonnull(sink_vma_at(PAGE_AT(p, 31)));
  /* All of a leaf gone, and back again. */
  munmap(p, 32 * FRAME_SIZE);
  sample();
  ck_assert(!sink_any((uint64_t)(uintptr_t)p, (uint64_t)(uintptr_t)p + PAGES * FRAME_SIZE));
}
END_TEST

/* Memory of the picture follows what is present, not what ever was. */
START_TEST(leaves_that_are_empty_are_used_again)
{
  const uint8_t *end;
  char *p = map(LEAF_PAGES * 1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

  madvise(p, LEAF_SIZE * 1000, MADV_NOHUGEPAGE);
  *p = 1;
  sample();
  end = sampling->walk.picture.cut_end;
  for (size_t i = 0; i < 1000; i++) {
    madvise(p, LEAF_SIZE * 1000, MADV_DONTNEED);
    p[i * LEAF_SIZE] = 1;
    if (i % 8 == 0)
      sample();
  }
  sample();
  ck_assert_uint_ne(sink_state(p + 999 * LEAF_SIZE), 0);
  ck_assert_ptr_null(picture_leaf(&sampling->walk.picture, ((uint64_t)(uintptr_t)p >> LEAF_SHIFT) + 2, false));
  ck_assert_ptr_eq(sampling->walk.picture.cut_end, end);
}
END_TEST

START_TEST(only_changes_are_reported)
{
  size_t many = 4096;
  char *p = map(many, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);

  sample();
  sample();
  sample();
  ck_assert_uint_eq(sink_reports(p), 1);
  ck_assert_uint_lt(sink_last()->changes, many / 8); /* the test's own stack and tables, a sanitizer's shadow */
  *PAGE_AT(p, 7) = 2;                                /* written again: the same frame */
  madvise(PAGE_AT(p, 9), FRAME_SIZE, MADV_DONTNEED);
  *PAGE_AT(p, 9) = 3; /* another frame (or the same one: then nothing has changed) */
  sample();
  for (size_t i = 0; i < many; i++)
    ck_assert_uint_le(sink_reports(PAGE_AT(p, i)), i == 9 ? 2 : 1);
  assert_agrees(p, many);
  ck_assert_uint_eq(sink_present(), sink_last()->present);
}
END_TEST

/* Answers "go" through the pipes, so that parent and child take turns. */
static void turn(int to, int from)
{
  char byte = 0;

  ck_assert_int_eq(write(to, &byte, 1), 1);
  ck_assert_int_eq(read(from, &byte, 1), 1);
}

START_TEST(copy_on_write_after_fork)
{
  char *p = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);
  int to[2], from[2];
  pid_t child;

  ck_assert_int_eq(pipe(to), 0);
  ck_assert_int_eq(pipe(from), 0);
  sample();
  ck_assert_uint_ne(sink_state(p) & VT_PG_EXCLUSIVE, 0);
  child = fork();
  if (child == 0) {
    char byte;

    if (read(to[0], &byte, 1) != 1)
      _exit(1);
    *p = 2; /* breaks one page; then the other process has it alone */
    if (write(from[1], &byte, 1) != 1 || read(to[0], &byte, 1) != 1)
      _exit(1);
    _exit(0);
  }
  sample();
  ck_assert_uint_eq(sink_state(p) & VT_PG_EXCLUSIVE, 0);
  ck_assert_uint_eq(sink_state(PAGE_AT(p, 1)) & VT_PG_EXCLUSIVE, 0);
  turn(to[1], from[0]);
  sample();
  ck_assert_uint_ne(sink_state(p) & VT_PG_EXCLUSIVE, 0);
  ck_assert_uint_eq(sink_state(PAGE_AT(p, 1)) & VT_PG_EXCLUSIVE, 0);
  assert_agrees(p, PAGES);
  ck_assert_int_eq(write(to[1], "", 1), 1);
  waitpid(child, NULL, 0);
}
END_TEST

/* Every mapping of /proc/self/maps outside of the tracer's range is known, and no other. */
static void assert_mappings(void)
{
  static char text[1 << 18];
  unsigned known = 0;
  ssize_t n = sys_read_file("/proc/self/maps", text, sizeof text);

  ck_assert_int_gt(n, 0);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    unsigned long start, end, offset, inode;
    char prot[5], path[256] = "";
    const struct sink_vma *vma;

    ck_assert_int_ge(sscanf(line, "%lx-%lx %4s %lx %*s %lu %255[^\n]", &start, &end, prot, &offset, &inode, path), 5);
    if ((start >= OWN_START && start < META_END) || start >= SPACE_END)
      continue;
    vma = sink_vma_at((void *)start);
    ck_assert_ptr_nonnull(vma);
    ck_assert_uint_eq(vma->start, start);
    ck_assert_uint_eq(vma->size, end - start);
    ck_assert_uint_eq(vma->offset, offset);
    ck_assert_uint_eq(vma->inode, inode);
    ck_assert_uint_eq(vma->flags, (prot[0] == 'r' ? VT_VMA_R : 0) | (prot[1] == 'w' ? VT_VMA_W : 0) |
                                      (prot[2] == 'x' ? VT_VMA_X : 0) | (prot[3] == 's' ? VT_VMA_SHARED : 0));
    ck_assert_str_eq(vma->path, path);
    known++;
  }
  ck_assert_uint_eq(known, sink_vma_count());
}

START_TEST(mappings_as_the_kernel_has_them)
{
  char *p = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  char *many;

  sample();
  assert_mappings();
  mprotect(PAGE_AT(p, 10), 4 * FRAME_SIZE, PROT_READ);
  sample();
  ck_assert_uint_ge(sink_last()->vmas_gone, 1);
  ck_assert_uint_eq(sink_vma_at(PAGE_AT(p, 12))->flags, VT_VMA_R);
  assert_mappings();
  mprotect(PAGE_AT(p, 10), 4 * FRAME_SIZE, PROT_NONE); /* the same range in all but its permissions */
  sample();
  ck_assert_uint_eq(sink_vma_at(PAGE_AT(p, 12))->flags, 0);
  assert_mappings();
  munmap(PAGE_AT(p, 20), 20 * FRAME_SIZE);
  /* More mappings than one read of maps can hold. */
  many = map(2000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
  for (int i = 0; i < 2000; i += 2)
    mprotect(PAGE_AT(many, i), FRAME_SIZE, PROT_NONE);
  sample();
  assert_mappings();
  munmap(many, 2000 * FRAME_SIZE);
  sample();
  assert_mappings();
  sample();
  sample();
  ck_assert_uint_eq(sink_last()->vmas + sink_last()->vmas_gone, 0);
}
END_TEST

START_TEST(own_memory_is_not_reported)
{
  char *own = own_map(16 * FRAME_SIZE);

  memset(own, 1, 16 * FRAME_SIZE);
  sample();
  ck_assert_uint_eq(sink_state(own), 0);
  ck_assert(!sink_any(OWN_START, META_END));
  ck_assert_ptr_null(sink_vma_at(own));
  sample();
}
END_TEST

START_TEST(hidden_numbers)
{
  char *p = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);
  char *zero = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  struct proc_files hidden;
  pid_t child = fork();
  int status;

  if (child == 0) {
    if (getuid() == 0 && (setgid(65534) || setuid(65534)))
      _exit(2);
    prctl(PR_SET_DUMPABLE, 1); /* a process that gave up its privileges may not open its own pagemap otherwise */
    sink_reset();
    if (!proc_files_open(&hidden) || hidden.flags & (VT_SAMPLE_PFN | VT_SAMPLE_FLAGS))
      _exit(3);
    *p = 2;
    files = hidden;
    if (*(volatile char *)zero)
      _exit(7);
    sample();
    if (files.flags & VT_SAMPLE_SCAN && !(sink_state(zero) & VT_PG_ZERO))
      _exit(8);
    if (sink_state(p) & VT_PG_ZERO || !(sink_state(p) & VT_PG_ZERO_KNOWN))
      _exit(9);
    if (sink_pfn(p) || !(sink_state(p) & VT_PG_EXCLUSIVE))
      _exit(4);
    if (sink_state(PAGE_AT(p, 1)) & VT_PG_EXCLUSIVE) /* still shared with the parent */
      _exit(5);
    /* Neighbours in the same state are one record, whatever their frames are. */
    _exit(sink_last()->records < sink_last()->changes / 2 ? 0 : 6);
  }
  waitpid(child, &status, 0);
  ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(values_without_touching)
{
  int *p = (int *)(void *)map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  struct option_watch watch[] = {
      {(uint64_t)(uintptr_t)p, VT_VALUE_INT},
      {(uint64_t)(uintptr_t)p + FRAME_SIZE - 4, VT_VALUE_LONG}, /* across two pages */
      {64, VT_VALUE_INT},                                       /* nothing is there, ever */
  };
  unsigned char core[2];

  values_init(&sampling->values, watch, 3);
  sample();
  ck_assert_uint_eq(sink_value_count(), 0);
  ck_assert_int_eq(mincore(p, 2 * FRAME_SIZE, core), 0);
  ck_assert_int_eq(core[0] | core[1], 0);
  *p = -1;
  sample();
  ck_assert_uint_eq(sink_value_count(), 1);
  ck_assert_uint_eq(sink_value(0), UINT64_C(0xffffffff));
  sample_values(sampling, &files);
  ck_assert_uint_eq(sink_value_count(), 1);
  p[1024] = 7; /* the second page: now the long can be read */
  *p = 5;
  sample_values(sampling, &files);
  ck_assert_uint_eq(sink_value_count(), 3);
  ck_assert_uint_eq(sink_value(1), 5);
  ck_assert_uint_eq(sink_value(2), UINT64_C(7) << 32);
  munmap(p, 2 * FRAME_SIZE);
  sample();
  ck_assert_uint_eq(sink_value_count(), 3);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("frames: samples");
  TCase *tests = unit_case(suite, "all", 60);

  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, touched_pages_and_no_others);
  tcase_add_test(tests, skipped_pages_are_counted);
  tcase_add_test(tests, frame_numbers_as_root);
  tcase_add_test(tests, zero_page_is_told_from_written_ones);
  tcase_add_test(tests, shared_memory_and_files);
  tcase_add_test(tests, pages_that_go);
  tcase_add_test(tests, leaves_that_are_empty_are_used_again);
  tcase_add_test(tests, only_changes_are_reported);
  tcase_add_test(tests, copy_on_write_after_fork);
  tcase_add_test(tests, mappings_as_the_kernel_has_them);
  tcase_add_test(tests, own_memory_is_not_reported);
  tcase_add_test(tests, hidden_numbers);
  tcase_add_test(tests, values_without_touching);
  return unit_main(suite);
}
