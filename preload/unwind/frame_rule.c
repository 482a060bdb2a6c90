/*
 * The table of frame rules: the writers' side.  The key of a slot is the pc
 * and its exactness, the value the rule, one word, so that a reader sees all of it or nothing.  A forgotten rule's
 * slot stays in its chain with value 0.
 */
#include "unwind/frame_rule.h"

#include <stddef.h>

#include "base/lock_table.h"

#define FIRST_SLOTS 256u /* 4 KiB: entries lie all over a table, and each page of it is a fault in a short process */

struct slot_table *frame_rules_current;

_Static_assert(sizeof(struct frame_rule) == sizeof(uint64_t), "a rule is one word");

bool frame_rules_start(void)
{
  if (!frame_rules_current)
    frame_rules_current = slot_table_new(FIRST_SLOTS);
  return frame_rules_current != NULL;
}

static bool move_rules(const struct slot_table *from, struct slot_table *to)
{
  for (uint32_t i = 0; i <= from->mask; i++) {
    const struct slot *s = &from->slots[i];

    if (s->value)
      slot_table_move(to, s, frame_rule_hash(s->key));
  }
  return true;
}

void frame_rule_add(uint64_t pc, bool exact, struct frame_rule rule)
{
  uint64_t key = frame_rule_key(pc, exact), word, mask;
  struct slot_table *t;

  __builtin_memcpy(&word, &rule, sizeof word);
  mask = masked_lock_take(&lock_rules);
  t = slot_table_grown(&frame_rules_current, move_rules);
  if (t) {
    uint32_t at = frame_rule_hash(key);

    while (t->slots[at & t->mask].key && t->slots[at & t->mask].key != key)
      at++;
    if (!t->slots[at & t->mask].key)
      t->used++;
    slot_put(&t->slots[at & t->mask], key, word);
  }
  masked_lock_release(&lock_rules, mask);
}

void frame_rules_forget(uint64_t start, uint64_t end)
{
  uint64_t mask = masked_lock_take(&lock_rules);

  if (frame_rules_current) {
    for (uint32_t i = 0; i <= frame_rules_current->mask; i++) {
      struct slot *s = &frame_rules_current->slots[i];

      /* A return address may be one past the range when its call is the last instruction in it. */
      if (s->key >> 1 >= start && s->key >> 1 <= end)
        __atomic_store_n(&s->value, 0, __ATOMIC_RELAXED);
    }
  }
  masked_lock_release(&lock_rules, mask);
}
