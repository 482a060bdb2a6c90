/*
 * The kept picture and the run encoder, against plain models.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "frames/picture.h"
#include "frames/runs.h"
#include "frames_sink.h"
#include "unit.h"
#include "workload.h"

#define LEAVES 4000

static struct picture picture;

static uint64_t random_next(void)
{
  static uint64_t state = 88172645463325252;

  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static int compare_numbers(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

  return (x > y) - (x < y);
}

START_TEST(leaves_are_found_in_order)
{
  static uint64_t number[LEAVES + 1];
  uint64_t at = 0, drops = 0;

  ck_assert_uint_eq(picture_next(&picture, 0), LEAF_NONE);
  /* Edges of the nodes at every level, then anything. */
  for (unsigned i = 0; i < LEAVES; i++)
    number[i] = i < 27 ? UINT64_C(1) << i : random_next() % LEAF_NONE >> (random_next() % 20);
  number[26] = LEAF_NONE - 1;
  for (unsigned i = 0; i < LEAVES; i++) {
    uint64_t *leaf = picture_leaf(&picture, number[i], true);

    ck_assert_ptr_nonnull(leaf);
    leaf[i % LEAF_PAGES] = number[i] + 1;
    ck_assert_ptr_eq(picture_leaf(&picture, number[i], false), leaf);
  }
  qsort(number, LEAVES, sizeof *number, compare_numbers);
  number[LEAVES] = LEAF_NONE;
  for (unsigned i = 0; i <= LEAVES; i++) {
    if (i && number[i] == number[i - 1])
      continue;
    at = picture_next(&picture, i ? at + 1 : 0);
    ck_assert_uint_eq(at, number[i]);
  }
  for (unsigned i = 0; i < LEAVES; i += 2) {
    picture_drop(&picture, number[i]);
    ck_assert_ptr_null(picture_leaf(&picture, number[i], false));
    drops++;
  }
  /* Memory that comes back is zero. */
  for (uint64_t leaf = 1000000; drops; drops--, leaf++) {
    uint64_t *entries = picture_leaf(&picture, leaf, true);

    for (unsigned i = 0; i < LEAF_PAGES; i++)
      ck_assert(entries[i] == 0 || entries[i] == leaf + 1);
  }
}
END_TEST

/* Feeds entries (0: no change there) as one sample and expects the sink to know exactly them. */
static void assert_encoded(const uint64_t *entry, unsigned n)
{
  static struct runs runs;
  uint64_t base = UINT64_C(0x10000000000);

  sink_reset();
  sink_table.begin(VT_SAMPLE_TICK, 0, 0);
  runs_begin(&runs, &sink_table);
  for (unsigned i = 0; i < n; i++) {
    if (entry[i])
      runs_add(&runs, base + i * FRAME_SIZE, entry[i]);
  }
  runs_flush(&runs);
  sink_table.end(0, sink_present(), 0);
  for (unsigned i = 0; i < n; i++) {
    const void *page = (const void *)(uintptr_t)(base + i * FRAME_SIZE);

    ck_assert_uint_eq(sink_reports(page), entry[i] != 0);
    ck_assert_uint_eq(sink_state(page), entry_state(entry[i]));
    ck_assert_uint_eq(sink_pfn(page), entry_pfn(entry[i]));
  }
}

START_TEST(runs_say_what_was_added)
{
  static uint64_t entry[3000];

  for (unsigned round = 0, rounds = workload(300); round < rounds; round++) {
    uint64_t pfn = 1000, kind = random_next() % 5;

    for (unsigned i = 0; i < 3000; i++) {
      uint64_t r = random_next();

      if (r % 64 == 0)
        kind = r / 64 % 5;
      pfn = kind == 1 || r % 8 ? pfn + 1 : random_next() % (1 << 28) + 1;
      entry[i] = kind == 0   ? 0
                 : kind == 3 ? entry_make(VT_PG_SWAPPED, 0)
                             : entry_make(VT_PG_PRESENT | (r % 100 ? 0 : VT_PG_FILE), kind == 2 ? 0 : pfn);
    }
    assert_encoded(entry, 3000);
  }
}
END_TEST

START_TEST(runs_are_long)
{
  static uint64_t entry[4096];

  for (unsigned i = 0; i < 4096; i++)
    entry[i] = entry_make(VT_PG_PRESENT, 7000 + i);
  assert_encoded(entry, 4096);
  ck_assert_uint_eq(sink_last()->records, 1); /* consecutive frames */
  for (unsigned i = 0; i < 4096; i++)
    entry[i] = entry_make(VT_PG_PRESENT | VT_PG_EXCLUSIVE, 0);
  assert_encoded(entry, 4096);
  ck_assert_uint_eq(sink_last()->records, 1); /* hidden ones */
  for (unsigned i = 0; i < 4096; i++)
    entry[i] = entry_make(VT_PG_PRESENT, 7000 + i * 2);
  assert_encoded(entry, 4096);
  ck_assert_uint_le(sink_last()->records, 4096 / RUNS_LIST_MAX + 1);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("frames: picture and runs");
  TCase *tests = unit_case(suite, "all", 60);

  tcase_add_test(tests, leaves_are_found_in_order);
  tcase_add_test(tests, runs_say_what_was_added);
  tcase_add_test(tests, runs_are_long);
  return unit_main(suite);
}
