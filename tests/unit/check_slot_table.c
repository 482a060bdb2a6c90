/*
 * Growing the tables of call stacks and rules: nothing that was put is lost,
 * and the table that was replaced gives its memory back and reads as an empty one.
 */
#include <check.h>

#include "unwind/slot_table.h"

#include "unit.h"

#define SLOTS 4096u
#define FIRST_PAGE (4096u / sizeof(struct slot)) /* more slots than the page with the mask has */

static uint32_t hash_of(uint64_t key)
{
  return (uint32_t)(key * SLOT_HASH_FACTOR >> 32);
}

/* What has no value is left behind. */
static bool move_all(const struct slot_table *from, struct slot_table *to)
{
  for (uint32_t i = 0; i <= from->mask; i++)
    if (from->slots[i].value)
      slot_table_move(to, &from->slots[i], hash_of(from->slots[i].key));
  return true;
}

static bool move_nothing(const struct slot_table *from, struct slot_table *to)
{
  (void)from;
  (void)to;
  return false;
}

static uint64_t find(const struct slot_table *t, uint64_t key)
{
  uint32_t at = hash_of(key);

  while (t->slots[at & t->mask].key && t->slots[at & t->mask].key != key)
    at++;
  return t->slots[at & t->mask].value;
}

static void put(struct slot_table *t, uint64_t key, uint64_t value)
{
  slot_table_move(t, &(struct slot){key, value}, hash_of(key));
}

START_TEST(grown_table)
{
  struct slot_table *first = slot_table_new(SLOTS), *current = first;
  uint64_t key = 1;

  for (; current == first; key++) {
    put(slot_table_grown(&current, move_all), key, ~key);
    ck_assert_uint_lt(key, SLOTS);
  }
  ck_assert_uint_eq(current->mask, 2 * SLOTS - 1);
  ck_assert_uint_eq(current->used, key - 1);
  for (uint64_t k = 1; k < key; k++)
    ck_assert_uint_eq(find(current, k), ~k);
  ck_assert_uint_eq(first->mask, SLOTS - 1);
  for (uint32_t i = FIRST_PAGE; i < SLOTS; i++)
    ck_assert_msg(!first->slots[i].key && !first->slots[i].value, "slot %u is there still", i);
}
END_TEST

/* A forgotten slot has no value: it is left behind. */
START_TEST(forgotten_slots)
{
  struct slot_table *first = slot_table_new(SLOTS), *current = first;

  for (uint64_t key = 1; key <= SLOTS / 2; key++)
    put(current, key, key % 2);
  ck_assert_ptr_ne(slot_table_grown(&current, move_all), first);
  ck_assert_uint_eq(current->used, SLOTS / 4);
  ck_assert_uint_eq(find(current, 7), 1);
  ck_assert_uint_eq(find(current, 8), 0);
}
END_TEST

/* Without memory for the move the table is filled up to its last slot but one: a search ends at an empty one. */
START_TEST(no_memory_to_grow)
{
  struct slot_table *first = slot_table_new(8), *current = first;

  for (uint64_t key = 1; key <= 7; key++) {
    ck_assert_ptr_eq(slot_table_grown(&current, move_nothing), first);
    put(first, key, key);
  }
  ck_assert_ptr_null(slot_table_grown(&current, move_nothing));
  ck_assert_ptr_eq(current, first);
}
END_TEST

/* Large tables begin where huge pages do, and no slot lies in two cache lines. */
START_TEST(large_table)
{
  struct slot_table *t = slot_table_new(1u << 18);

  ck_assert_uint_eq((uintptr_t)t % (2u << 20), 0);
  ck_assert_uint_eq((uintptr_t)t->slots % 64, 0);
  t->slots[t->mask].value = 1;
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("slot_table");
  TCase *tc = unit_case(suite, "growth", 60);

  tcase_add_test(tc, grown_table);
  tcase_add_test(tc, forgotten_slots);
  tcase_add_test(tc, no_memory_to_grow);
  tcase_add_test(tc, large_table);
  return unit_main(suite);
}
