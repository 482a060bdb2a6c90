/*
 * Tests of the reader on whole traces: the header, every kind of record,
 * numbering, packed chunks, lineages, large files.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "capture.h"
#include "reader_assert.h"
#include "trace_maker.h"
#include "unit.h"

static const struct event *next_is(struct reader *r, uint32_t type)
{
  const struct event *e = reader_next(r);

  ck_assert_ptr_nonnull(e);
  ck_assert_uint_eq(e->type, type);
  return e;
}

START_TEST(one_thread)
{
  const char *path = temp_path("one.vmt");
  struct maker_stream *s = maker_program(path);
  struct reader *r;
  const struct event *e;

  maker_alloc(s, 0x200000, 4);
  maker_time(s, 1000000500);
  maker_alloc(s, 0x200010, 100000);
  maker_free(s, 0x200000);
  maker_realloc(s, 0x200010, 0x300000, 200000);
  maker_finish(s->maker);

  r = reader_opened(path);
  ck_assert_str_eq(reader_header(r)->exe, "/usr/bin/example");
  ck_assert_str_eq(reader_path(r), path);
  ck_assert_uint_eq(reader_threads(r), 1);
  ck_assert_str_eq(reader_lineage(r, 0), "0");
  e = next_is(r, VT_R_THREAD);
  ck_assert_uint_eq(e->field[0], VT_NO_THREAD);
  ck_assert_uint_eq(e->field[2], 4711);
  e = next_is(r, VT_R_ALLOC);
  ck_assert_uint_eq(e->field[0], 0x200000);
  ck_assert_uint_eq(e->field[1], 4);
  ck_assert_uint_eq(e->field[2], 16);
  ck_assert_uint_eq(e->fields, 3);
  ck_assert_uint_eq(e->seq, 0);
  ck_assert_uint_eq(e->time_ns, 1000000000);
  e = next_is(r, VT_R_ALLOC);
  ck_assert_uint_eq(e->field[1], 100000);
  ck_assert_uint_eq(e->seq, 1);
  ck_assert_uint_eq(e->time_ns, 1000000500);
  e = next_is(r, VT_R_FREE);
  ck_assert_uint_eq(e->field[0], 0x200000);
  ck_assert_uint_eq(e->fields, 1);
  ck_assert_uint_eq(e->seq, 2);
  e = next_is(r, VT_R_REALLOC);
  ck_assert_uint_eq(e->field[0], 0x200010);
  ck_assert_uint_eq(e->field[1], 0x300000);
  ck_assert_uint_eq(e->field[2], 200000);
  ck_assert_uint_eq(e->seq, 2);
  ck_assert_ptr_null(reader_next(r));
  ck_assert_ptr_null(reader_next(r));
  reader_assert_undamaged(r);
  ck_assert(reader_progress(r) == 1);
  reader_close(r);
}
END_TEST

static const struct {
  uint32_t number;
  const char *op, *names;
} kinds[] = {
#define X(name, number, op, names, kinds, class, traits) {number, op, names},
    VT_RECORDS(X)
#undef X
};

/* Record i of all kinds: field k holds i * 1000 + k, the tail is "tail of i". */
static void make_all_kinds(struct maker_stream *s, unsigned n)
{
  for (unsigned i = 0; i < n; i++) {
    uint64_t fields[VT_FIELDS_MAX];
    unsigned count = 0;
    const char *names = kinds[i].names, *end = names + strlen(names);
    bool tail = end[-1] == '*';
    char text[32];

    for (const char *p = names; p < end; p++)
      count += p == names || p[-1] == ' ';
    for (unsigned k = 0; k < VT_FIELDS_MAX; k++)
      fields[k] = (uint64_t)i * 1000 + k;
    snprintf(text, sizeof text, "tail of %u", i);
    maker_record(s, kinds[i].number, count - tail, fields, text, tail ? strlen(text) : 0);
  }
}

START_TEST(every_kind_of_record)
{
  const unsigned n = sizeof kinds / sizeof *kinds;
  const char *path = temp_path("kinds.vmt");
  struct maker_stream *s = maker_program(path);
  struct reader *r;

  make_all_kinds(s, n);
  maker_finish(s->maker);
  r = reader_opened(path);
  next_is(r, VT_R_THREAD);
  for (unsigned i = 0; i < n; i++) {
    const struct event *e;
    char text[32];

    ck_assert_str_eq(reader_op_name(kinds[i].number), kinds[i].op);
    ck_assert_str_eq(reader_field_names(kinds[i].number), kinds[i].names);
    if (kinds[i].number == VT_R_TIME || kinds[i].number == VT_R_STACK)
      continue;
    e = next_is(r, kinds[i].number);
    for (unsigned k = 0; k < e->fields; k++)
      ck_assert_uint_eq(e->field[k], i * 1000 + k);
    snprintf(text, sizeof text, "tail of %u", i);
    if (strchr(kinds[i].names, '*')) {
      ck_assert_uint_eq(e->tail_len, strlen(text));
      ck_assert_mem_eq(e->tail, text, e->tail_len);
    } else {
      ck_assert_uint_eq(e->tail_len, 0);
    }
  }
  ck_assert_ptr_null(reader_next(r));
  reader_assert_undamaged(r);
  reader_close(r);
}
END_TEST

START_TEST(unknown_record_is_passed_on)
{
  const char *path = temp_path("unknown.vmt");
  struct maker_stream *s = maker_program(path);
  const uint64_t fields[] = {300};
  const struct event *e;
  struct reader *r;

  maker_record(s, 63, 1, fields, "x", 1);
  maker_alloc(s, 0x200000, 1);
  maker_finish(s->maker);
  r = reader_opened(path);
  next_is(r, VT_R_THREAD);
  e = next_is(r, 63);
  ck_assert_uint_eq(e->fields, 0);
  ck_assert_uint_eq(e->tail_len, 3);
  ck_assert_mem_eq(e->tail, "\xac\x02x", 3);
  ck_assert_ptr_null(reader_op_name(63));
  ck_assert_str_eq(reader_field_names(63), "");
  ck_assert_ptr_null(reader_op_name(UINT32_MAX));
  next_is(r, VT_R_ALLOC);
  reader_assert_undamaged(r);
  reader_close(r);
}
END_TEST

/* Numbering, codec and time start anew in each chunk, whatever its size; a tail of the largest size passes. */
START_TEST(many_chunks)
{
  static uint8_t tail[VT_TAIL_MAX];
  const bool packed = _i;
  const char *path = temp_path("chunks.vmt");
  struct trace_maker *m = maker_new(path);
  struct maker_stream *s = maker_stream(m, VT_NO_THREAD, 0, VT_ROLE_PROGRAM);
  struct reader *r;
  const uint64_t n = 300000;
  uint64_t time = 1000000000;

  m->packed = packed;
  for (uint64_t i = 0; i < n; i++) {
    s->chunk_size = 16384u << (i / 45000);
    if (i % 10 == 0)
      maker_time(s, time += 77);
    maker_alloc(s, 0x200000 + i % 777 * 16, i % 5000);
    if (i % 50000 == 49999)
      maker_record(s, VT_R_MARK, 0, NULL, memset(tail, (int)(i % 251), sizeof tail), sizeof tail);
  }
  maker_finish(m);

  r = reader_opened(path);
  next_is(r, VT_R_THREAD);
  time = 1000000000;
  for (uint64_t i = 0; i < n; i++) {
    const struct event *e = next_is(r, VT_R_ALLOC);

    time += i % 10 == 0 ? 77 : 0;
    ck_assert_uint_eq(e->field[0], 0x200000 + i % 777 * 16);
    ck_assert_uint_eq(e->field[1], i % 5000);
    ck_assert_uint_eq(e->seq, i);
    ck_assert_uint_eq(e->time_ns, time);
    if (i % 50000 == 49999) {
      e = next_is(r, VT_R_MARK);
      ck_assert_uint_eq(e->tail_len, sizeof tail);
      ck_assert_uint_eq(e->tail[VT_TAIL_MAX - 1], i % 251);
    }
  }
  ck_assert_ptr_null(reader_next(r));
  reader_assert_undamaged(r);
  reader_close(r);
}
END_TEST

/* Long records at all positions within one large chunk, in a few streams or in so many that windows are small. */
START_TEST(long_records)
{
  static uint8_t tail[VT_TAIL_MAX];
  const unsigned streams = _i / 2 ? 100 : 1;
  const char *path = temp_path("tails.vmt");
  struct trace_maker *m = maker_new(path);
  struct reader *r;
  const struct event *e;
  unsigned n = 0;

  m->packed = _i % 2;
  for (unsigned i = 0; i < streams; i++) {
    struct maker_stream *s = maker_bare(m, i);

    s->chunk_size = VT_CHUNK_MAX;
    MAKE(s, THREAD, VT_NO_THREAD, 0, 1, VT_ROLE_PROGRAM);
    for (unsigned k = 0; i == streams - 1 && k < 200; k++) {
      maker_record(s, VT_R_MARK, 0, NULL, memset(tail, (int)k, sizeof tail), VT_TAIL_MAX - k * 17);
      maker_alloc(s, 0x200000 + k * 16, k);
    }
    maker_end_chunk(s);
  }
  maker_finish(m);
  r = reader_opened(path);
  while ((e = reader_next(r))) {
    if (e->type == VT_R_MARK) {
      ck_assert_uint_eq(e->tail_len, VT_TAIL_MAX - n * 17);
      ck_assert_uint_eq(e->tail[0], n % 256);
      ck_assert_uint_eq(e->tail[e->tail_len - 1], n % 256);
    } else if (e->type == VT_R_ALLOC) {
      ck_assert_uint_eq(e->field[1], n++);
    }
  }
  ck_assert_uint_eq(n, 200);
  reader_assert_undamaged(r);
  reader_close(r);
}
END_TEST

START_TEST(chunks_in_any_order)
{
  const char *path = temp_path("anyorder.vmt");
  struct maker_stream *s = maker_program(path);
  struct reader *r;
  static const uint32_t numbers[] = {0, 3, 1, 4, 2, 3};

  /* The second chunk 3 is a copy that a kill left unfinished: the first in the file counts. */
  for (unsigned i = 0; i < 6; i++) {
    s->allocs = numbers[i];
    maker_alloc(s, 0x200000 + numbers[i] * 16, i == 5 ? 99 : 8);
    s->chunk.number = numbers[i];
    maker_end_chunk(s);
    maker_gap(s->maker, i * 4096);
  }
  maker_finish(s->maker);
  r = reader_opened(path);
  next_is(r, VT_R_THREAD);
  for (unsigned i = 0; i < 5; i++) {
    const struct event *e = next_is(r, VT_R_ALLOC);

    ck_assert_uint_eq(e->seq, i);
    ck_assert_uint_eq(e->field[0], 0x200000 + i * 16);
    ck_assert_uint_eq(e->field[1], 8);
  }
  ck_assert_ptr_null(reader_next(r));
  reader_assert_undamaged(r);
  reader_close(r);
}
END_TEST

START_TEST(lost_events_of_a_chunk)
{
  const char *path = temp_path("lost.vmt");
  struct maker_stream *s = maker_program(path);
  const struct event *e;
  struct reader *r;

  maker_end_chunk(s);
  s->lost = 12;
  maker_alloc(s, 0x200000, 1);
  maker_finish(s->maker);
  r = reader_opened(path);
  next_is(r, VT_R_THREAD);
  e = next_is(r, VT_R_LOSS);
  ck_assert_uint_eq(e->field[0], VT_LOSS_NONE);
  ck_assert_uint_eq(e->field[1], 12);
  next_is(r, VT_R_ALLOC);
  reader_close(r);
}
END_TEST

START_TEST(lineages)
{
  const char *path = temp_path("lineage.vmt");
  struct trace_maker *m = maker_new(path);
  static const struct {
    uint32_t parent, ordinal;
    enum vt_role role;
    const char *lineage;
  } threads[] = {
      {VT_NO_THREAD, 0, VT_ROLE_PROGRAM, "0"},
      {VT_NO_THREAD, 0, VT_ROLE_SAMPLER, "sampler"},
      {0, 1, VT_ROLE_PROGRAM, "0.1"},
      {0, 2, VT_ROLE_PROGRAM, "0.2"},
      {2, 1, VT_ROLE_PROGRAM, "0.1.1"},
      {2, 2, VT_ROLE_PROGRAM, "0.1.2"},
      {VT_NO_THREAD, 0, VT_ROLE_ADOPTED, "?6"},
      {6, 3, VT_ROLE_PROGRAM, "?6.3"},
      {9, 1, VT_ROLE_PROGRAM, "?8"},
      {8, 1, VT_ROLE_PROGRAM, "?8.1"},
      {77, 1, VT_ROLE_PROGRAM, "?10"},
  };
  struct reader *r;

  for (unsigned i = 0; i < sizeof threads / sizeof *threads; i++)
    maker_stream(m, threads[i].parent, threads[i].ordinal, threads[i].role);
  maker_alloc(maker_bare(m, 4000000000), 0x200000, 1); /* no first record, and a number far away */
  maker_finish(m);
  r = reader_opened(path);
  for (unsigned i = 0; i < sizeof threads / sizeof *threads; i++)
    ck_assert_str_eq(reader_lineage(r, i), threads[i].lineage);
  ck_assert_str_eq(reader_lineage(r, 4000000000), "?4000000000");
  ck_assert_str_eq(reader_lineage(r, 4000000001), "?");
  ck_assert_uint_eq(reader_threads(r), 11);
  reader_close(r);
}
END_TEST

/* A chain of threads that each create the next: neither deep recursion nor names of megabytes. */
START_TEST(long_chain_of_threads)
{
  const char *path = temp_path("chain.vmt");
  struct trace_maker *m = maker_new(path);
  struct reader *r;

  for (unsigned i = 0; i < MAKER_STREAMS; i++) {
    struct maker_stream *s = maker_bare(m, i);

    s->chunk_size = 4096;
    MAKE(s, THREAD, i ? i - 1 : VT_NO_THREAD, 1000000000, i, VT_ROLE_PROGRAM);
    maker_end_chunk(s);
  }
  maker_finish(m);
  r = reader_opened(path);
  ck_assert_uint_eq(reader_threads(r), MAKER_STREAMS);
  ck_assert_uint_eq(strlen(reader_lineage(r, 100)), 1 + 100 * 11);
  ck_assert_uint_lt(strlen(reader_lineage(r, MAKER_STREAMS - 1)), 4200);
  reader_close(r);
}
END_TEST

START_TEST(samples_only)
{
  const char *path = temp_path("samples.vmt");
  const struct maker_shape shape = {.seed = 3, .threads = 4, .events = 20000, .grain = 16, .sampler = true};
  struct reader *r;
  const struct event *e;
  unsigned samples = 0;

  maker_random(path, &shape);
  r = reader_open(path, READER_SAMPLES);
  ck_assert_ptr_nonnull(r);
  while ((e = reader_next(r))) {
    ck_assert_str_eq(reader_lineage(r, e->thread), "sampler");
    samples += e->type == VT_R_SAMPLE;
  }
  ck_assert_uint_eq(samples, 20);
  ck_assert(reader_progress(r) == 1);
  reader_close(r);
}
END_TEST

START_TEST(beyond_four_gigabytes)
{
  const char *path = temp_path("sparse.vmt");
  struct maker_stream *s = maker_program(path);
  struct reader *r;

  maker_end_chunk(s);
  maker_gap(s->maker, UINT64_C(9) << 30);
  maker_alloc(s, 0x200000, 1);
  maker_finish(s->maker);
  r = reader_opened(path);
  next_is(r, VT_R_THREAD);
  next_is(r, VT_R_ALLOC);
  ck_assert_ptr_null(reader_next(r));
  reader_assert_undamaged(r);
  reader_close(r);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("reader");
  TCase *tcase = unit_case(suite, "whole traces", 120);

  temp_path("");
  tcase_add_test(tcase, one_thread);
  tcase_add_test(tcase, every_kind_of_record);
  tcase_add_test(tcase, unknown_record_is_passed_on);
  tcase_add_loop_test(tcase, many_chunks, 0, 2);
  tcase_add_loop_test(tcase, long_records, 0, 4);
  tcase_add_test(tcase, chunks_in_any_order);
  tcase_add_test(tcase, lost_events_of_a_chunk);
  tcase_add_test(tcase, lineages);
  tcase_add_test(tcase, long_chain_of_threads);
  tcase_add_test(tcase, samples_only);
  tcase_add_test(tcase, beyond_four_gigabytes);
  return unit_main(suite);
}
