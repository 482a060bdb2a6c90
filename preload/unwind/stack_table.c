/*
 * The table of stack nodes: the writers' side.
 */
#include "unwind/stack_table.h"

#include <stddef.h>

#include "vmtrace/format.h"

#define FIRST_SLOTS 256u /* 4 KiB: entries lie all over a table, and each page of it is a fault in a short process */
/* No pc of user code: the slot of a forgotten node stays in its chain, but matches nothing. */
#define DEAD_PC UINT64_MAX

struct slot_table *stack_table_current;
static struct lock writers;
static uint32_t next_id = VT_STACK_FIRST; /* never reused, not even after fork */

bool stack_table_start(void)
{
  if (!stack_table_current)
    stack_table_current = slot_table_new(FIRST_SLOTS);
  return stack_table_current != NULL;
}

static uint32_t hash_of_slot(const struct slot *s)
{
  return stack_table_hash((uint32_t)(s->value >> 32), s->key);
}

uint32_t stack_table_add(uint32_t parent, uint64_t pc, bool *made)
{
  struct slot_table *t;
  uint32_t id = 0;

  lock_take(&writers);
  t = slot_table_grown(&stack_table_current, hash_of_slot);
  if (t) {
    uint32_t at = stack_table_hash(parent, pc);
    struct slot *s = &t->slots[at & t->mask];

    while (s->key && !(s->key == pc && s->value >> 32 == parent))
      s = &t->slots[++at & t->mask];
    id = (uint32_t)s->value;
    if (!s->key && next_id != UINT32_MAX) {
      id = next_id++;
      slot_put(s, pc, (uint64_t)parent << 32 | id);
      t->used++;
      *made = true;
    }
  }
  lock_release(&writers);
  return id;
}

bool stack_table_entry(uint32_t id, uint32_t *parent, uint64_t *pc)
{
  const struct slot_table *t = slot_table_get(&stack_table_current);

  for (uint32_t i = 0; id >= VT_STACK_FIRST && i <= t->mask; i++) {
    if ((uint32_t)t->slots[i].value != id)
      continue;
    *parent = (uint32_t)(t->slots[i].value >> 32);
    *pc = t->slots[i].key;
    return *pc != DEAD_PC;
  }
  return false;
}

void stack_table_forget(uint64_t start, uint64_t end)
{
  struct slot_table *t;

  lock_take(&writers);
  t = stack_table_current;
  for (uint32_t i = 0; t && i <= t->mask; i++) {
    struct slot *s = &t->slots[i];

    if (s->key && s->key >= start && s->key <= end) {
      __atomic_store_n(&s->key, DEAD_PC, __ATOMIC_RELAXED);
      __atomic_store_n(&s->value, 0, __ATOMIC_RELAXED);
    }
  }
  lock_release(&writers);
}

void stack_table_before_fork(void)
{
  lock_take(&writers);
}

void stack_table_after_fork(bool child)
{
  struct slot_table *fresh;

  if (!child) {
    lock_release(&writers);
    return;
  }
  lock_reset(&writers);
  /* The child's trace is a file of its own: it must hold every node that its stacks use. */
  fresh = stack_table_current ? slot_table_new(FIRST_SLOTS) : NULL;
  if (fresh)
    stack_table_current = fresh;
}
