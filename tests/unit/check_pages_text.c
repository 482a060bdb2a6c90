/*
 * The page report for people, word by word: the output for traces made by hand
 * is compared with the files tests/golden/pages_*.txt (GOLDEN_UPDATE=1 writes them
 * anew; read what changed).  Run from the project's top directory.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "pages_maker.h"
#include "report/pages_report.h"
#include "unit.h"

#define HEAP 0x200000
#define LIBC(i) (UINT64_C(0x7f1111000000) + (uint64_t)(i)*0x1000000)
#define STACK UINT64_C(0x7ffffffde000)
#define RX (VT_VMA_R | VT_VMA_X)
#define RW (VT_VMA_R | VT_VMA_W)

static char *text_of(const struct page_set *set, const struct pages_view *view)
{
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);

  ck_assert_ptr_nonnull(out);
  ck_assert_int_eq(pages_text(out, set, view), 0);
  fclose(out);
  return text;
}

static void expect_golden(const char *name, const struct pages_view *view)
{
  struct page_set *set = pages_made();
  char *text;

  ck_assert_ptr_nonnull(set);
  text = text_of(set, view);
  golden_expect(name, text);
  free(text);
  page_set_free(set);
}

static const struct pages_view everything = {.end = PAGES_EVERYTHING};

/* The textbook's program: one page of heap, a library at a random address, a stack, and a count. */
static void mem(int i, uint64_t start_ms, uint64_t end_ms, bool visible)
{
  const uint64_t pfn = visible ? 0x1000 + (uint64_t)i * 0x1000 : 0;
  struct trace_maker *m = pages_process(24113 + i, start_ms, end_ms);

  strcpy(m->header.cmdline, "./mem");
  m->header.cmdline_len = 6;
  if (!visible)
    m->header.flags &= ~(uint64_t)VT_F_PFN_VISIBLE;
  pages_sample(start_ms, visible ? VT_SAMPLE_PFN : 0);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_vma(LIBC(i), 0x10000, RX, 77, "/lib/x86_64-linux-gnu/libc.so.6");
  pages_vma(STACK, 0x21000, RW, 0, "[stack]");
  pages_run(HEAP, 1, STATE_OWN, pfn);
  pages_run(HEAP + 4096, 3, STATE_OWN, pfn ? pfn + 0x10 : 0);
  pages_run(HEAP + 4 * 4096, 2, STATE_ANON | VT_PG_ZERO, 0);
  pages_run(LIBC(i), 16, STATE_FILE, visible ? 0x99000 : 0);
  pages_run(STACK, 2, STATE_OWN, pfn ? pfn + 0x20 : 0);
  for (uint64_t second = 0; second < 3; second++)
    pages_value(start_ms + second * 1000 + 100, HEAP, VT_VALUE_INT, second);
}

START_TEST(two_side_by_side)
{
  mem(0, 0, 3000, true);
  mem(1, 20, 2980, true);
  expect_golden("pages_two", &everything);
}
END_TEST

START_TEST(all_rows)
{
  const struct pages_view view = {.end = PAGES_EVERYTHING, .all = true};

  mem(0, 0, 3000, true);
  mem(1, 20, 2980, true);
  expect_golden("pages_two_all", &view);
}
END_TEST

START_TEST(numbers_hidden)
{
  mem(0, 0, 3000, false);
  mem(1, 20, 2980, false);
  expect_golden("pages_hidden", &everything);
}
END_TEST

START_TEST(one_after_the_other)
{
  mem(0, 0, 3000, true);
  mem(1, 3500, 6500, true);
  expect_golden("pages_apart", &everything);
}
END_TEST

START_TEST(one_process)
{
  mem(0, 0, 3000, true);
  expect_golden("pages_one", &everything);
}
END_TEST

START_TEST(twelve_processes)
{
  for (int i = 0; i < 12; i++)
    mem(i, (uint64_t)i * 10, 3000, true);
  expect_golden("pages_twelve", &everything);
}
END_TEST

START_TEST(copy_on_write)
{
  struct trace_maker *child;

  pages_process(500, 0, 2000);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_run(HEAP, 8, STATE_OWN, 0x500);
  pages_sample(500, VT_SAMPLE_PFN);
  pages_run(HEAP, 8, STATE_ANON, 0x500);
  child = pages_process(501, 450, 1900);
  memset(child->header.parent_id, 1, sizeof child->header.parent_id);
  pages_sample(450, VT_SAMPLE_PFN);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_vma(LIBC(0), 4096, RW | VT_VMA_SHARED, 0, "/dev/zero (deleted)");
  pages_run(HEAP, 8, STATE_ANON, 0x500);
  pages_sample(800, VT_SAMPLE_PFN);
  pages_run(HEAP + 2 * 4096, 3, STATE_OWN, 0x900);
  pages_run(HEAP + 7 * 4096, 1, VT_PG_SWAPPED, 0);
  expect_golden("pages_cow", &everything);
}
END_TEST

/* Values over a long time, of every type, of a process that starts late and one that ends early. */
START_TEST(long_values)
{
  pages_process(1, 0, 30000);
  pages_sample(0, VT_SAMPLE_PFN);
  for (uint64_t second = 1; second < 30; second++)
    pages_value(second * 1000 + 5, HEAP, VT_VALUE_LONG, second * second);
  pages_process(2, 9000, 14000);
  pages_sample(9000, VT_SAMPLE_PFN);
  pages_value(10000, HEAP, VT_VALUE_DOUBLE, UINT64_C(0x3fb999999999999a)); /* 0.1 */
  pages_value(11000, HEAP, VT_VALUE_PTR, UINT64_C(0x7fffdeadbeef));
  pages_value(12500, HEAP, VT_VALUE_INT, UINT32_MAX);
  pages_value(13000, HEAP, VT_VALUE_UINT, UINT32_MAX);
  expect_golden("pages_values", &everything);
}
END_TEST

START_TEST(colours)
{
  const struct pages_view view = {.end = PAGES_EVERYTHING, .colour = true};
  struct page_set *set;
  char *text;

  mem(0, 0, 3000, true);
  mem(1, 20, 2980, true);
  set = pages_made();
  text = text_of(set, &view);
  ck_assert_ptr_nonnull(strstr(text, "\033[32mprivate: "));
  ck_assert_ptr_nonnull(strstr(text, "frames\033[0m\n"));
  free(text);
  text = text_of(set, &everything);
  ck_assert_ptr_null(strchr(text, '\033'));
  free(text);
  page_set_free(set);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("pages_text");
  TCase *tcase = unit_case(suite, "pages_text", 60);

  tcase_add_test(tcase, two_side_by_side);
  tcase_add_test(tcase, all_rows);
  tcase_add_test(tcase, numbers_hidden);
  tcase_add_test(tcase, one_after_the_other);
  tcase_add_test(tcase, one_process);
  tcase_add_test(tcase, twelve_processes);
  tcase_add_test(tcase, copy_on_write);
  tcase_add_test(tcase, long_values);
  tcase_add_test(tcase, colours);
  return unit_main(suite);
}
