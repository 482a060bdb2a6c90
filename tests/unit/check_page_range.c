/*
 * The sweep over lists of ranges, against a plain look at every position.
 */
#include <check.h>
#include <stdlib.h>

#include "track/pages/page_range.h"

#include "unit.h"

#define LANES 5
#define SPACE 200 /* positions */

static void add(struct range_list *list, uint64_t start, uint32_t count, uint32_t sample, uint64_t value)
{
  ck_assert_int_eq(range_list_add(list, (struct range){start, value, count, sample}), 0);
}

static bool covers(const struct range *r, uint64_t position)
{
  return position >= r->start && position < r->start + r->count;
}

/* What the sweep says of this lane and position is what the list says, ordered by sample. */
static void compare_lane(const struct sweep *sweep, const struct range_list *list, uint32_t lane, uint64_t position)
{
  size_t count, expected = 0;
  const struct range *const *found = sweep_ranges(sweep, lane, &count);

  for (size_t i = 0; i < list->count; i++)
    expected += covers(&list->items[i], position);
  ck_assert_uint_eq(count, expected);
  for (size_t i = 0; i < count; i++) {
    ck_assert(covers(found[i], position));
    ck_assert(!i || found[i - 1]->sample <= found[i]->sample);
    ck_assert(!i || found[i - 1] != found[i]);
  }
}

static bool covered(const struct range_list *lists, uint64_t position)
{
  for (size_t lane = 0; lane < LANES; lane++) {
    for (size_t i = 0; i < lists[lane].count; i++) {
      if (covers(&lists[lane].items[i], position))
        return true;
    }
  }
  return false;
}

START_TEST(random_lists)
{
  struct range_list lists[LANES] = {0};
  const struct range_list *pointers[LANES];
  struct sweep *sweep;
  struct segment segment;
  uint64_t position = 0;
  int more;

  srand((unsigned)_i);
  for (uint32_t lane = 0; lane < LANES; lane++) {
    unsigned n = (unsigned)rand() % 12; /* some lanes stay empty */

    for (unsigned i = 0; i < n; i++)
      add(&lists[lane], (uint64_t)(rand() % SPACE), (uint32_t)(rand() % 40), (uint32_t)(rand() % 6), i);
    range_list_sort(&lists[lane]);
    pointers[lane] = &lists[lane];
  }
  sweep = sweep_new(pointers, LANES);
  ck_assert_ptr_nonnull(sweep);
  while ((more = sweep_next(sweep, &segment)) > 0) {
    ck_assert_uint_gt(segment.count, 0);
    for (; position < segment.start; position++)
      ck_assert(!covered(lists, position));
    for (; position < segment.start + segment.count; position++) {
      size_t occupied = 0;

      for (uint32_t lane = 0; lane < LANES; lane++) {
        size_t count;

        compare_lane(sweep, &lists[lane], lane, position);
        sweep_ranges(sweep, lane, &count);
        if (count)
          ck_assert_uint_eq(segment.lanes[occupied++], lane);
      }
      ck_assert_uint_eq(segment.lane_count, occupied);
    }
  }
  ck_assert_int_eq(more, 0);
  for (; position < 2 * SPACE; position++)
    ck_assert(!covered(lists, position));
  sweep_free(sweep);
  for (size_t lane = 0; lane < LANES; lane++)
    range_list_free(&lists[lane]);
}
END_TEST

/* A range of many pages is one step, however far it reaches. */
START_TEST(long_ranges)
{
  struct range_list list = {0};
  const struct range_list *pointer = &list;
  struct sweep *sweep;
  struct segment segment;

  add(&list, UINT64_C(1) << 51, UINT32_MAX, 0, 1);
  add(&list, (UINT64_C(1) << 51) + 1000, 1, 1, 2);
  range_list_sort(&list);
  sweep = sweep_new(&pointer, 1);
  ck_assert_int_eq(sweep_next(sweep, &segment), 1);
  ck_assert_uint_eq(segment.count, 1000);
  ck_assert_int_eq(sweep_next(sweep, &segment), 1);
  ck_assert_uint_eq(segment.count, 1);
  ck_assert_int_eq(sweep_next(sweep, &segment), 1);
  ck_assert_uint_eq(segment.start + segment.count, (UINT64_C(1) << 51) + UINT32_MAX);
  ck_assert_int_eq(sweep_next(sweep, &segment), 0);
  ck_assert_int_eq(sweep_next(sweep, &segment), 0);
  sweep_free(sweep);
  range_list_free(&list);
}
END_TEST

START_TEST(nothing)
{
  struct sweep *sweep = sweep_new(NULL, 0);
  struct segment segment;

  ck_assert_int_eq(sweep_next(sweep, &segment), 0);
  sweep_free(sweep);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("page_range");
  TCase *tcase = unit_case(suite, "page_range", 60);

  tcase_add_loop_test(tcase, random_lists, 0, 200);
  tcase_add_test(tcase, long_ranges);
  tcase_add_test(tcase, nothing);
  return unit_main(suite);
}
