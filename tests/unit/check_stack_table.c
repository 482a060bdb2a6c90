/*
 * The table of call stacks: a node keeps its id, until what it stands for is
 * gone, and there is room for any number.
 */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "unit.h"
#include "unwind/stack_table.h"
#include "unwind/unwind.h"

START_TEST(forgotten_nodes_get_new_ids)
{
  bool made;
  uint32_t first, inner, again;

  ck_assert(stack_table_start());
  first = stack_table_intern(VT_STACK_COMPLETE, 0x1000, &made);
  inner = stack_table_intern(first, 0x5000, &made);
  stack_table_forget(0xf00, 0x1100);
  again = stack_table_intern(VT_STACK_COMPLETE, 0x1000, &made);
  ck_assert(made);
  ck_assert_uint_ne(again, first);
  ck_assert_uint_ne(stack_table_intern(again, 0x5000, &made), inner);
}
END_TEST

START_TEST(table_grows)
{
  bool made;

  ck_assert(stack_table_start());
  for (uint32_t i = 0; i < 50000; i++) {
    ck_assert_uint_eq(stack_table_intern(VT_STACK_COMPLETE, 0x1000 + i * 4, &made), VT_STACK_FIRST + i);
    ck_assert(made);
  }
  for (uint32_t i = 0; i < 50000; i++) {
    ck_assert_uint_eq(stack_table_intern(VT_STACK_COMPLETE, 0x1000 + i * 4, &made), VT_STACK_FIRST + i);
    ck_assert(!made);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("stack_table");
  TCase *tests = unit_case(suite, "stack_table", 60);

  tcase_add_test(tests, forgotten_nodes_get_new_ids);
  tcase_add_test(tests, table_grows);
  return unit_main(suite);
}
