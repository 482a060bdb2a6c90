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

static struct stack_node intern(struct stack_node caller, uint64_t pc)
{
  bool made;

  return stack_table_intern(caller, pc, &made);
}

static struct stack_node root(void)
{
  return stack_table_root(VT_STACK_COMPLETE);
}

START_TEST(forgotten_nodes_get_new_ids)
{
  struct stack_node first, inner, again;

  ck_assert(stack_table_start());
  first = intern(root(), 0x1000);
  inner = intern(first, 0x5000);
  stack_table_forget(0xf00, 0x1100);
  again = intern(root(), 0x1000);
  ck_assert_uint_ne(again.id, first.id);
  ck_assert_uint_ne(intern(again, 0x5000).id, inner.id);
}
END_TEST

/* Chains of callers, so that a table that grows must find each one's place anew. */
START_TEST(table_grows)
{
  bool made;

  ck_assert(stack_table_start());
  for (uint32_t pass = 0; pass < 2; pass++) {
    struct stack_node node = root();

    for (uint32_t i = 0; i < 50000; i++) {
      node = stack_table_intern(i % 100 ? node : root(), 0x1000 + i % 1000 * 4 + i / 1000 * 0x100000, &made);
      ck_assert_uint_eq(node.id, VT_STACK_FIRST + i);
      ck_assert(made == !pass);
    }
  }
}
END_TEST

/* A pair is told by both of its halves: the same pc under other callers is another node. */
START_TEST(pairs_are_told_apart)
{
  struct stack_node a, b;

  ck_assert(stack_table_start());
  a = intern(root(), 0x1000);
  b = intern(stack_table_root(VT_STACK_LIMIT), 0x1000);
  ck_assert_uint_ne(a.id, b.id);
  ck_assert_uint_ne(intern(a, 0x2000).id, intern(b, 0x2000).id);
  ck_assert_uint_eq(stack_table_find(b, 0x3000).id, 0);
  /* A caller that only looks alike: equal in its way, not in its id. */
  ck_assert_uint_eq(stack_table_find((struct stack_node){b.id, a.way}, 0x2000).id, 0);
}
END_TEST

/* Forgotten callers while the table grows: what they called is gone with them, the others stay. */
START_TEST(grows_after_forgetting)
{
  struct stack_node gone, kept, inner, below;

  ck_assert(stack_table_start());
  gone = intern(root(), 0x1000);
  kept = intern(root(), 0x2000);
  below = intern(intern(gone, 0x5000), 0x6000);
  inner = intern(kept, 0x5000);
  stack_table_forget(0x1000, 0x1100);
  for (uint32_t i = 0; i < 20000; i++)
    intern(kept, 0x100000 + i * 4);
  ck_assert_uint_eq(intern(root(), 0x2000).id, kept.id);
  ck_assert_uint_eq(intern(kept, 0x5000).id, inner.id);
  ck_assert_uint_gt(intern(intern(intern(root(), 0x1000), 0x5000), 0x6000).id, below.id);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("stack_table");
  TCase *tests = unit_case(suite, "stack_table", 60);

  tcase_add_test(tests, forgotten_nodes_get_new_ids);
  tcase_add_test(tests, table_grows);
  tcase_add_test(tests, pairs_are_told_apart);
  tcase_add_test(tests, grows_after_forgetting);
  return unit_main(suite);
}
