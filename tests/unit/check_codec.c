/*
 * Unit tests of include/vmtrace/codec.h: what is packed comes back, in every
 * length, and cut input is refused.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "unit.h"
#include "vmtrace/codec.h"

static uint64_t random_next(void)
{
  static uint64_t seed = 1;
  uint64_t z = (seed += 0x9e3779b97f4a7c15);

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

/* A number of any length, so that small ones are as likely as large ones. */
static uint64_t random_length(unsigned bits)
{
  return random_next() >> (64 - 1 - random_next() % bits);
}

START_TEST(zigzag_is_its_own_inverse)
{
  static const int64_t edges[] = {0, 1, -1, 2, -2, 63, -64, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};

  for (unsigned i = 0; i < sizeof edges / sizeof *edges; i++)
    ck_assert_int_eq(vt_unzigzag(vt_zigzag(edges[i])), edges[i]);
  ck_assert_uint_eq(vt_zigzag(-1), 1);
  ck_assert_uint_eq(vt_zigzag(1), 2);
}
END_TEST

START_TEST(folding_is_one_to_one_and_closes_the_gap)
{
  static const uint64_t edges[] = {
      0, VT_FOLD_LOW, VT_FOLD_HIGH, VT_FOLD_HIGH + VT_FOLD_LOW, VT_FOLD_END - VT_FOLD_HIGH, VT_FOLD_END};

  for (unsigned i = 0; i < sizeof edges / sizeof *edges; i++)
    for (int64_t near = -64; near <= 64; near += 16) {
      uint64_t addr = edges[i] + (uint64_t)near;

      if (addr >= VT_FOLD_END)
        continue;
      must(vt_unfold(vt_fold(addr)) == addr, "0x%lx does not come back", (unsigned long)addr);
      must(vt_fold(addr) < VT_FOLD_END, "0x%lx leaves the range", (unsigned long)addr);
    }
  for (unsigned i = 0; i < 100000; i++) {
    uint64_t addr = random_length(47);

    must(vt_unfold(vt_fold(addr)) == addr, "0x%lx does not come back", (unsigned long)addr);
    must(vt_fold(vt_unfold(addr)) == addr, "nothing is folded to 0x%lx", (unsigned long)addr);
  }
  ck_assert_uint_eq(vt_fold(VT_FOLD_LOW - 16) + 16, vt_fold(VT_FOLD_HIGH));
}
END_TEST

START_TEST(contexts_are_significant_bits)
{
  ck_assert_uint_eq(vt_context(0), 0);
  ck_assert_uint_eq(vt_context(1), 1);
  ck_assert_uint_eq(vt_context(16), 5);
  ck_assert_uint_eq(vt_context(2047), 11);
  ck_assert_uint_eq(vt_context(2048), 12);
  ck_assert_uint_eq(vt_context(VT_HOT_SIZE_LIMIT - 1), 12);
  ck_assert_uint_lt(vt_context(VT_HOT_SIZE_LIMIT - 1), VT_CONTEXTS);
}
END_TEST

START_TEST(leb_round_trip)
{
  uint8_t buf[16];

  for (unsigned i = 0; i < 100000; i++) {
    uint64_t v = i < 64 ? UINT64_C(1) << i : i < 128 ? (UINT64_C(2) << (i - 64)) - 1 : random_length(64), back = 0;
    uint8_t *end = vt_put_leb(buf, v);

    must(vt_get_leb(buf, end, &back) == end, "the end of a number");
    must(back == v, "0x%lx in place of 0x%lx", (unsigned long)back, (unsigned long)v);
    for (const uint8_t *cut = buf; cut < end; cut++)
      must(!vt_get_leb(buf, cut, &back), "a cut number was read");
  }
}
END_TEST

START_TEST(leb_of_more_than_64_bits_is_refused)
{
  uint8_t buf[11];
  uint64_t v;

  memset(buf, 0x80, sizeof buf);
  buf[10] = 0;
  ck_assert_ptr_null(vt_get_leb(buf, buf + sizeof buf, &v));
}
END_TEST

struct hot {
  bool is_free;
  uint64_t unit;
  uint32_t size, stack;
};

static struct hot random_hot(void)
{
  uint64_t r = random_next();
  struct hot hot = {.unit = random_length(46), .size = (uint32_t)(r >> 8) & (VT_HOT_SIZE_LIMIT - 1)};

  hot.is_free = r & 1;
  hot.stack = r & 2 ? 0 : r & 4 ? (uint32_t)(r >> 40) & 15 : (uint32_t)random_length(32);
  hot.size >>= (r >> 32) % 13;
  return hot;
}

static unsigned put(struct vt_codec *c, const struct hot *hot, uint8_t *p)
{
  unsigned len;
  struct vt_hot words = {0};
  uint8_t bytes[sizeof words];

  if (hot->is_free)
    words.first = vt_pack_free(c, hot->unit, &len);
  else
    words = vt_pack_alloc(c, hot->unit, hot->size, hot->stack, &len);
  must(len >= 1 && len <= 13, "a length of %u", len);
  memcpy(bytes, &words, sizeof bytes);
  for (unsigned i = len; i < sizeof bytes; i++)
    must(bytes[i] == 0, "bytes past the length are not zero");
  memcpy(p, bytes, sizeof bytes);
  return len;
}

/* Reads one record as FORMAT.md says, and checks it; its length. */
static size_t take(struct vt_codec *c, const struct hot *hot, const uint8_t *p, const uint8_t *end)
{
  struct vt_hot_record r;
  size_t length = vt_hot_length(p, end);
  const uint8_t *after = vt_take_hot_within(c, p, end, &r);

  must(after == p + length, "%zu bytes, not %zu", (size_t)(after - p), length);
  must(((r.word & 3) == VT_K_FREE) == hot->is_free, "a wrong kind");
  must(r.unit == hot->unit && c->units.prev == hot->unit, "a wrong address");
  if (hot->is_free)
    return length;
  must(r.size == hot->size, "a wrong size");
  must(r.stack == hot->stack && c->stack == hot->stack, "stack %u in place of %u", c->stack, hot->stack);
  return length;
}

START_TEST(hot_records_round_trip)
{
  enum { COUNT = 200000 };
  struct hot *hot = calloc(COUNT, sizeof *hot);
  uint8_t *bytes = calloc(COUNT + 1, VT_HOT_MAX), *p = bytes;
  struct vt_codec in = {0}, out = {0};
  unsigned lengths[VT_HOT_MAX + 1] = {0};

  for (unsigned i = 0; i < COUNT; i++) {
    unsigned len;

    hot[i] = random_hot();
    if (i % 4 == 0 && i)
      hot[i].unit = hot[i - 1].unit + i % 3; /* short distances too */
    len = put(&in, &hot[i], p);
    lengths[len]++;
    p += len;
  }
  for (unsigned len = 1; len <= 12; len++)
    ck_assert_msg(lengths[len] > 0, "no record of %u bytes", len);

  const uint8_t *end = p;
  p = bytes;
  for (unsigned i = 0; i < COUNT; i++)
    p += take(&out, &hot[i], p, end);
  ck_assert_ptr_eq(p, end);
  free(hot);
  free(bytes);
}
END_TEST

START_TEST(a_cut_hot_record_is_refused)
{
  struct vt_codec c = {0};
  uint8_t bytes[VT_HOT_MAX] = {0};
  struct hot hot = {.unit = UINT64_C(1) << 45, .size = 4095};
  unsigned len = put(&c, &hot, bytes);
  struct vt_hot_record r;

  ck_assert_uint_eq(len, 8);
  for (size_t avail = 1; avail < len; avail++) {
    uint8_t *exact = malloc(avail); /* so that a sanitizer sees a read past it */

    memcpy(exact, bytes, avail);
    ck_assert_uint_eq(vt_hot_length(exact, exact + avail), 0);
    ck_assert_ptr_null(vt_take_hot_within(&c, exact, exact + avail, &r));
    free(exact);
  }
  ck_assert_ptr_eq(vt_take_hot_within(&c, bytes, bytes + len, &r), bytes + len);
}
END_TEST

START_TEST(the_same_place_again_is_short)
{
  struct vt_codec c = {0};
  unsigned len;

  vt_pack_alloc(&c, 0x20000, 32, 0, &len);
  vt_pack_free(&c, 0x20000, &len);
  ck_assert_uint_eq(len, 1);
  vt_pack_alloc(&c, 0x20002, 32, 0, &len);
  ck_assert_uint_eq(len, 3);
}
END_TEST

START_TEST(repeated_stacks_cost_nothing)
{
  struct vt_codec c = {0};
  unsigned len, plain;

  vt_pack_alloc(&c, 2, 32, 0, &len);
  vt_pack_alloc(&c, 2, 32, 0, &plain);
  for (unsigned i = 0; i < 40; i++)
    vt_pack_alloc(&c, 2, 32, 1000 + i % 3, &len);
  ck_assert_uint_eq(len, plain);
  vt_pack_alloc(&c, 2, 32, 5000, &len);
  ck_assert_uint_gt(len, plain);
}
END_TEST

/* Stacks that come in a circle whatever the sizes are, and stacks that only the size tells. */
START_TEST(stacks_are_guessed)
{
  static const uint32_t sizes[] = {16, 48, 200, 500, 1000, 3000};
  struct vt_codec c = {0};
  unsigned len, given = 0;

  for (unsigned i = 0; i < 3000; i++)
    given += (vt_pack_alloc(&c, 2, (uint32_t)(random_next() % 4096), 10 + i % 4, &len).first & 3) == VT_K_ALLOC_STACK;
  ck_assert_uint_lt(given, 100);
  given = 0;
  for (unsigned i = 0; i < 3000; i++) {
    unsigned at = (unsigned)(random_next() % 6);

    given += (vt_pack_alloc(&c, 2, sizes[at], 100 + at, &len).first & 3) == VT_K_ALLOC_STACK;
  }
  ck_assert_uint_lt(given, 100);
}
END_TEST

START_TEST(general_records_round_trip)
{
  static uint8_t tail[VT_TAIL_MAX], bytes[VT_GENERAL_MAX(VT_TAIL_MAX)];

  for (unsigned i = 0; i < sizeof tail; i++)
    tail[i] = (uint8_t)i;
  for (unsigned round = 0; round < 2000; round++) {
    uint64_t fields[VT_FIELDS_MAX], v;
    unsigned n = (unsigned)(random_next() % (VT_FIELDS_MAX + 1));
    size_t tail_len = round == 0 ? VT_TAIL_MAX : (size_t)random_length(13);
    const uint8_t *p = bytes + 1;
    size_t len;

    for (unsigned i = 0; i < n; i++)
      fields[i] = round == 0 ? UINT64_MAX : random_length(64);
    len = vt_pack_general(bytes, VT_R_VMA, n, fields, tail, tail_len);
    ck_assert_uint_le(len, VT_GENERAL_MAX(tail_len));
    ck_assert_uint_eq(bytes[0], VT_R_VMA << 2);
    p = vt_get_leb(p, bytes + len, &v);
    ck_assert_uint_eq(v, (size_t)(bytes + len - p));
    for (unsigned i = 0; i < n; i++) {
      p = vt_get_leb(p, bytes + len, &v);
      ck_assert_uint_eq(v, fields[i]);
    }
    ck_assert_uint_eq((size_t)(bytes + len - p), tail_len);
    ck_assert_int_eq(memcmp(p, tail, tail_len), 0);
  }
}
END_TEST

START_TEST(a_chunk_header_is_told_from_its_damage)
{
  struct vt_chunk_header h = {.magic = VT_CHUNK_MAGIC, .size = VT_CHUNK_ALIGN, .thread = 3, .start_ns = 12345};

  h.check = vt_chunk_check(&h);
  for (unsigned bit = 0; bit < sizeof h * 8; bit++) {
    struct vt_chunk_header damaged = h;

    ((uint8_t *)&damaged)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    ck_assert_msg(damaged.check != vt_chunk_check(&damaged), "bit %u does not count", bit);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("codec");
  TCase *tc = unit_case(suite, "codec", 60);

  tcase_add_test(tc, zigzag_is_its_own_inverse);
  tcase_add_test(tc, folding_is_one_to_one_and_closes_the_gap);
  tcase_add_test(tc, contexts_are_significant_bits);
  tcase_add_test(tc, leb_round_trip);
  tcase_add_test(tc, leb_of_more_than_64_bits_is_refused);
  tcase_add_test(tc, hot_records_round_trip);
  tcase_add_test(tc, a_cut_hot_record_is_refused);
  tcase_add_test(tc, the_same_place_again_is_short);
  tcase_add_test(tc, repeated_stacks_cost_nothing);
  tcase_add_test(tc, stacks_are_guessed);
  tcase_add_test(tc, general_records_round_trip);
  tcase_add_test(tc, a_chunk_header_is_told_from_its_damage);
  return unit_main(suite);
}
