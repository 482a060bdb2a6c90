/*
 * What `vmtrace info` says about call stacks, and what the reports say about
 * marks, for traces whose content is known to the last event.
 */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "reader_assert.h"
#include "report/info_report.h"
#include "report/pages_report.h"
#include "trace_maker.h"
#include "track/pages/process_picture.h"
#include "tracked.h"
#include "unit.h"

#define A UINT64_C(0x200000)
#define CODE UINT64_C(0x555500000000)

static struct digest digest_of(const char *path)
{
  return digest_made(reader_opened(path));
}

static void done(struct digest *d)
{
  struct reader *r = (struct reader *)d->reader;

  tracker_digest.release(d);
  reader_close(r);
}

static void make_nodes(struct maker_stream *s, uint32_t first, uint32_t count, uint32_t root)
{
  for (uint32_t i = 0; i < count; i++)
    MAKE(s, STACK_NODE, first + i, i ? first + i - 1 : root, CODE + i);
}

static void make_allocs(struct maker_stream *s, unsigned count, uint32_t stack)
{
  for (unsigned i = 0; i < count; i++) {
    maker_alloc_stack(s, A, 10, stack);
    maker_free(s, A);
  }
}

START_TEST(stacks_are_counted_by_event)
{
  const char *path = temp_path("stacks.vmt");
  struct maker_stream *s = maker_program(path);
  struct maker_stream *other = maker_stream(s->maker, 0, 1, VT_ROLE_PROGRAM);
  struct digest d;

  make_nodes(s, 16, 10, VT_STACK_COMPLETE); /* 16 to 25, up to 10 frames */
  make_nodes(s, 30, 64, VT_STACK_LIMIT);
  make_nodes(s, 100, 3, VT_STACK_BROKEN);
  make_allocs(s, 7, 25);  /* 10 frames */
  make_allocs(s, 2, 18);  /* 3 */
  make_allocs(s, 5, 93);  /* 64, the limit */
  make_allocs(s, 1, 102); /* 3, broken */
  make_allocs(s, 4, 0);   /* none */
  make_allocs(s, 1, 201); /* 2, defined later, in another stream */
  MAKE(s, STACK, 18);
  MAKE(s, MMAP, 0x10000000, 4096, 3, 34, UINT32_MAX, 0);
  MAKE(s, MUNMAP, 0x10000000, 4096);
  maker_time(other, 2000000000);
  make_nodes(other, 200, 2, VT_STACK_COMPLETE);
  maker_finish(s->maker);
  d = digest_of(path);
  ck_assert_uint_eq(d.stacks.events, 7 + 2 + 5 + 1 + 1 + 2);
  ck_assert_uint_eq(d.stacks.without, 4);
  ck_assert_uint_eq(d.stacks.distinct, 5);
  ck_assert_uint_eq(d.stacks.ended[VT_STACK_COMPLETE], 7 + 2 + 1 + 2);
  ck_assert_uint_eq(d.stacks.ended[VT_STACK_LIMIT], 5);
  ck_assert_uint_eq(d.stacks.ended[VT_STACK_BROKEN], 1);
  ck_assert_uint_eq(d.stacks.depth_max, 64);
  ck_assert_uint_eq(d.stacks.depth_median, 10); /* 2 3 3 3 3 3 | 10 ... */
  done(&d);
}
END_TEST

/* A circle of parents, an id that nobody defined, one that no trace can have, and a walk without any frame. */
START_TEST(impossible_stacks_are_broken)
{
  const char *path = temp_path("impossible.vmt");
  struct maker_stream *s = maker_program(path);
  struct digest d;

  MAKE(s, STACK_NODE, 16, 18, CODE);
  MAKE(s, STACK_NODE, 17, 16, CODE);
  MAKE(s, STACK_NODE, 18, 17, CODE);
  MAKE(s, STACK_NODE, 19, 18, CODE);
  MAKE(s, STACK_NODE, 20, 99, CODE);
  MAKE(s, STACK_NODE, 3, 1, CODE);
  MAKE(s, STACK_NODE, UINT64_MAX, 1, CODE);
  make_allocs(s, 1, 16);
  make_allocs(s, 1, 19);
  make_allocs(s, 1, 20);
  make_allocs(s, 1, 77);
  make_allocs(s, 1, UINT32_MAX);
  make_allocs(s, 1, VT_STACK_BROKEN);
  make_allocs(s, 1, VT_STACK_COMPLETE);
  maker_finish(s->maker);
  d = digest_of(path);
  ck_assert_uint_eq(d.stacks.events, 7);
  ck_assert_uint_eq(d.stacks.ended[VT_STACK_BROKEN], 6);
  ck_assert_uint_eq(d.stacks.ended[VT_STACK_COMPLETE], 1);
  ck_assert_uint_eq(d.stacks.depth_max, 3); /* 19, 18 and 17: the circle is cut where it was entered */
  done(&d);
}
END_TEST

static char *info_of(const char *path)
{
  struct digest d = digest_of(path);
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream(&text, &size);

  info_text(f, &d);
  fclose(f);
  done(&d);
  return text;
}

START_TEST(info_tells_of_stacks)
{
  const char *path = temp_path("info.vmt");
  struct maker_stream *s = maker_program(path);
  struct digest d;
  json_t *o, *ended;
  char *text;

  make_nodes(s, 16, 2, VT_STACK_COMPLETE);
  MAKE(s, STACK_NODE, 40, 9, CODE); /* a walk that ended in a way that this version does not know */
  make_allocs(s, 3, 17);
  make_allocs(s, 1, 40);
  maker_finish(s->maker);
  d = digest_of(path);
  o = digest_json(&d);
  done(&d);
  ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(o, "stacks"), "events")), 4);
  ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(o, "stacks"), "depth_max")), 2);
  ended = json_object_get(json_object_get(o, "stacks"), "ended");
  ck_assert_int_eq(json_integer_value(json_object_get(ended, "complete")), 3);
  ck_assert_int_eq(json_integer_value(json_object_get(ended, "9")), 1);
  json_decref(o);
  text = info_of(path);
  ck_assert_ptr_nonnull(strstr(text, "4 events have one of 2; 2 frames in the median, 2 at most\n"));
  ck_assert_ptr_nonnull(strstr(text, "3: at the thread's first function\n"));
  ck_assert_ptr_nonnull(strstr(text, "1: for an unknown reason\n"));
  free(text);
}
END_TEST

/* Marks of two threads, in the order of time; more than the text shows. */
static const char *make_marks(const char *name, unsigned more)
{
  const char *path = temp_path(name);
  struct maker_stream *s = maker_program(path);
  struct maker_stream *other = maker_stream(s->maker, 0, 1, VT_ROLE_PROGRAM);

  maker_time(s, 1100000000);
  maker_record(s, VT_R_MARK, 0, NULL, "one", 3);
  maker_time(other, 1200000000);
  maker_record(other, VT_R_MARK, 0, NULL, "t\033wo\xff", 5);
  maker_time(s, 1300000000);
  maker_record(s, VT_R_MARK, 0, NULL, "", 0);
  for (unsigned i = 0; i < more; i++)
    maker_record(s, VT_R_MARK, 0, NULL, "again", 5);
  make_allocs(s, 10, 0);
  maker_finish(s->maker);
  return path;
}

START_TEST(info_tells_of_marks)
{
  char *text = info_of(make_marks("marks.vmt", 0));

  ck_assert_ptr_nonnull(
      strstr(text, "marks         one, after 100 ms\n              t?wo\xef\xbf\xbd, after 200 ms\n"));
  ck_assert_ptr_null(strstr(text, " more\n"));
  free(text);
  text = info_of(make_marks("more.vmt", 1000));
  ck_assert_ptr_nonnull(strstr(text, "again, after 300 ms\n              and 983 more\n"));
  free(text);
}
END_TEST

static char *pages_of(const char *path, int (*report)(FILE *, const struct page_set *, const struct pages_view *))
{
  const struct pages_view view = {.end = PAGES_EVERYTHING};
  struct picture **pictures = calloc(1, sizeof *pictures);
  struct page_set *set;
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream(&text, &size);

  pictures[0] = picture_made(path);
  set = page_set_new(pictures, 1);
  ck_assert_ptr_nonnull(set);
  ck_assert_int_eq(report(f, set, &view), 0);
  fclose(f);
  page_set_free(set);
  return text;
}

START_TEST(pages_tell_of_marks)
{
  const char *path = make_marks("pages.vmt", 30);
  char *text = pages_of(path, pages_text);
  json_t *o, *marks;

  ck_assert_ptr_nonnull(strstr(text, "  4711            100 ms  one\n  4711            200 ms  t?wo\xef\xbf\xbd\n"));
  ck_assert_ptr_nonnull(strstr(text, "  4711      and 13 more\n"));
  free(text);
  text = pages_of(path, pages_json);
  o = json_loads(text, 0, NULL);
  marks = json_object_get(json_array_get(json_object_get(o, "processes"), 0), "marks");
  ck_assert_uint_eq(json_array_size(marks), 33);
  ck_assert_str_eq(json_string_value(json_object_get(json_array_get(marks, 0), "name")), "one");
  ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(marks, 1), "time_ns")), 1200000000);
  json_decref(o);
  free(text);
}
END_TEST

/* Files of before have the first two fields of a HEAP_ERROR: the others read as 0. */
START_TEST(heap_errors_old_and_new)
{
  const char *path = temp_path("errors.vmt");
  struct maker_stream *s = maker_program(path);
  struct digest d;

  make_nodes(s, 16, 3, VT_STACK_COMPLETE);
  MAKE(s, HEAP_ERROR, VT_HEAP_INTERIOR_FREE, A + 16);
  MAKE(s, HEAP_ERROR, VT_HEAP_DOUBLE_FREE, A, A, 16, 17, 18);
  maker_alloc(s, A, 10);
  maker_finish(s->maker);
  d = digest_of(path);
  ck_assert_uint_eq(d.damage->bad_records, 0);
  ck_assert_uint_eq(d.count[VT_R_ALLOC], 1);
  ck_assert_uint_eq(d.errors->count, 2);
  ck_assert_uint_eq(d.errors->error[0].addr, A + 16);
  ck_assert_uint_eq(d.errors->error[0].block, 0);
  ck_assert_uint_eq(d.errors->error[0].stack, 0);
  ck_assert_uint_eq(d.errors->error[1].block, A);
  ck_assert_uint_eq(d.errors->error[1].stack, 16);
  ck_assert_uint_eq(d.errors->error[1].alloc_stack, 17);
  ck_assert_uint_eq(d.errors->error[1].free_stack, 18);
  done(&d);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("digest");
  TCase *tests = unit_case(suite, "digest", 60);

  tcase_add_test(tests, stacks_are_counted_by_event);
  tcase_add_test(tests, impossible_stacks_are_broken);
  tcase_add_test(tests, info_tells_of_stacks);
  tcase_add_test(tests, info_tells_of_marks);
  tcase_add_test(tests, pages_tell_of_marks);
  tcase_add_test(tests, heap_errors_old_and_new);
  return unit_main(suite);
}
