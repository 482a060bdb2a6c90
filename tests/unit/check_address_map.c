/*
 * Unit tests of symbols/address_map: which of many overlapping ranges is in
 * force, against looking at all of them.
 */
#include <check.h>
#include <stdlib.h>

#include "symbols/address_map.h"

#include "unit.h"

#define RANGES 60
#define SPACE 200u

/* What the header promises, in the simplest way. */
static const struct address_range *in_force(const struct address_range *all, unsigned count, uint64_t addr,
                                            enum address_order order)
{
  const struct address_range *best = NULL;

  for (unsigned i = 0; i < count; i++) {
    const struct address_range *r = &all[i];

    if (addr < r->start || addr >= r->end)
      continue;
    if (!best || (order == ADDRESS_LATEST && r->rank > best->rank))
      best = r;
    else if (order == ADDRESS_INNERMOST && (r->start > best->start || (r->start == best->start && r->end < best->end) ||
                                            (r->start == best->start && r->end == best->end && r->rank > best->rank)))
      best = r;
  }
  return best;
}

static void compare_at_random(enum address_order order, unsigned seed)
{
  struct address_range all[RANGES];
  struct address_map m = {0};
  unsigned count = (unsigned)rand_r(&seed) % RANGES;

  for (unsigned i = 0; i < count; i++) {
    uint64_t start = (unsigned)rand_r(&seed) % SPACE, end = start + (unsigned)rand_r(&seed) % 40;

    all[i] = (struct address_range){start, end, i + 1, i};
    address_map_add(&m, all[i]);
  }
  address_map_finish(&m, order);
  for (uint64_t addr = 0; addr < SPACE + 50; addr++) {
    const struct address_range *expected = in_force(all, count, addr, order), *found = address_map_find(&m, addr);

    ck_assert_msg(expected ? found && found->value == expected->value : !found, "seed %u, address %lu", seed,
                  (unsigned long)addr);
  }
  address_map_release(&m);
}

START_TEST(the_innermost_is_in_force)
{
  for (unsigned seed = 1; seed <= 500; seed++)
    compare_at_random(ADDRESS_INNERMOST, seed);
}
END_TEST

START_TEST(the_latest_is_in_force)
{
  for (unsigned seed = 1; seed <= 500; seed++)
    compare_at_random(ADDRESS_LATEST, seed);
}
END_TEST

/* 200,000 ranges that all overlap: a search that goes through those around an address would take hours. */
START_TEST(many_ranges_on_top_of_each_other)
{
  struct address_map m = {0};
  const uint64_t count = 200000;

  for (uint64_t i = 0; i < count; i++)
    address_map_add(&m, (struct address_range){i, 2 * count - i, i, 0});
  address_map_finish(&m, ADDRESS_INNERMOST);
  for (uint64_t i = 0; i < count; i++) {
    ck_assert_uint_eq(address_map_find(&m, i)->value, i);
    ck_assert_uint_eq(address_map_find(&m, 2 * count - 1 - i)->value, i);
  }
  ck_assert_ptr_null(address_map_find(&m, 2 * count));
  address_map_release(&m);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("address map");
  TCase *tc = unit_case(suite, "overlaps", 60);

  tcase_add_test(tc, the_innermost_is_in_force);
  tcase_add_test(tc, the_latest_is_in_force);
  tcase_add_test(tc, many_ranges_on_top_of_each_other);
  return unit_main(suite);
}
