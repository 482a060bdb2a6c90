/*
 * From sampler records to verdicts about several processes: frames at
 * different addresses, copy-on-write, families, boots.
 */
#include <check.h>
#include <inttypes.h>
#include <string.h>

#include "pages_document.h"
#include "pages_maker.h"
#include "unit.h"

#define HEAP 0x200000
#define LIBC_A UINT64_C(0x7f1111000000)
#define LIBC_B UINT64_C(0x7f2222000000)
#define RX (VT_VMA_R | VT_VMA_X)
#define RW (VT_VMA_R | VT_VMA_W)

/* A process with libc's text at addr, of one list of frames. */
static void with_library(int pid, uint64_t addr, uint64_t start_ms, uint64_t end_ms)
{
  const uint64_t frames[] = {0x90, 0x40, 0x41, 0x42, 0x80};

  pages_process(pid, start_ms, end_ms);
  pages_sample(start_ms, VT_SAMPLE_PFN);
  pages_vma(addr, 5 * 4096, RX, 77, "/lib/libc.so.6");
  pages_list(addr, STATE_FILE, 5, frames);
}

START_TEST(library_at_random_addresses)
{
  json_t *json, *elsewhere;

  with_library(10, LIBC_A, 0, 1000);
  with_library(11, LIBC_B, 0, 1000);
  json = report();
  ck_assert_int_eq(number(json_object_get(json, "summary"), "shared-file"), 10);
  for (uint64_t i = 0; i < 5; i++) {
    char va[32];

    ck_assert_str_eq(verdict_at(json, LIBC_A + i * 4096), "shared-file");
    ck_assert_str_eq(string(page_at(json, LIBC_B + i * 4096), "evidence"), "frames");
    elsewhere = json_array_get(json_object_get(page_at(json, LIBC_A + i * 4096), "elsewhere"), 0);
    snprintf(va, sizeof va, "0x%" PRIx64, LIBC_B + i * 4096);
    ck_assert_str_eq(string(elsewhere, "with_va"), va);
    ck_assert_int_eq(number(elsewhere, "with_pid"), 11);
  }
  json_decref(json);
}
END_TEST

START_TEST(library_of_the_next_process)
{
  json_t *json;

  with_library(10, LIBC_A, 0, 1000);
  with_library(11, LIBC_B, 1000, 2000);
  json = report();
  ck_assert_int_eq(number(json, "overlap_ns"), 0);
  ck_assert_ptr_null(json_object_get(page_at(json, LIBC_A), "elsewhere"));
  ck_assert_str_eq(string(page_at(json, LIBC_A), "evidence"), "page-flags");
  json_decref(json);
}
END_TEST

/* Part of a run: what stands elsewhere moves along. */
START_TEST(library_from_the_middle)
{
  json_t *json, *elsewhere;
  char va[32];

  with_library(10, LIBC_A, 0, 1000);
  with_library(11, LIBC_B, 0, 1000);
  json = report_range((LIBC_A >> 12) + 2, (LIBC_A >> 12) + 4);
  ck_assert_uint_eq(json_array_size(json_object_get(json, "pages")), 2);
  for (uint64_t i = 2; i < 4; i++) {
    elsewhere = json_array_get(json_object_get(page_at(json, LIBC_A + i * 4096), "elsewhere"), 0);
    snprintf(va, sizeof va, "0x%" PRIx64, LIBC_B + i * 4096);
    ck_assert_str_eq(string(elsewhere, "with_va"), va);
  }
  json_decref(json);
}
END_TEST

/* One process that maps a file twice shares it with nobody; nor do processes of different boots. */
START_TEST(nobody_else_has_the_frame)
{
  for (int other_boot = 0; other_boot < 2; other_boot++) {
    struct trace_maker *m;
    json_t *json;

    with_library(10, LIBC_A, 0, 1000);
    if (!other_boot) {
      pages_vma(LIBC_B, 4096, RX, 77, "/lib/libc.so.6");
      pages_run(LIBC_B, 1, STATE_FILE, 0x41);
    }
    m = pages_process(11, 0, 1000);
    if (other_boot)
      memset(m->header.boot_id, 1, sizeof m->header.boot_id);
    pages_sample(0, VT_SAMPLE_PFN);
    pages_vma(LIBC_B, 4096, RX, 77, "/lib/libc.so.6");
    if (other_boot)
      pages_run(LIBC_B, 1, STATE_FILE, 0x41);
    json = report();
    ck_assert_ptr_null(json_object_get(page_at(json, LIBC_A + 2 * 4096), "elsewhere"));
    ck_assert_str_eq(string(page_at(json, LIBC_A + 2 * 4096), "evidence"), "page-flags");
    json_decref(json);
  }
}
END_TEST

START_TEST(memory_at_different_addresses)
{
  json_t *json;

  for (int i = 0; i < 2; i++) {
    uint64_t addr = i ? LIBC_A : LIBC_B;

    pages_process(10 + i, 0, 1000);
    pages_sample(0, VT_SAMPLE_PFN);
    pages_vma(addr, 4096, RW | VT_VMA_SHARED, 5, "/dev/shm/x");
    pages_run(addr, 1, STATE_FILE, 0x66);
  }
  json = report();
  ck_assert_int_eq(number(json_object_get(json, "summary"), "shared-memory"), 2);
  json_decref(json);
}
END_TEST

START_TEST(copy_on_write)
{
  struct trace_maker *child;
  json_t *json, *page;

  pages_process(10, 0, 1000);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_run(HEAP, 4, STATE_OWN, 0x500);
  pages_sample(200, VT_SAMPLE_PFN);
  pages_run(HEAP, 4, STATE_ANON, 0x500);
  child = pages_process(11, 150, 1000);
  memset(child->header.parent_id, 1, sizeof child->header.parent_id);
  pages_sample(150, VT_SAMPLE_PFN);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_run(HEAP, 4, STATE_ANON, 0x500);
  pages_sample(400, VT_SAMPLE_PFN);
  pages_run(HEAP + 4096, 1, STATE_OWN, 0x900);
  json = report();
  ck_assert_str_eq(verdict_at(json, HEAP), "shared-cow");
  ck_assert_str_eq(verdict_at(json, HEAP + 4096), "private");
  ck_assert_str_eq(verdict_at(json, HEAP + 2 * 4096), "shared-cow");
  page = page_at(json, HEAP + 4096);
  ck_assert_str_eq(string(json_object_get(page, "changed"), "from"), "shared-cow");
  ck_assert_int_eq(number(json_object_get(page, "changed"), "at_ns"), 1400 * (json_int_t)MS);
  ck_assert_uint_eq(json_array_size(json_object_get(page, "frames")), 2);
  ck_assert_uint_eq(json_array_size(json_object_get(page, "earlier")), 2);
  json_decref(json);
}
END_TEST

/* Only bit 56 changes when the child is gone: what was shared is the last that was known of both. */
START_TEST(child_that_ends_first)
{
  struct trace_maker *child;
  json_t *json;

  pages_process(10, 0, 1000);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_run(HEAP, 4, STATE_ANON, 0x500);
  pages_sample(800, VT_SAMPLE_PFN);
  pages_run(HEAP, 4, STATE_OWN, 0x500);
  child = pages_process(11, 0, 610);
  memset(child->header.parent_id, 1, sizeof child->header.parent_id);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_run(HEAP, 4, STATE_ANON, 0x500);
  pages_sample(600, VT_SAMPLE_PFN);
  pages_run(HEAP, 1, STATE_OWN, 0x900);
  json = report();
  ck_assert_str_eq(verdict_at(json, HEAP), "private");
  ck_assert_str_eq(verdict_at(json, HEAP + 4096), "shared-cow");
  ck_assert_ptr_null(json_object_get(page_at(json, HEAP + 4096), "changed"));
  json_decref(json);
}
END_TEST

/* KSM merges a page that both inherited: neither its frame nor its exclusive bit changes. */
START_TEST(merged_in_place)
{
  struct trace_maker *child;
  json_t *json;

  for (int i = 0; i < 2; i++) {
    child = pages_process(10 + i, 0, 1000);
    child->header.origin = i ? VT_ORIGIN_FORK : VT_ORIGIN_IMAGE;
    memset(child->header.parent_id, i, sizeof child->header.parent_id);
    pages_sample(0, VT_SAMPLE_PFN);
    pages_vma(HEAP, 0x200000, RW, 0, "");
    pages_run(HEAP, 2, STATE_ANON, 0x500);
    pages_sample(500, VT_SAMPLE_PFN);
    pages_run(HEAP, 1, STATE_ANON | VT_PG_KSM, 0x500);
  }
  json = report();
  ck_assert_str_eq(verdict_at(json, HEAP), "ksm");
  ck_assert_str_eq(string(json_object_get(page_at(json, HEAP), "changed"), "from"), "shared-cow");
  ck_assert_str_eq(verdict_at(json, HEAP + 4096), "shared-cow");
  json_decref(json);
}
END_TEST

/* The child drops its page, and then the parent has it alone. */
START_TEST(given_up_by_the_child)
{
  struct trace_maker *child;
  json_t *json, *page;

  pages_process(10, 0, 1000);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_run(HEAP, 2, STATE_ANON, 0x500);
  pages_sample(600, VT_SAMPLE_PFN);
  pages_run(HEAP, 1, STATE_OWN, 0x500);
  child = pages_process(11, 0, 1000);
  memset(child->header.parent_id, 1, sizeof child->header.parent_id);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_run(HEAP, 2, STATE_ANON, 0x500);
  pages_sample(600, VT_SAMPLE_PFN);
  pages_run(HEAP, 1, 0, 0);
  json = report();
  page = page_at(json, HEAP);
  ck_assert_str_eq(verdict_at(json, HEAP), "exclusive");
  ck_assert_str_eq(string(json_object_get(page, "changed"), "from"), "shared-cow");
  ck_assert_uint_eq(json_array_size(json_object_get(page, "frames")), 1);
  ck_assert_str_eq(verdict_at(json, HEAP + 4096), "shared-cow");
  json_decref(json);
}
END_TEST

/* pagemap calls the huge zero page a file's. */
START_TEST(huge_zero_page)
{
  json_t *json;

  pages_process(10, 0, 1000);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_run(HEAP, 4, STATE_FILE | VT_PG_HUGE, 0x600);
  json = report();
  ck_assert_str_eq(verdict_at(json, HEAP + 4096), "zero");
  json_decref(json);
}
END_TEST

/* What was executed inherits nothing: neither by its ids nor by its parent's process number. */
START_TEST(exec_in_between)
{
  for (int fresh = 0; fresh < 2; fresh++) {
    json_t *json;

    for (int i = 0; i < 2; i++) {
      struct trace_maker *m = pages_process(10 + i, 0, 1000);

      m->header.origin = fresh ? VT_ORIGIN_IMAGE : VT_ORIGIN_FORK;
      m->header.ppid = 10;
      memset(m->header.parent_id, i, sizeof m->header.parent_id);
      pages_sample(0, VT_SAMPLE_PFN);
      pages_vma(HEAP, 0x200000, RW, 0, "");
      pages_run(HEAP, 1, STATE_ANON, 0x500);
    }
    json = report();
    ck_assert_str_eq(verdict_at(json, HEAP), fresh ? "unknown" : "shared-cow");
    json_decref(json);
  }
}
END_TEST

/* Siblings whose parent was not traced, known by its id; strangers share nothing by fork. */
START_TEST(family)
{
  for (int related = 0; related < 2; related++) {
    json_t *json;

    for (int i = 0; i < 2; i++) {
      struct trace_maker *m = pages_process(10 + i, 0, 1000);

      memset(m->header.parent_id, related ? 9 : 90 + i, sizeof m->header.parent_id);
      pages_sample(0, VT_SAMPLE_PFN);
      pages_vma(HEAP, 0x200000, RW, 0, "");
      pages_run(HEAP, 1, STATE_ANON, 0x500);
    }
    json = report();
    ck_assert_str_eq(verdict_at(json, HEAP), related ? "shared-cow" : "unknown");
    json_decref(json);
  }
}
END_TEST

/* Ten processes, each with its own frame, and one more on another boot. */
START_TEST(ten_processes)
{
  json_t *json;

  for (int i = 0; i < 11; i++) {
    struct trace_maker *m = pages_process(10 + i, (uint64_t)i, 3000 + (uint64_t)i);

    if (i == 10)
      memset(m->header.boot_id, 1, sizeof m->header.boot_id);
    pages_sample(100, VT_SAMPLE_PFN);
    pages_run(HEAP, 1, STATE_OWN, i == 10 ? 0x500 : 0x500 + (uint64_t)i);
  }
  json = report();
  ck_assert_str_eq(verdict_at(json, HEAP), "private");
  ck_assert_uint_eq(json_array_size(json_object_get(page_at(json, HEAP), "frames")), 11);
  ck_assert_int_eq(number(json, "together_ns"), 0);
  ck_assert_int_eq(number(json, "overlap_ns"), 3007 * (json_int_t)MS);
  json_decref(json);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("pages_sharing");
  TCase *tcase = unit_case(suite, "pages_sharing", 60);

  tcase_add_test(tcase, library_at_random_addresses);
  tcase_add_test(tcase, library_of_the_next_process);
  tcase_add_test(tcase, library_from_the_middle);
  tcase_add_test(tcase, nobody_else_has_the_frame);
  tcase_add_test(tcase, memory_at_different_addresses);
  tcase_add_test(tcase, copy_on_write);
  tcase_add_test(tcase, child_that_ends_first);
  tcase_add_test(tcase, merged_in_place);
  tcase_add_test(tcase, given_up_by_the_child);
  tcase_add_test(tcase, huge_zero_page);
  tcase_add_test(tcase, exec_in_between);
  tcase_add_test(tcase, family);
  tcase_add_test(tcase, ten_processes);
  return unit_main(suite);
}
