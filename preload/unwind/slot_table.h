/*
 * The shape of both tables of this room: open addressing, linear probing, two
 * words per slot.  Readers follow the published table without a lock; writers
 * hold a lock of the table's owner.  A table that is half full is replaced by
 * one of twice the size; the old one gives its memory back and stays readable for ever, as an empty one: who still
 * looks there finds nothing, as it would before the slot was put, and asks the writers' side.
 * Used by frame_rule and stack_table.
 */
#ifndef VMTRACE_SLOT_TABLE_H
#define VMTRACE_SLOT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

/*
 * key != 0: the slot is taken, and value is complete (it is stored before the
 * key).  A reader may find the value of an older or a newer state of the slot, never a mixture.
 */
struct slot {
  uint64_t key, value;
};

struct slot_table {
  uint32_t mask;
  uint32_t used;
  _Alignas(64) struct slot slots[]; /* four in a cache line, none in two */
};

/* Multiplicative hashing (Knuth); the high bits are the good ones. */
#define SLOT_HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

/* Zeroed, with 2^n slots; NULL: out of memory. */
struct slot_table *slot_table_new(uint32_t slots);

/*
 * Room for one more in *current: itself or its larger successor, which is then
 * published.  move puts all slots that still matter into the successor, by slot_table_move; false: out of memory.
 * NULL: out of memory and full.  The owner's lock is held.
 */
struct slot_table *slot_table_grown(struct slot_table **current,
                                    bool (*move)(const struct slot_table *from, struct slot_table *to));

/* Puts a slot, whose key is not there yet, at its index or at the next free one.  The table is not published, or its
 * owner's lock is held and it has room. */
void slot_table_move(struct slot_table *to, const struct slot *slot, uint32_t index);

static inline struct slot_table *slot_table_get(struct slot_table *const *current)
{
  return __atomic_load_n(current, __ATOMIC_ACQUIRE);
}

/* The owner's lock is held; s is empty or has that key. */
static inline void slot_put(struct slot *s, uint64_t key, uint64_t value)
{
  __atomic_store_n(&s->value, value, __ATOMIC_RELAXED);
  __atomic_store_n(&s->key, key, __ATOMIC_RELEASE);
}

#endif
