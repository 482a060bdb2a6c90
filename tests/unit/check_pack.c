/*
 * Tests of packing: what comes out is what went in, event by event; what is
 * damaged is refused or found out; spans of time are read without the rest.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "capture.h"
#include "must.h"
#include "reader/columns.h"
#include "reader/pack_check.h"
#include "reader/reader.h"
#include "reader/repack.h"
#include "trace_maker.h"

#define COLUMN_COUNT 21

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

static enum repack_result pack(const char *path, const char *packed)
{
  int fd = open(packed, O_RDWR | O_CREAT | O_TRUNC, 0644);
  enum repack_result result;

  ck_assert_int_ge(fd, 0);
  result = repack_file(path, fd, packed, 3, no_step, NULL);
  close(fd);
  return result;
}

/* Whether the packed file holds the same. */
static bool holds_same(const char *path, const char *packed, bool threaded)
{
  struct pack_check *check;
  struct trace_file file;
  bool same;

  ck_assert_int_eq(trace_file_open(&file, packed), 0);
  check = pack_check_new(path, file.fd, threaded);
  ck_assert_ptr_nonnull(check);
  for (size_t i = 0; i < file.chunk_count; i++)
    ck_assert(pack_check_add(check, &file.chunks[i]));
  same = pack_check_finish(check);
  trace_file_close(&file);
  return same;
}

/* Packs it; both must hold the same. */
static const char *packed_same(const char *path)
{
  const char *packed = temp_path("packed.vmt");

  ck_assert_int_eq(pack(path, packed), REPACK_DONE);
  ck_assert(holds_same(path, packed, false));
  return packed;
}

/* A program of the kind that there is: few call stacks in few patterns, blocks freed soon and in order, reallocs. */
struct shape {
  unsigned streams, events, shift;
  bool wild; /* no pattern at all */
};

static uint32_t random_next(uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

#define SLOTS 256

struct worker {
  struct maker_stream *s;
  uint64_t slot[SLOTS], next;
  uint32_t nodes;
};

static void work_event(struct worker *w, const struct shape *shape, unsigned i, uint32_t *state)
{
  uint64_t *slot = &w->slot[shape->wild ? random_next(state) % SLOTS : i % SLOTS];
  uint32_t stack = 16 + (shape->wild ? random_next(state) % 5000 : i % 37);
  uint64_t size = shape->wild ? random_next(state) % 5000 : 16 + stack * 8;

  if (i % 16 == 0)
    maker_time(w->s, w->s->time_ns + 100 + random_next(state) % 1000);
  if (i % 500 == 0) {
    w->nodes++;
    MAKE(w->s, STACK_NODE, 16 + w->nodes, w->nodes > 1 ? 15 + w->nodes : VT_STACK_COMPLETE,
         UINT64_C(0x7f0000001000) + random_next(state) % 4096);
  }
  if (i % 701 == 0)
    maker_record(w->s, VT_R_MARK, 0, NULL, "a mark", i % 7);
  if (!*slot) {
    *slot = w->next;
    w->next += (size + 31) & ~UINT64_C(15);
    maker_alloc_stack(w->s, *slot, size, stack);
  } else if (i % 29 == 0) {
    uint64_t moved = i % 2 ? w->next : *slot;

    MAKE(w->s, STACK, stack);
    maker_realloc(w->s, *slot, moved, size + 40);
    *slot = moved;
    w->next += 8192;
  } else {
    maker_free(w->s, *slot);
    if (i % 3)
      w->next = *slot;
    *slot = 0;
  }
}

static const char *made(const struct shape *shape)
{
  const char *path = temp_path("made.vmt");
  struct trace_maker *m = maker_new(path);
  struct worker *w = calloc(shape->streams, sizeof *w);
  uint32_t state = 7;

  m->header.addr_shift = shape->shift;
  for (unsigned t = 0; t < shape->streams; t++) {
    w[t].s = maker_stream(m, t ? 0 : VT_NO_THREAD, t, VT_ROLE_PROGRAM);
    w[t].s->chunk_size = 65536;
    w[t].next = t ? UINT64_C(0x100000000000) + ((uint64_t)t << 32) : 0x200000;
  }
  for (unsigned i = 0; i < shape->events; i++)
    work_event(&w[i % shape->streams], shape, i / shape->streams, &state);
  maker_finish(m);
  free(w);
  return path;
}

static const struct shape shapes[] = {
    {.streams = 1, .events = 600000, .shift = 4}, {.streams = 1, .events = 200000, .shift = 3, .wild = true},
    {.streams = 3, .events = 200000, .shift = 4}, {.streams = 100, .events = 200000, .shift = 4},
    {.streams = 1, .events = 0, .shift = 4},
};

START_TEST(programs)
{
  const struct shape *shape = &shapes[_i];
  const char *path = made(shape), *packed = packed_same(path);

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
  struct trace_maker *m = maker_new(path);
  struct maker_stream *s = maker_stream(m, VT_NO_THREAD, 0, VT_ROLE_PROGRAM);

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
  maker_finish(m);
  packed_same(path);
}
END_TEST

/* A record as long as records can be, after others, in the small first chunk and elsewhere. */
START_TEST(long_tails)
{
  const char *path = temp_path("tails.vmt");
  struct trace_maker *m = maker_new(path);
  struct maker_stream *s = maker_stream(m, VT_NO_THREAD, 0, VT_ROLE_PROGRAM);
  static char tail[VT_TAIL_MAX];

  s->chunk_size = 65536;
  for (unsigned i = 0; i < 400; i++) {
    memset(tail, 'a' + (int)(i % 26), sizeof tail);
    maker_alloc(s, 0x200000 + 16 * i, i);
    maker_record(s, VT_R_MARK, 0, NULL, tail, i % 50 ? i : VT_TAIL_MAX);
  }
  maker_finish(m);
  packed_same(path);
}
END_TEST

/* Blocks of two threads; each variant differs in one thing from variant 0. */
static const char *made_small(const char *path, unsigned variant)
{
  struct trace_maker *m = maker_new(path);
  struct maker_stream *s = maker_stream(m, VT_NO_THREAD, 0, VT_ROLE_PROGRAM), *other;

  if (variant != 5) {
    other = maker_stream(m, 0, 1, VT_ROLE_PROGRAM);
    maker_alloc(other, 0x300000, 10);
  }
  for (unsigned i = 0; i < 100; i++)
    maker_alloc_stack(s, 0x200000 + 64 * i, variant == 1 && i == 99 ? 11 : 10, variant == 2 && i == 50);
  maker_free(s, 0x200000);
  if (variant == 3)
    maker_free(s, 0x200040);
  maker_record(s, VT_R_MARK, 0, NULL, variant == 4 ? "two" : "one", 3);
  maker_finish(m);
  return path;
}

/* Another trace, one with an event more or less at its end, and one of which a block has another size. */
START_TEST(differences_are_found)
{
  const char *path = temp_path("one.vmt"), *packed = temp_path("packed.vmt"), *other = temp_path("other.vmt");
  struct maker_shape shape = {.seed = 1, .threads = 1, .events = 1000, .grain = 16};

  maker_random(path, &shape);
  ck_assert_int_eq(pack(path, packed), REPACK_DONE);
  shape.seed = 2;
  maker_random(other, &shape);
  ck_assert(!holds_same(other, packed, _i));
  for (unsigned a = 0; a < 6; a++) {
    for (unsigned b = 0; b < 6; b++) {
      ck_assert_int_eq(pack(made_small(path, a), packed), REPACK_DONE);
      ck_assert_int_eq(holds_same(made_small(other, b), packed, _i), a == b);
    }
  }
}
END_TEST

START_TEST(packed_already)
{
  const char *packed = packed_same(made(&shapes[4]));

  ck_assert_int_eq(pack(packed, temp_path("again.vmt")), REPACK_ALREADY);
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
  const char *path = made(&shapes[2]), *packed = temp_path("packed.vmt");
  char *text;

  if (_i == 0)
    change_byte(path, VT_HEADER_SIZE + 17);
  else
    ck_assert_int_eq(truncate(path, size_of(path) - 70000), 0);
  capture_begin(STDERR_FILENO);
  ck_assert_int_eq(pack(path, packed), REPACK_FAILED);
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
    ck_assert_int_eq(reader_limit(r, from, to), 0);
  for (*read = 0; (e = reader_next(r)); (*read)++)
    n += e->time_ns >= from && e->time_ns <= to;
  ck_assert_int_eq(reader_damage(r)->bad_records, 0);
  ck_assert(reader_progress(r) == 1);
  reader_close(r);
  return n;
}

START_TEST(spans_of_time)
{
  const char *path = made(&shapes[_i]), *packed = packed_same(path);
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

/* columns alone */

/* The records of a chunk in a file as it was written; to be freed. */
static uint8_t *first_records(const char *path, size_t *n)
{
  struct vt_chunk_header h;
  int fd = open(path, O_RDONLY);
  uint8_t *raw;

  ck_assert_int_eq(pread(fd, &h, sizeof h, VT_HEADER_SIZE), sizeof h);
  raw = calloc(1, h.size);
  ck_assert_int_eq(pread(fd, raw, h.size - sizeof h, VT_HEADER_SIZE + sizeof h), h.size - sizeof h);
  close(fd);
  for (*n = h.size - sizeof h; *n && !raw[*n - 1];)
    --*n;
  *n += 2; /* the last number may end in zeros */
  return raw;
}

/* Records that nobody writes, but that are good: they come back byte by byte all the same. */
START_TEST(odd_bytes)
{
  static const struct {
    const char *bytes;
    size_t n;
    uint32_t form;
  } cases[] = {
      {"\x02", 1, VT_PACKED_ZSTD},                 /* too short to be worth columns */
      {"\x06\x00", 2, VT_PACKED_ZSTD},             /* a word longer than it need be */
      {"\x03\x00\x00\x80\x00", 5, VT_PACKED_ZSTD}, /* a stack in two bytes that is 0 */
      {"\x04\x81\x00\x05", 4, VT_PACKED_ZSTD},     /* a length in two bytes */
      {"\x04\x02\x85\x00\xc8\x01\x07", 7, VT_PACKED_ZSTD},
  };
  struct columns *c = columns_new(4);
  uint8_t out[8192], back[64 + COLUMNS_PAD];
  uint32_t form;

  ck_assert_uint_ge(sizeof out, columns_bound(64));
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t n = columns_pack(c, (const uint8_t *)cases[i].bytes, cases[i].n, 3, out, &form);

    ck_assert_uint_gt(n, 0);
    ck_assert_uint_eq(form, cases[i].form);
    ck_assert(columns_unpack(c, form, out, n, back, cases[i].n));
    ck_assert_mem_eq(back, cases[i].bytes, cases[i].n);
    ck_assert(!columns_unpack(c, form, out, n, back, cases[i].n + 1));
    ck_assert(!columns_unpack(c, 2, out, n, back, cases[i].n));
  }
  columns_free(c);
}
END_TEST

/* The same columns, none of them compressed, so that changes reach the records. */
static size_t store_columns(const uint8_t *packed, size_t n, uint8_t *out)
{
  const uint8_t *p = packed, *end = packed + n;
  uint64_t full[COLUMN_COUNT], size[COLUMN_COUNT];
  uint8_t *at = out;

  for (unsigned i = 0; i < COLUMN_COUNT; i++)
    p = vt_get_leb(vt_get_leb(p, end, &full[i]), end, &size[i]);
  for (unsigned i = 0; i < COLUMN_COUNT; i++)
    at = vt_put_leb(vt_put_leb(at, full[i]), full[i]);
  for (unsigned i = 0; i < COLUMN_COUNT; i++) {
    if (full[i] == size[i])
      memcpy(at, p, full[i]);
    else
      ck_assert_uint_eq(ZSTD_decompress(at, full[i], p, size[i]), full[i]);
    at += full[i];
    p += size[i];
  }
  return (size_t)(at - out);
}

/* Whatever the columns say: no crash, no byte beyond the pad. */
START_TEST(changed_columns)
{
  struct columns *c = columns_new(4);
  size_t raw_size, n, stored;
  uint8_t *raw = first_records(made(&shapes[_i]), &raw_size), *packed = malloc(columns_bound(raw_size));
  uint8_t *changed = malloc(8 * raw_size), *good = malloc(8 * raw_size), *back = malloc(raw_size + COLUMNS_PAD);
  uint32_t form, state = 99;
  unsigned taken = 0;

  raw_size -= 2;
  while ((n = columns_pack(c, raw, raw_size, 3, packed, &form)) && form != VT_PACKED_COLUMNS)
    raw_size++;
  stored = store_columns(packed, n, good);
  must(columns_unpack(c, form, good, stored, back, raw_size), "stored columns do not come back");
  ck_assert_mem_eq(back, raw, raw_size);
  for (unsigned i = 0; i < 3000; i++) {
    memcpy(changed, good, stored);
    for (unsigned k = random_next(&state) % 8; k != UINT32_MAX; k--)
      changed[random_next(&state) % (i % 4 ? stored : 60)] = (uint8_t)random_next(&state);
    taken += columns_unpack(c, form, changed, stored - (i % 16 ? 0 : random_next(&state) % stored), back, raw_size);
  }
  ck_assert_uint_lt(taken, 3000);
  free(raw);
  free(packed);
  free(changed);
  free(good);
  free(back);
  columns_free(c);
}
END_TEST

/* Damage within a packed file loses the chunk that it is in, and is counted. */
START_TEST(damaged_packed_file)
{
  const char *packed = packed_same(made(&shapes[0]));
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
  TCase *files = tcase_create("files"), *columns = tcase_create("columns");
  SRunner *runner;
  int failed;

  tcase_set_timeout(files, 120);
  tcase_add_loop_test(files, programs, 0, sizeof shapes / sizeof *shapes);
  tcase_add_test(files, all_kinds);
  tcase_add_test(files, lost_events);
  tcase_add_test(files, long_tails);
  tcase_add_loop_test(files, differences_are_found, 0, 2);
  tcase_add_test(files, packed_already);
  tcase_add_loop_test(files, damage_is_refused, 0, 2);
  tcase_add_loop_test(files, spans_of_time, 0, 3);
  tcase_add_test(files, damaged_packed_file);
  suite_add_tcase(suite, files);
  tcase_set_timeout(columns, 120);
  tcase_add_test(columns, odd_bytes);
  tcase_add_loop_test(columns, changed_columns, 0, 2);
  suite_add_tcase(suite, columns);
  runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
