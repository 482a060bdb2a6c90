/*
 * Tests of packing: what comes out is what went in, event by event; what is
 * damaged is refused or found out; spans of time are read without the rest.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "must.h"
#include "pack/columns.h"
#include "pack/pack_check.h"
#include "pack/pack_file.h"
#include "reader/reader.h"
#include "trace_maker.h"
#include "trace_shape.h"
#include "unit.h"

static void no_step(void *arg, double done)
{
  (void)arg;
  (void)done;
}

static off_t size_of(const char *path)
{
  struct stat st;

  ck_assert_int_eq(stat(path, &st), 0);
  return st.st_size;
}

static enum pack_file_result pack(const char *path, const char *packed)
{
  int trace = open(path, O_RDONLY), fd = open(packed, O_RDWR | O_CREAT | O_TRUNC, 0644);
  enum pack_file_result result;

  ck_assert_int_ge(trace, 0);
  ck_assert_int_ge(fd, 0);
  result = pack_file(trace, path, fd, packed, 3, no_step, NULL);
  close(fd);
  close(trace);
  return result;
}

/* Whether the packed file holds the same. */
static bool holds_same(const char *path, const char *packed, bool threaded)
{
  struct pack_check *check;
  struct trace_file file;
  int trace = open(path, O_RDONLY);
  bool same;

  ck_assert_int_eq(trace_file_open(&file, packed), 0);
  check = pack_check_new(trace, path, file.fd, threaded);
  ck_assert_ptr_nonnull(check);
  close(trace);
  for (size_t i = 0; i < file.chunk_count; i++)
    pack_check_add(check, &file.chunks[i]);
  same = pack_check_finish(check);
  trace_file_close(&file);
  return same;
}

/* Packs it; both must hold the same. */
static const char *packed_same(const char *path)
{
  const char *packed = temp_path("packed.vmt");

  ck_assert_int_eq(pack(path, packed), PACK_FILE_DONE);
  ck_assert(holds_same(path, packed, false));
  return packed;
}

START_TEST(programs)
{
  const struct shape *shape = &shapes[_i];
  const char *path = shape_trace(shape), *packed = packed_same(path);

  if (shape->events && !shape->wild && shape->streams < 10)
    ck_assert_int_lt(size_of(packed), size_of(path) / 4);
}
END_TEST

/* Every kind of record, odd fields, tails, several threads. */
START_TEST(all_kinds)
{
  const struct maker_shape kinds[] = {
      {.seed = 1, .threads = 1, .events = 20000, .grain = 16, .sampler = true},
      {.seed = 2, .threads = 5, .events = 30000, .grain = 0, .sampler = true},
      {.seed = 3, .threads = 70, .events = 30000, .grain = 5},
  };
  const char *path = temp_path("kinds.vmt");

  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    maker_random(path, &kinds[i]);
    packed_same(path);
  }
}
END_TEST

START_TEST(lost_events)
{
  const char *path = temp_path("lost.vmt");
  struct maker_stream *s = maker_program(path);

  for (unsigned i = 0; i < 5; i++) {
    maker_alloc_stack(s, 0x200000 + 16 * i, 10, 20 + i);
    maker_end_chunk(s);
    s->lost = i * 7;
    s->allocs += i == 3 ? 1000 : 0;
    maker_time(s, s->time_ns + 12345);
  }
  maker_end_chunk(s);
  s->lost = 3;
  maker_bytes(s, "", 1);
  maker_end_chunk(s);
  maker_alloc(s, 0x300000, 10);
  maker_finish(s->maker);
  packed_same(path);
}
END_TEST

/* A record as long as records can be, after others, in the small first chunk and elsewhere. */
START_TEST(long_tails)
{
  const char *path = temp_path("tails.vmt");
  struct maker_stream *s = maker_program(path);
  static char tail[VT_TAIL_MAX];

  s->chunk_size = 65536;
  for (unsigned i = 0; i < 400; i++) {
    memset(tail, 'a' + (int)(i % 26), sizeof tail);
    maker_alloc(s, 0x200000 + 16 * i, i);
    maker_record(s, VT_R_MARK, 0, NULL, tail, i % 50 ? i : VT_TAIL_MAX);
  }
  maker_finish(s->maker);
  packed_same(path);
}
END_TEST

/* Blocks of two threads; each variant differs in one thing from variant 0. */
static const char *made_small(const char *path, unsigned variant)
{
  struct maker_stream *s = maker_program(path), *other;

  if (variant != 5) {
    other = maker_stream(s->maker, 0, 1, VT_ROLE_PROGRAM);
    maker_alloc(other, 0x300000, 10);
  }
  for (unsigned i = 0; i < 100; i++)
    maker_alloc_stack(s, 0x200000 + 64 * i, variant == 1 && i == 99 ? 11 : 10, variant == 2 && i == 50);
  maker_free(s, 0x200000);
  if (variant == 3)
    maker_free(s, 0x200040);
  maker_record(s, VT_R_MARK, 0, NULL, variant == 4 ? "two" : "one", 3);
  maker_finish(s->maker);
  return path;
}

/* Another trace, one with an event more or less at its end, and one of which a block has another size. */
START_TEST(differences_are_found)
{
  const char *path = temp_path("one.vmt"), *packed = temp_path("packed.vmt"), *other = temp_path("other.vmt");
  struct maker_shape shape = {.seed = 1, .threads = 1, .events = 1000, .grain = 16};

  maker_random(path, &shape);
  ck_assert_int_eq(pack(path, packed), PACK_FILE_DONE);
  shape.seed = 2;
  maker_random(other, &shape);
  ck_assert(!holds_same(other, packed, _i));
  for (unsigned a = 0; a < 6; a++) {
    for (unsigned b = 0; b < 6; b++) {
      ck_assert_int_eq(pack(made_small(path, a), packed), PACK_FILE_DONE);
      ck_assert_int_eq(holds_same(made_small(other, b), packed, _i), a == b);
    }
  }
}
END_TEST

START_TEST(packed_already)
{
  const char *packed = packed_same(shape_trace(&shapes[4]));

  ck_assert_int_eq(pack(packed, temp_path("again.vmt")), PACK_FILE_ALREADY);
  ck_assert_int_eq(size_of(temp_path("again.vmt")), 0);
}
END_TEST

static void change_byte(const char *path, off_t offset)
{
  int fd = open(path, O_RDWR);
  uint8_t byte;

  ck_assert_int_eq(pread(fd, &byte, 1, offset), 1);
  byte ^= 0x55;
  ck_assert_int_eq(pwrite(fd, &byte, 1, offset), 1);
  close(fd);
}

/* A header of a chunk, a file that was cut: not packed, and said so; what was written is no trace. */
START_TEST(damage_is_refused)
{
  const char *path = shape_trace(&shapes[2]), *packed = temp_path("packed.vmt");
  char *text;

  if (_i == 0)
    change_byte(path, VT_HEADER_SIZE + 17);
  else
    ck_assert_int_eq(truncate(path, size_of(path) - 70000), 0);
  capture_begin(STDERR_FILENO);
  ck_assert_int_eq(pack(path, packed), PACK_FILE_FAILED);
  text = capture_end();
  ck_assert_ptr_nonnull(strstr(text, "it is left as it is"));
  free(text);
  capture_begin(STDERR_FILENO);
  ck_assert_ptr_null(reader_open(packed, READER_ALL));
  free(capture_end());
}
END_TEST

/* Counts the events of these times, and all that were read. */
static uint64_t count_events(const char *path, bool limited, uint64_t from, uint64_t to, uint64_t *read)
{
  struct reader *r = reader_open(path, READER_ALL);
  const struct event *e;
  uint64_t n = 0;

  ck_assert_ptr_nonnull(r);
  if (limited)
    reader_limit(r, from, to);
  for (*read = 0; (e = reader_next(r)); (*read)++)
    n += e->time_ns >= from && e->time_ns <= to;
  ck_assert_int_eq(reader_damage(r)->bad_records, 0);
  ck_assert(reader_progress(r) == 1);
  reader_close(r);
  return n;
}

START_TEST(spans_of_time)
{
  const char *path = shape_trace(&shapes[_i]), *packed = packed_same(path);
  struct reader *r = reader_open(path, READER_ALL);
  uint64_t start = reader_header(r)->start_ns, length = reader_header(r)->end_ns - start;

  reader_close(r);
  for (unsigned k = 0; k < 10; k++) {
    uint64_t from = start + length * k / 10, to = from + length / 100, all, read;
    uint64_t expected = count_events(path, false, from, to, &all);

    ck_assert_uint_eq(count_events(path, true, from, to, &read), expected);
    ck_assert_uint_lt(read, all / 3);
    ck_assert_uint_eq(count_events(packed, true, from, to, &read), expected);
    ck_assert_uint_lt(read, all);
  }
}
END_TEST

/* Damage within a packed file loses the chunk that it is in, and is counted. */
START_TEST(damaged_packed_file)
{
  const char *packed = packed_same(shape_trace(&shapes[0]));
  uint64_t all, n = 0;
  struct reader *r;

  count_events(packed, false, 0, UINT64_MAX, &all);
  change_byte(packed, size_of(packed) / 2);
  r = reader_open(packed, READER_ALL);
  ck_assert_ptr_nonnull(r);
  while (reader_next(r))
    n++;
  ck_assert_uint_lt(n, all);
  ck_assert_uint_gt(n, all / 4);
  ck_assert_uint_eq(reader_damage(r)->bad_records, 1);
  reader_close(r);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("pack");
  TCase *files = unit_case(suite, "files", 120);

  columns_serve_reader();
  tcase_add_loop_test(files, programs, 0, SHAPES);
  tcase_add_test(files, all_kinds);
  tcase_add_test(files, lost_events);
  tcase_add_test(files, long_tails);
  tcase_add_loop_test(files, differences_are_found, 0, 2);
  tcase_add_test(files, packed_already);
  tcase_add_loop_test(files, damage_is_refused, 0, 2);
  tcase_add_loop_test(files, spans_of_time, 0, 3);
  tcase_add_test(files, damaged_packed_file);
  return unit_main(suite);
}
