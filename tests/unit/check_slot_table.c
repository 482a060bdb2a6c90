/*
 * Growing the tables of call stacks and rules: nothing that was put is lost,
 * and the table that was replaced gives its memory back and reads as an empty one.
 */
#include <check.h>
#include <stdlib.h>

#include "unwind/slot_table.h"

#define SLOTS 4096u
#define FIRST_PAGE (4096u / sizeof(struct slot)) /* more slots than the page with the mask has */

static uint32_t hash_of(const struct slot *slot)
{
  return (uint32_t)(slot->key * SLOT_HASH_FACTOR >> 32);
}

static uint64_t find(const struct slot_table *t, uint64_t key)
{
  const struct slot wanted = {.key = key};
  uint32_t at = hash_of(&wanted);

  while (t->slots[at & t->mask].key && t->slots[at & t->mask].key != key)
    at++;
  return t->slots[at & t->mask].value;
}

static void put(struct slot_table *t, uint64_t key, uint64_t value)
{
  const struct slot wanted = {.key = key};
  uint32_t at = hash_of(&wanted);

  while (t->slots[at & t->mask].key)
    at++;
  slot_put(&t->slots[at & t->mask], key, value);
  t->used++;
}

START_TEST(grown_table)
{
  struct slot_table *first = slot_table_new(SLOTS), *current = first;
  uint64_t key = 1;

  for (; current == first; key++) {
    put(slot_table_grown(&current, hash_of), key, ~key);
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
  ck_assert_ptr_ne(slot_table_grown(&current, hash_of), first);
  ck_assert_uint_eq(current->used, SLOTS / 4);
  ck_assert_uint_eq(find(current, 7), 1);
  ck_assert_uint_eq(find(current, 8), 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("slot_table");
  TCase *tc = tcase_create("growth");
  SRunner *runner;
  int failed;

  tcase_add_test(tc, grown_table);
  tcase_add_test(tc, forgotten_slots);
  suite_add_tcase(suite, tc);
  runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
