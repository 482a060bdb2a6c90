/*
 * The blocks that are live at one point of a trace: address to size, and
 * whatever a report keeps per block.  24 bytes for each, in one table.
 */
#ifndef VMTRACE_BLOCKS_H
#define VMTRACE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block {
  uint64_t addr; /* 0: an empty slot */
  uint64_t size;
  uint32_t stack; /* call stack id */
  uint32_t data;  /* the caller's */
};

struct blocks {
  struct block *slots; /* open addressing, a power of two of them */
  size_t mask, used;
  unsigned hash_shift;
  uint64_t multiplier; /* random, so that no trace can be made to collide */
};

/* False when out of memory. */
bool blocks_init(struct blocks *b);
void blocks_release(struct blocks *b);

/* The block at addr, to be read and changed in place (but for addr) until the next call; NULL when there is none. */
struct block *blocks_find(const struct blocks *b, uint64_t addr);

/* Makes block live, in place of one at the same address (whose free was lost).  False without memory; the address 0
 * is ignored. */
bool blocks_add(struct blocks *b, const struct block *block);

/* The same, and stores what was there in replaced (all zero: nothing). */
bool blocks_exchange(struct blocks *b, const struct block *block, struct block *replaced);

/* Takes the block at addr out and stores it in removed; false, and removed all zero, when there is none. */
bool blocks_remove(struct blocks *b, uint64_t addr, struct block *removed);

#endif
