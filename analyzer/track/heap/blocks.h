/*
 * The blocks that are live at one point of a trace: address to size, and
 * whatever a report keeps per block.  24 bytes for each, in one table.
 *
 * A freed block leaves its slot to the next one at the same address, which in
 * most programs comes soon; slots that nobody came back to go when the table is rebuilt.
 */
#ifndef VMTRACE_BLOCKS_H
#define VMTRACE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block {
  uint64_t addr;  /* 0: an empty slot */
  uint64_t size;  /* BLOCK_FREED: nothing lives here */
  uint32_t stack; /* call stack id */
  uint32_t born;  /* the caller's: in which of its intervals of time */
};

#define BLOCK_FREED UINT64_MAX /* a block of that size counts as one byte smaller */

struct blocks {
  struct block *slots; /* open addressing, a power of two of them */
  size_t mask;
  size_t used;   /* live blocks */
  size_t filled; /* slots that are not empty */
  unsigned hash_shift;
  uint64_t multiplier; /* random, so that no trace can be made to collide */
};

/* False when out of memory. */
bool blocks_init(struct blocks *b);
void blocks_release(struct blocks *b);

/* The slot of addr, or the empty one where it would be. */
static inline struct block *blocks_slot(const struct blocks *b, uint64_t addr)
{
  size_t i = (size_t)(addr * b->multiplier >> b->hash_shift);

  while (b->slots[i].addr && b->slots[i].addr != addr)
    i = (i + 1) & b->mask;
  return &b->slots[i];
}

/* Says that addr will be asked for soon. */
static inline void blocks_expect(const struct blocks *b, uint64_t addr)
{
  __builtin_prefetch(&b->slots[addr * b->multiplier >> b->hash_shift], 1);
}

static inline bool block_is_live(const struct block *slot)
{
  return slot->addr && slot->size != BLOCK_FREED;
}

/* The block at addr, to be read and changed in place (but for addr) until the next call; NULL when there is none. */
static inline struct block *blocks_find(const struct blocks *b, uint64_t addr)
{
  struct block *slot = blocks_slot(b, addr);

  return addr && block_is_live(slot) ? slot : NULL;
}

/* An empty slot for addr in a table with room for it; NULL without memory. */
struct block *blocks_room(struct blocks *b, uint64_t addr, struct block *slot);

/* Makes block live, and stores in replaced what lived at its address and whose free was lost (all zero: nothing did).
 * False without memory; the address 0 is ignored. */
static inline bool blocks_exchange(struct blocks *b, const struct block *block, struct block *replaced)
{
  struct block *slot = blocks_slot(b, block->addr);

  *replaced = block_is_live(slot) ? *slot : (struct block){0};
  if (!slot->addr) {
    if (!block->addr)
      return true;
    slot = blocks_room(b, block->addr, slot);
    if (!slot)
      return false;
  }
  b->used += !replaced->addr;
  *slot = *block;
  slot->size -= block->size == BLOCK_FREED;
  return true;
}

/* Takes the block at addr out and stores it in removed; false, and removed all zero, when there is none. */
static inline bool blocks_remove(struct blocks *b, uint64_t addr, struct block *removed)
{
  struct block *slot = blocks_find(b, addr);

  *removed = slot ? *slot : (struct block){0};
  if (slot) {
    slot->size = BLOCK_FREED;
    b->used--;
  }
  return slot != NULL;
}

/* Makes block live, in place of one at the same address. */
bool blocks_add(struct blocks *b, const struct block *block);

#endif
