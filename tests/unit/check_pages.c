/*
 * From sampler records to the JSON report: its schema, histories, mappings,
 * times, damage.
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

START_TEST(schema)
{
  json_t *json, *process, *frame;

  pages_process(10, 0, 3000);
  pages_sample(100, VT_SAMPLE_PFN);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_run(HEAP, 2, STATE_OWN, 0x500);
  pages_value(100, HEAP, VT_VALUE_INT, 0);
  pages_value(1100, HEAP, VT_VALUE_INT, (uint32_t)-1);
  pages_process(11, 500, 2500);
  pages_sample(600, VT_SAMPLE_PFN);
  pages_vma(HEAP, 0x200000, RW, 0, "");
  pages_run(HEAP, 1, STATE_OWN, 0x700);
  json = report();

  ck_assert_uint_eq(json_array_size(json_object_get(json, "processes")), 2);
  process = json_array_get(json_object_get(json, "processes"), 0);
  ck_assert_int_eq(number(process, "pid"), 10);
  ck_assert_str_eq(string(process, "exe"), "/usr/bin/example");
  ck_assert_int_eq(number(process, "start_ns"), 1000 * (json_int_t)MS);
  ck_assert_int_eq(number(process, "end_ns"), 4000 * (json_int_t)MS);
  ck_assert(json_is_true(json_object_get(process, "pfn_visible")));
  ck_assert_int_eq(number(json, "overlap_ns"), 2000 * (json_int_t)MS);
  ck_assert_int_eq(number(json_object_get(json, "summary"), "private"), 1);
  ck_assert_int_eq(number(json_object_get(json, "summary"), "exclusive"), 1);
  ck_assert_uint_eq(json_object_size(json_object_get(json, "summary")), 2);
  ck_assert_uint_eq(json_array_size(json_object_get(json, "pages")), 2);
  ck_assert_str_eq(verdict_at(json, HEAP), "private");
  frame = json_array_get(json_object_get(page_at(json, HEAP), "frames"), 1);
  ck_assert_int_eq(number(frame, "pid"), 11);
  ck_assert_str_eq(string(frame, "pfn"), "0x700");
  ck_assert_int_eq(number(frame, "first_ns"), 1600 * (json_int_t)MS);
  ck_assert_int_eq(number(frame, "last_ns"), 3500 * (json_int_t)MS);
  frame = json_array_get(json_object_get(page_at(json, HEAP + 4096), "frames"), 0);
  ck_assert_str_eq(string(frame, "pfn"), "0x501");
  frame = json_array_get(json_object_get(json, "values"), 0);
  ck_assert_str_eq(string(frame, "va"), "0x200000");
  frame = json_array_get(json_object_get(frame, "series"), 0);
  frame = json_array_get(json_object_get(frame, "points"), 1);
  ck_assert_int_eq(number(frame, "value"), -1);
  json_decref(json);
}
END_TEST

START_TEST(range_of_addresses)
{
  json_t *json;

  pages_process(10, 0, 1000);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_run(HEAP, 100, STATE_OWN, 0x500);
  json = report_range((HEAP >> 12) + 5, (HEAP >> 12) + 7);
  ck_assert_uint_eq(json_array_size(json_object_get(json, "pages")), 2);
  ck_assert_str_eq(string(json_array_get(json_object_get(page_at(json, HEAP + 5 * 4096), "frames"), 0), "pfn"),
                   "0x505");
  ck_assert_int_eq(number(json_object_get(json, "summary"), "exclusive"), 2);
  json_decref(json);
}
END_TEST

START_TEST(pages_that_go_and_come)
{
  json_t *json, *page;

  pages_process(10, 0, 1000);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_run(HEAP, 3, STATE_OWN, 0x500);
  pages_sample(100, VT_SAMPLE_PFN | VT_SAMPLE_PARTIAL);
  pages_sample(200, VT_SAMPLE_PFN);
  pages_run(HEAP + 4096, 1, 0, 0);
  pages_sample(300, VT_SAMPLE_PFN);
  pages_run(HEAP + 4096, 1, STATE_OWN, 0x501);
  json = report();
  page = page_at(json, HEAP + 4096);
  ck_assert_uint_eq(json_array_size(json_object_get(page, "earlier")), 1);
  page = json_array_get(json_object_get(page, "earlier"), 0);
  ck_assert_int_eq(number(page, "first_ns"), 1000 * (json_int_t)MS);
  ck_assert_int_eq(number(page, "last_ns"), 1000 * (json_int_t)MS); /* the sample at 100 did not look everywhere */
  ck_assert_ptr_null(json_object_get(page_at(json, HEAP), "earlier"));
  json_decref(json);
}
END_TEST

/* Another mapping in the same place: the page keeps the one that it was in. */
START_TEST(mappings_change)
{
  json_t *json;

  for (int i = 0; i < 2; i++) {
    pages_process(10 + i, 0, 1000);
    pages_sample(0, VT_SAMPLE_PFN);
    pages_vma(LIBC_A, 8192, RW | VT_VMA_SHARED, 0, "");
    pages_run(LIBC_A, 1, STATE_FILE, 0x500);
    pages_sample(500, VT_SAMPLE_PFN);
    pages_run(LIBC_A, 1, 0, 0);
    pages_vma_gone(LIBC_A, 8192);
    pages_sample(600, VT_SAMPLE_PFN);
    pages_vma(LIBC_A + 4096, 4096, RX, 5, "/lib/x");
    pages_run(LIBC_A + 4096, 1, STATE_FILE, 0x600);
  }
  json = report();
  ck_assert_str_eq(verdict_at(json, LIBC_A), "shared-memory");
  ck_assert_str_eq(verdict_at(json, LIBC_A + 4096), "shared-file");
  json_decref(json);
}
END_TEST

/* Mappings and pages are not looked at in the same instant: the mapping may be known to be gone before the page is. */
START_TEST(mapping_goes_first)
{
  json_t *json;

  pages_process(10, 0, 1000);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_vma(LIBC_A, 4096, RX, 5, "/lib/x");
  pages_run(LIBC_A, 1, STATE_FILE, 0x500);
  pages_sample(100, VT_SAMPLE_PFN);
  pages_vma_gone(LIBC_A, 4096);
  pages_sample(200, VT_SAMPLE_PFN);
  pages_run(LIBC_A, 1, 0, 0);
  json = report();
  ck_assert_str_eq(string(page_at(json, LIBC_A), "what"), "x");
  ck_assert_str_eq(verdict_at(json, LIBC_A), "shared-file");
  json_decref(json);
}
END_TEST

/* Tracing that stopped early says nothing about what came after. */
START_TEST(stopped_tracing)
{
  struct trace_maker *m = pages_process(10, 0, 1000);
  json_t *json;

  m->header.stop_reason = VT_LOSS_DISK_FULL;
  m->header.stop_ns = 1200 * MS;
  pages_sample(0, VT_SAMPLE_PFN);
  pages_run(HEAP, 1, STATE_OWN, 0x500);
  pages_process(11, 0, 1000);
  pages_sample(300, VT_SAMPLE_PFN);
  pages_run(HEAP, 1, STATE_OWN, 0x600);
  json = report();
  ck_assert_str_eq(verdict_at(json, HEAP), "exclusive");
  json_decref(json);
}
END_TEST

/* Killed: no end in the header; it lived until the sampler's last sign of life. */
START_TEST(killed)
{
  struct trace_maker *m = pages_process(10, 0, 0);
  json_t *json;

  m->header.end_ns = 0;
  m->header.ended = VT_ENDED_UNKNOWN;
  m->header.last_ns = 3900 * MS;
  pages_sample(0, 0);
  pages_run(HEAP, 1, STATE_OWN, 0);
  json = report();
  ck_assert_int_eq(number(json_array_get(json_object_get(json, "processes"), 0), "end_ns"), 3900 * (json_int_t)MS);
  json_decref(json);
}
END_TEST

START_TEST(impossible_records)
{
  json_t *json;
  const uint64_t frames[] = {1, 2, 3};

  pages_process(10, 0, 1000);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_run(HEAP, UINT64_MAX, STATE_OWN, 1);
  pages_run(HEAP + 1, 1, STATE_OWN, 1);
  pages_run(UINT64_MAX << 12, 1, STATE_OWN, 1);
  pages_run(HEAP, 1, STATE_OWN, UINT64_MAX);
  pages_run(HEAP, 1, 1 << 20, 1);
  pages_run(HEAP, 0, STATE_OWN, 1);
  pages_list(HEAP | 1, STATE_OWN, 3, frames);
  pages_bytes(HEAP + 4096, STATE_OWN, 3, "\x02\x80\x80", 3); /* one frame, then a number that does not end */
  pages_vma(UINT64_MAX - 4095, UINT64_MAX, RW, 0, "x");
  pages_vma(0, UINT64_C(1) << 46, RW, 0, "\"\\\n\xff\xc3\xa9");
  pages_value(0, HEAP, VT_VALUE_TYPES, 1);
  pages_value(0, HEAP, VT_VALUE_DOUBLE, UINT64_C(0x7ff8000000000000)); /* not a number */
  pages_run(HEAP, 1, STATE_OWN, 9);
  json = report();
  ck_assert_int_eq(number(json_array_get(json_object_get(json, "processes"), 0), "refused_records"), 10);
  ck_assert_uint_eq(json_array_size(json_object_get(json, "pages")), 2);
  ck_assert_str_eq(string(page_at(json, HEAP), "what"), "\"\\?\xef\xbf\xbd\xc3\xa9");
  json_decref(json);
}
END_TEST

/* A run that is longer than all that the process had, by the sample's own count, is damage. */
START_TEST(runs_beyond_the_count)
{
  json_t *json;

  pages_process(10, 0, 1000);
  pages_sample(0, VT_SAMPLE_PFN);
  pages_run(HEAP, 1, STATE_OWN, 0x500);
  pages_run(LIBC_A, 65537, STATE_FILE, 0);
  pages_sample_end(65536);
  pages_sample(100, VT_SAMPLE_PFN);
  pages_run(LIBC_B, 65537, STATE_FILE, 0);
  pages_sample_end(65537);
  pages_sample(200, VT_SAMPLE_PFN);
  pages_run(LIBC_B, 100, STATE_OWN, 0x600);
  pages_run(LIBC_A, 65537, STATE_FILE, 0); /* of a sample that was cut off */
  json = report();
  ck_assert_str_eq(verdict_at(json, HEAP), "exclusive");
  ck_assert_str_eq(verdict_at(json, LIBC_A), "none");
  ck_assert_str_eq(verdict_at(json, LIBC_B), "exclusive");
  ck_assert_int_eq(number(json, "total_pages"), 65538);
  json_decref(json);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("pages");
  TCase *tcase = unit_case(suite, "pages", 60);

  tcase_add_test(tcase, schema);
  tcase_add_test(tcase, range_of_addresses);
  tcase_add_test(tcase, pages_that_go_and_come);
  tcase_add_test(tcase, mappings_change);
  tcase_add_test(tcase, mapping_goes_first);
  tcase_add_test(tcase, stopped_tracing);
  tcase_add_test(tcase, killed);
  tcase_add_test(tcase, impossible_records);
  tcase_add_test(tcase, runs_beyond_the_count);
  return unit_main(suite);
}
