/*
 * The table of stack nodes: (parent, pc) to id, each pair once per process.
 * Lookups take no lock; a new node takes one for a moment.  Memory is the library's own.
 */
#ifndef VMTRACE_STACK_TABLE_H
#define VMTRACE_STACK_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "unwind/slot_table.h"

/* Prepares the table; false: out of memory. */
bool stack_table_start(void);

/* Nodes of pcs in [start, end] are never found again: the code there is another now. */
void stack_table_forget(uint64_t start, uint64_t end);

/* In the child the table starts anew: its trace has none of the parent's nodes. */
void stack_table_before_fork(void);
void stack_table_after_fork(bool child);

/* stack_table_intern for a pair that a reader did not find. */
uint32_t stack_table_add(uint32_t parent, uint64_t pc, bool *made);

/* For messages: the pair of a node, by looking at all of them.  False: no such node, or it was forgotten. */
bool stack_table_entry(uint32_t id, uint32_t *parent, uint64_t *pc);

/* ---- the readers' side ---- */

extern struct slot_table *stack_table_current __attribute__((visibility("hidden")));

/* The parent comes in late: its part is the shorter way. */
static inline uint32_t stack_table_hash(uint32_t parent, uint64_t pc)
{
  return (uint32_t)(pc * SLOT_HASH_FACTOR >> 32) + parent * UINT32_C(0x9e3779b1);
}

/* The node of pc under parent; 0: there is none.  A slot is keyed by its pc, and its value is the parent above the id.
 */
static inline uint32_t stack_table_find(uint32_t parent, uint64_t pc)
{
  struct slot_table *t = slot_table_get(&stack_table_current);

  for (uint32_t at = stack_table_hash(parent, pc);; at++) {
    const struct slot *s = &t->slots[at & t->mask];
    uint64_t key = __atomic_load_n(&s->key, __ATOMIC_ACQUIRE);
    uint64_t value = __atomic_load_n(&s->value, __ATOMIC_RELAXED);

    if (likely(key == pc) && likely(value >> 32 == parent))
      return (uint32_t)value;
    if (unlikely(!key))
      return 0;
  }
}

/* The same, made if need be (*made tells).  0: out of memory. */
static inline uint32_t stack_table_intern(uint32_t parent, uint64_t pc, bool *made)
{
  uint32_t id = stack_table_find(parent, pc);

  *made = false;
  return likely(id) ? id : stack_table_add(parent, pc, made);
}

#endif
