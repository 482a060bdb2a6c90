/*
 * Tests of the columns that packed records are stored in: what comes out is
 * what went in, byte by byte, and nothing that they say does harm.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "must.h"
#include "pack/columns.h"
#include "trace_shape.h"
#include "unit.h"
#include "vmtrace/codec.h"
#include "vmtrace/format.h"

#define COLUMN_COUNT 21

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
  uint8_t *raw = first_records(shape_trace(&shapes[_i]), &raw_size), *packed = malloc(columns_bound(raw_size));
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
    for (unsigned k = shape_random(&state) % 8; k != UINT32_MAX; k--)
      changed[shape_random(&state) % (i % 4 ? stored : 60)] = (uint8_t)shape_random(&state);
    taken += columns_unpack(c, form, changed, stored - (i % 16 ? 0 : shape_random(&state) % stored), back, raw_size);
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

int main(void)
{
  Suite *suite = suite_create("columns");
  TCase *columns = unit_case(suite, "columns", 120);

  tcase_add_test(columns, odd_bytes);
  tcase_add_loop_test(columns, changed_columns, 0, 2);
  return unit_main(suite);
}
