/*
 * The table of stack nodes: (caller's node, pc) to id, each pair once per process.
 * Lookups take no lock; a new node takes one for a moment.  Memory is the library's own.
 *
 * A node's place in the table follows from the pcs of its stack alone, not from
 * its caller's id.  So the places of all new frames of a stack can be computed, and fetched, at once: in
 * a large program most of them are not in the processor's caches, and one after the other they would be
 * half of what a stack costs.
 */
#ifndef VMTRACE_STACK_TABLE_H
#define VMTRACE_STACK_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "unwind/slot_table.h"

/* way: a hash of the pcs from the outermost frame to this one. */
struct stack_node {
  uint32_t id, way;
};

/* Prepares the table; false: out of memory. */
bool stack_table_start(void);

/* Nodes of pcs in [start, end] are never found again: the code there is another now. */
void stack_table_forget(uint64_t start, uint64_t end);

/* The table starts anew: the trace has none of its nodes, as in the child of a fork, or may lack one.  Without the
 * writers' lock, by the only thread that could hold it. */
void stack_table_renew(void);

/* stack_table_intern for a pair that a reader did not find. */
struct stack_node stack_table_add(struct stack_node caller, uint64_t pc, bool *made);

/* For messages: the pair of a node, by looking at all of them.  False: no such node, or it was forgotten. */
bool stack_table_entry(uint32_t id, uint32_t *parent, uint64_t *pc);

/* ---- the readers' side ---- */

extern struct slot_table *stack_table_current __attribute__((visibility("hidden")));

/* The caller of an outermost frame: how the walk ended (VT_STACK_COMPLETE and others below VT_STACK_FIRST). */
static inline struct stack_node stack_table_root(uint32_t root)
{
  return (struct stack_node){root, root};
}

/* The caller comes in late: its part is the shorter way. */
static inline uint32_t stack_table_way(uint32_t caller, uint64_t pc)
{
  return (uint32_t)(pc * SLOT_HASH_FACTOR >> 32) + caller * UINT32_C(0x9e3779b1);
}

/* The node of pc under its caller; id 0: there is none.  A slot is keyed by its pc, and its value is the caller's id
 * above the node's. */
static inline struct stack_node stack_table_find(struct stack_node caller, uint64_t pc)
{
  struct slot_table *t = slot_table_get(&stack_table_current);
  uint32_t way = stack_table_way(caller.way, pc);

  for (uint32_t at = way;; at++) {
    const struct slot *s = &t->slots[at & t->mask];
    uint64_t key = __atomic_load_n(&s->key, __ATOMIC_ACQUIRE);
    uint64_t value = __atomic_load_n(&s->value, __ATOMIC_RELAXED);

    if (likely(key == pc) && likely(value >> 32 == caller.id))
      return (struct stack_node){(uint32_t)value, way};
    if (unlikely(!key))
      return (struct stack_node){0, way};
  }
}

/* The same, made if need be (*made tells).  id 0: out of memory. */
static inline struct stack_node stack_table_intern(struct stack_node caller, uint64_t pc, bool *made)
{
  struct stack_node node = stack_table_find(caller, pc);

  *made = false;
  return likely(node.id) ? node : stack_table_add(caller, pc, made);
}

/* That node will be looked for soon. */
static inline void stack_table_prefetch(uint32_t way)
{
  const struct slot_table *t = slot_table_get(&stack_table_current);

  __builtin_prefetch(&t->slots[way & t->mask]);
}

#endif
