/*
 * Tests of the reader on damaged traces: a shorter report that says so, never
 * a wrong one.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "reader_assert.h"
#include "trace_maker.h"
#include "unit.h"

/* One thread, chunks of 4 KiB, n allocations of size 24 at 0x200000 + 16 * number. */
static const char *numbered(const char *name, unsigned n, bool packed)
{
  const char *path = temp_path(name);
  struct trace_maker *m = maker_new(path);
  struct maker_stream *s = maker_bare(m, 0);

  m->packed = packed;
  s->chunk_size = 4096;
  MAKE(s, THREAD, VT_NO_THREAD, 0, 1, VT_ROLE_PROGRAM);
  for (unsigned i = 0; i < n; i++) {
    if (i % 16 == 0)
      maker_time(s, s->time_ns + 100);
    maker_alloc(s, 0x200000 + i * 16, 24);
  }
  maker_finish(m);
  return path;
}

struct outcome {
  unsigned allocs, wrong; /* wrong: not the next of the numbered ones */
  uint64_t last_seq;
  struct reader_damage damage;
};

static struct outcome read_numbered(const char *path)
{
  struct outcome o = {0};
  struct reader *r = reader_opened(path);
  const struct event *e;

  while ((e = reader_next(r))) {
    if (e->type != VT_R_ALLOC)
      continue;
    o.allocs++;
    o.wrong += e->field[0] != 0x200000 + e->seq * 16;
    o.last_seq = e->seq;
  }
  o.damage = *reader_damage(r);
  reader_close(r);
  return o;
}

static void change(const char *path, uint64_t offset, const void *bytes, size_t n)
{
  int fd = open(path, O_WRONLY);

  ck_assert_int_eq(pwrite(fd, bytes, n, (off_t)offset), n);
  close(fd);
}

/* Copies the first n bytes of the chunk at offset to the end of the file. */
static void copy_chunk(const char *path, uint64_t offset, size_t n)
{
  uint8_t chunk[4096];
  struct stat st;
  int fd = open(path, O_RDWR);

  ck_assert_int_eq(fstat(fd, &st), 0);
  ck_assert_int_eq(pread(fd, chunk, n, (off_t)offset), n);
  ck_assert_int_eq(pwrite(fd, chunk, n, st.st_size), n);
  close(fd);
}

/* All of the numbered ones, and not a word of damage. */
static void assert_whole(const char *path, unsigned n)
{
  struct outcome o = read_numbered(path);

  ck_assert_uint_eq(o.allocs, n);
  ck_assert_uint_eq(o.wrong, 0);
  ck_assert(!o.damage.cut && !o.damage.bad_chunks && !o.damage.bad_records);
}

START_TEST(chunk_header_damaged)
{
  const uint32_t fields[] = {0, 4, 8, 12, 16, 24, 32}; /* magic, check, size, thread, number, start_ns, allocs */
  const char *path = numbered("chunkhead.vmt", 10000, false);
  struct outcome o;

  assert_whole(path, 10000);
  for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
    path = numbered("chunkhead.vmt", 10000, false);
    change(path, VT_HEADER_SIZE + 3 * 4096 + fields[i], "\x5a\xa5\x5a", 3);
    o = read_numbered(path);
    ck_assert_uint_lt(o.allocs, 10000);
    ck_assert_uint_gt(o.allocs, 8500);
    ck_assert_uint_eq(o.wrong, 0);
    ck_assert_uint_eq(o.last_seq, 9999);
    ck_assert_uint_eq(o.damage.bad_chunks, 1);
    ck_assert_uint_eq(o.damage.first_offset, VT_HEADER_SIZE + 3 * 4096);
    ck_assert(!o.damage.cut);
  }
}
END_TEST

/* A stage that was being cleared when the process was killed: its chunk has been copied, and nothing is missing. */
START_TEST(chunk_being_cleared)
{
  const char *path = numbered("cleared.vmt", 10000, false);

  copy_chunk(path, VT_HEADER_SIZE + 3 * 4096, 4096);
  change(path, VT_HEADER_SIZE + 3 * 4096, "\0\0\0\0", 4);
  assert_whole(path, 10000);
}
END_TEST

/* A copy that was being made then: the whole chunk is there too. */
START_TEST(chunk_half_copied)
{
  const char *path = numbered("copied.vmt", 10000, false);

  copy_chunk(path, VT_HEADER_SIZE + 3 * 4096, 1000);
  assert_whole(path, 10000);
}
END_TEST

/* A chunk that is gone leaves a gap in the numbers: damage too, although zeros are none. */
START_TEST(chunk_of_zeros)
{
  static const char zeros[4096];
  const char *path = numbered("zeros.vmt", 10000, false);
  struct outcome o;

  change(path, VT_HEADER_SIZE + 2 * 4096, zeros, sizeof zeros);
  o = read_numbered(path);
  ck_assert_uint_lt(o.allocs, 10000);
  ck_assert_uint_eq(o.wrong, 0);
  ck_assert_uint_eq(o.damage.bad_chunks, 1);
}
END_TEST

START_TEST(gaps_are_no_damage)
{
  const char *path = temp_path("gaps.vmt");
  struct trace_maker *m = maker_new(path);
  struct maker_stream *s = maker_stream(m, VT_NO_THREAD, 0, VT_ROLE_PROGRAM);
  struct outcome o;

  maker_end_chunk(s);
  maker_gap(m, 5 * 4096);
  change(path, m->size - 3 * 4096, "stale bytes", 11);
  maker_alloc(s, 0x200000, 24);
  maker_finish(m);
  o = read_numbered(path);
  ck_assert_uint_eq(o.allocs, 1);
  ck_assert(!o.damage.cut && !o.damage.bad_chunks && !o.damage.bad_records && !o.damage.first_offset);
}
END_TEST

/* A record that claims to be longer than its chunk ends the chunk, not the stream. */
START_TEST(record_damaged)
{
  static const char *const bad[] = {
      "\x68\xff\xff\xff\xff\x0f",                         /* a length beyond everything */
      "\x68\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", /* a length of more than 64 bits */
      "\x08\x01\xff",                                     /* an alloc whose fields do not fit into its payload */
      "\x68\xff\x3f",                                     /* a tail that runs past the end */
  };

  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *path = numbered("record.vmt", 10000, false);
    struct outcome o;

    change(path, VT_HEADER_SIZE + 3 * 4096 + sizeof(struct vt_chunk_header), bad[i], strlen(bad[i]));
    o = read_numbered(path);
    ck_assert_uint_lt(o.allocs, 10000);
    ck_assert_uint_eq(o.wrong, 0);
    ck_assert_uint_eq(o.last_seq, 9999);
    ck_assert_uint_eq(o.damage.bad_records, 1);
    ck_assert_uint_eq(o.damage.first_offset, VT_HEADER_SIZE + 3 * 4096);
  }
}
END_TEST

START_TEST(last_record_of_a_chunk)
{
  const char *path = temp_path("last.vmt");
  const uint32_t room = 4096 - sizeof(struct vt_chunk_header);

  for (unsigned missing = 0; missing < 8; missing++) {
    struct trace_maker *m = maker_new(path);
    struct maker_stream *s = maker_bare(m, 0);
    static const uint8_t free_word[8] = {VT_K_FREE | 7 << 2, 1, 0, 0, 0, 0, 0, 1};
    struct reader *r;
    const struct event *e;
    unsigned frees = 0;

    s->chunk_size = 4096;
    while (s->used + 2 + (8 - missing) <= room)
      maker_bytes(s, (const uint8_t[]){VT_K_FREE | 1 << 2, 0}, 2);
    while (s->used + (8 - missing) < room)
      maker_bytes(s, (const uint8_t[]){VT_K_FREE}, 1);
    maker_bytes(s, free_word, 8 - missing);
    ck_assert_uint_eq(s->used, room);
    maker_finish(m);
    r = reader_opened(path);
    while ((e = reader_next(r)))
      frees += e->field[0] != 0;
    ck_assert_uint_eq(frees, missing ? 0 : 1);
    ck_assert_uint_eq(reader_damage(r)->bad_records, missing ? 1 : 0);
    reader_close(r);
  }
}
END_TEST

START_TEST(cut_at_every_byte)
{
  const char *path = numbered("cut.vmt", 2500, _i);
  struct stat st;
  unsigned before = 2500;

  ck_assert_int_eq(stat(path, &st), 0);
  for (off_t size = st.st_size - 1; size >= 0; size--) {
    struct outcome o;

    ck_assert_int_eq(truncate(path, size), 0);
    if (size < (off_t)sizeof(struct vt_file_header)) {
      if (size % 100 == 0)
        reader_assert_refused(path, size == 0 ? "empty" : size < 8 ? "not a vmtrace" : "cut within");
      continue;
    }
    o = read_numbered(path);
    ck_assert_uint_le(o.allocs, before);
    ck_assert_uint_eq(o.wrong, 0);
    ck_assert(o.damage.cut);
    before = o.allocs;
  }
}
END_TEST

/* Every byte of a small trace of three threads, changed in two ways: it is read to some end. */
START_TEST(every_byte_changed)
{
  const char *path = temp_path("bytes.vmt");
  const struct maker_shape shape = {
      .seed = 9, .threads = 2, .events = 700, .grain = 8, .sampler = true, .packed = _i == 1};
  struct stat st;
  int fd;

  maker_random(path, &shape);
  ck_assert_int_eq(stat(path, &st), 0);
  fd = open(path, O_RDWR);
  for (off_t at = 0; at < st.st_size; at++) {
    const uint8_t masks[] = {0xff, (uint8_t)(1u << (at & 7))};
    uint8_t byte, changed;

    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    /* Where nothing is, few bytes stand for all. */
    if (!byte && at % 7)
      continue;
    for (unsigned i = 0; i < 2; i++) {
      struct reader *r;
      unsigned events = 0;

      changed = byte ^ masks[i];
      ck_assert_int_eq(pwrite(fd, &changed, 1, at), 1);
      capture_begin(STDERR_FILENO);
      r = reader_open(path, READER_ALL);
      free(capture_end());
      while (r && reader_next(r))
        events++;
      ck_assert_uint_lt(events, 40000);
      reader_close(r);
    }
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
  }
  close(fd);
}
END_TEST

START_TEST(file_shrinks_while_it_is_read)
{
  const char *path = numbered("shrink.vmt", 100000, _i);
  struct reader *r = reader_opened(path);
  unsigned n = 0;

  for (; n < 1000; n++)
    ck_assert_ptr_nonnull(reader_next(r));
  ck_assert_int_eq(truncate(path, VT_HEADER_SIZE + 100), 0);
  while (reader_next(r))
    n++;
  ck_assert_uint_lt(n, 100000);
  reader_close(r);
}
END_TEST

/* A packed chunk that does not unpack, or unpacks to something longer, is left out. */
START_TEST(packed_data_damaged)
{
  const char *path = numbered("packed.vmt", 20000, true);
  struct outcome whole = read_numbered(path), o;

  ck_assert_uint_eq(whole.allocs, 20000);
  change(path, VT_HEADER_SIZE + 4096 + sizeof(struct vt_chunk_header), "\0\0\0\0\0\0\0\0", 8);
  o = read_numbered(path);
  ck_assert_uint_lt(o.allocs, 20000);
  ck_assert_uint_eq(o.wrong, 0);
  ck_assert_uint_eq(o.last_seq, 19999);
  ck_assert_uint_eq(o.damage.bad_records, 1);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("reader_damage");
  TCase *tcase = unit_case(suite, "damage", 300);

  temp_path("");
  tcase_add_test(tcase, chunk_header_damaged);
  tcase_add_test(tcase, chunk_of_zeros);
  tcase_add_test(tcase, chunk_being_cleared);
  tcase_add_test(tcase, chunk_half_copied);
  tcase_add_test(tcase, gaps_are_no_damage);
  tcase_add_test(tcase, record_damaged);
  tcase_add_test(tcase, last_record_of_a_chunk);
  tcase_add_loop_test(tcase, cut_at_every_byte, 0, 2);
  tcase_add_loop_test(tcase, every_byte_changed, 0, 2);
  tcase_add_loop_test(tcase, file_shrinks_while_it_is_read, 0, 2);
  tcase_add_test(tcase, packed_data_damaged);
  return unit_main(suite);
}
