/*
 * Tests that reading takes bounded memory: with many streams, and with long
 * traces.
 */
#include <check.h>
#include <malloc.h>

#include "capture.h"
#include "reader_assert.h"
#include "trace_maker.h"
#include "unit.h"

/* What reading holds in memory at its highest, in bytes. */
static size_t peak_of_reading(const char *path)
{
  size_t peak = 0, before = mallinfo2().uordblks + mallinfo2().hblkhd, n = 0;
  struct reader *r = reader_opened(path);

  while (reader_next(r)) {
    struct mallinfo2 now;

    if (n++ % 1024)
      continue;
    now = mallinfo2();
    if (now.uordblks + now.hblkhd - before > peak)
      peak = now.uordblks + now.hblkhd - before;
  }
  reader_close(r);
  return peak;
}

/* 2,000 streams side by side, packed in chunks of 512 KiB: neither the windows nor the unpacked chunks add up. */
START_TEST(memory_with_many_streams)
{
  const bool packed = _i;
  const char *path = temp_path("wide.vmt");
  struct trace_maker *m = maker_new(path);
  struct maker_stream *s[2000];

  m->packed = packed;
  for (unsigned i = 0; i < 2000; i++) {
    s[i] = maker_stream(m, i ? 0 : VT_NO_THREAD, i, VT_ROLE_PROGRAM);
    s[i]->chunk_size = 1u << 19;
    maker_end_chunk(s[i]);
    for (unsigned k = 0; k < 60; k++) {
      maker_time(s[i], s[i]->time_ns + 100);
      maker_alloc(s[i], UINT64_C(0x100000000000) + ((uint64_t)i << 32) + k * 16, 10);
    }
    maker_end_chunk(s[i]);
  }
  maker_finish(m);
  ck_assert_uint_lt(peak_of_reading(path), 2000 * (packed ? 72000 : 22000));
}
END_TEST

/* Ten times the length, the same memory (but for the index: 32 bytes per chunk). */
START_TEST(memory_with_length)
{
  const char *path = temp_path("long.vmt");
  size_t peak[2];

  for (unsigned round = 0; round < 2; round++) {
    const unsigned n = round ? 2000000 : 200000;
    struct trace_maker *m = maker_new(path);
    struct maker_stream *s[2];

    for (unsigned i = 0; i < 2; i++) {
      s[i] = maker_stream(m, i ? 0 : VT_NO_THREAD, i, VT_ROLE_PROGRAM);
      s[i]->chunk_size = 65536;
    }
    for (unsigned i = 0; i < n; i++) {
      if (i % 16 == 0)
        maker_time(s[i & 1], 1000000000 + i);
      maker_alloc(s[i & 1], 0x200000 + (i & 1) * 16, 10);
      maker_free(s[i & 1], 0x200000 + (i & 1) * 16);
    }
    maker_finish(m);
    peak[round] = peak_of_reading(path);
  }
  ck_assert_uint_lt(peak[1], peak[0] + 20000);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("reader_memory");
  TCase *tcase = unit_case(suite, "memory", 120);

  temp_path("");
  tcase_add_loop_test(tcase, memory_with_many_streams, 0, 2);
  tcase_add_test(tcase, memory_with_length);
  return unit_main(suite);
}
