/*
 * The table of stack nodes: the writers' side.
 */
#include "unwind/stack_table.h"

#include <stddef.h>

#include "base/lock_table.h"
#include "base/own.h"
#include "vmtrace/format.h"

#define FIRST_SLOTS 256u /* 4 KiB: entries lie all over a table, and each page of it is a fault in a short process */
/* No pc of user code: the slot of a forgotten node stays in its chain, but matches nothing. */
#define DEAD_PC UINT64_MAX

struct slot_table *stack_table_current;
static uint32_t next_id = VT_STACK_FIRST;  /* never reused, not even after fork */
static uint32_t first_id = VT_STACK_FIRST; /* of the present table */

bool stack_table_start(void)
{
  if (!stack_table_current)
    stack_table_current = slot_table_new(FIRST_SLOTS);
  return stack_table_current != NULL;
}

/* For each id from first_id on: 1 + its slot's index, or 0 when there is none; and its way. */
struct place {
  uint32_t slot, way;
};

/* The way to a caller of which no slot is left is not known: nobody can ask for what it calls, either. */
static bool way_of(const struct place *place, uint32_t id, uint32_t *way)
{
  if (id < VT_STACK_FIRST) {
    *way = stack_table_root(id).way;
    return true;
  }
  if (id < first_id || !place[id - first_id].slot)
    return false;
  *way = place[id - first_id].way;
  return true;
}

/* Ways are not in the slots, but follow from the callers'; and a caller's id is smaller. */
static bool move_nodes(const struct slot_table *from, struct slot_table *to)
{
  uint32_t ids = next_id - first_id, caller;
  struct place *place = own_map(ids * sizeof *place);

  if (!place)
    return false;
  for (uint32_t i = 0; i <= from->mask; i++)
    if (from->slots[i].value)
      place[(uint32_t)from->slots[i].value - first_id].slot = i + 1;
  for (struct place *p = place; p < place + ids; p++) {
    const struct slot *s = p->slot ? &from->slots[p->slot - 1] : NULL;

    if (s && way_of(place, (uint32_t)(s->value >> 32), &caller)) {
      p->way = stack_table_way(caller, s->key);
      slot_table_move(to, s, p->way);
    } else {
      p->slot = 0;
    }
  }
  own_unmap(place, ids * sizeof *place);
  return true;
}

struct stack_node stack_table_add(struct stack_node caller, uint64_t pc, bool *made)
{
  struct stack_node node = {0, stack_table_way(caller.way, pc)};
  struct slot_table *t;

  guarded_lock_take(&lock_stacks);
  t = slot_table_grown(&stack_table_current, move_nodes);
  if (t) {
    uint32_t at = node.way;
    struct slot *s = &t->slots[at & t->mask];

    while (s->key && !(s->key == pc && s->value >> 32 == caller.id))
      s = &t->slots[++at & t->mask];
    node.id = (uint32_t)s->value;
    if (!s->key && next_id != UINT32_MAX) {
      node.id = next_id++;
      slot_put(s, pc, (uint64_t)caller.id << 32 | node.id);
      t->used++;
      *made = true;
    }
  }
  guarded_lock_release(&lock_stacks);
  return node;
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

  guarded_lock_take(&lock_stacks);
  t = stack_table_current;
  for (uint32_t i = 0; t && i <= t->mask; i++) {
    struct slot *s = &t->slots[i];

    if (s->key && s->key >= start && s->key <= end) {
      __atomic_store_n(&s->key, DEAD_PC, __ATOMIC_RELAXED);
      __atomic_store_n(&s->value, 0, __ATOMIC_RELAXED);
    }
  }
  guarded_lock_release(&lock_stacks);
}

void stack_table_renew(void)
{
  struct slot_table *fresh = stack_table_current ? slot_table_new(FIRST_SLOTS) : NULL;

  if (!fresh)
    return;
  __atomic_store_n(&stack_table_current, fresh, __ATOMIC_RELEASE);
  first_id = next_id;
}
