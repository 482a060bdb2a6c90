/*
 * Which blocks are the latest allocation of the thread that made them.  What is
 * freed while it is that was temporary.  A handful of instructions an event
 * as long as one thread goes on; a small table by address for all others.
 */
#ifndef VMTRACE_LATEST_BLOCKS_H
#define VMTRACE_LATEST_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "track/id_table.h"

/* A block that is the latest of a thread that is not at hand. */
struct parked_block {
  uint64_t addr; /* 0: an empty slot */
  uint32_t thread;
};

/* All zero knows nothing. */
struct latest_blocks {
  uint64_t addr;   /* of the thread at hand; 0: it was freed */
  uint32_t thread; /* at hand */
  bool begun;
  struct id_table parked;     /* uint64_t by thread: those that are not at hand; 0: none */
  struct parked_block *slots; /* a hash table of the same, by address */
  size_t mask, used;
};

void latest_blocks_release(struct latest_blocks *l);

/* Another thread than the one at hand allocates. */
void latest_blocks_switch(struct latest_blocks *l, uint32_t thread);
/* Whether a thread that is not at hand has allocated addr at last; forgets it. */
bool latest_blocks_parked(struct latest_blocks *l, uint64_t addr);

static inline void latest_blocks_alloc(struct latest_blocks *l, uint32_t thread, uint64_t addr)
{
  if (__builtin_expect(thread != l->thread || !l->begun, 0))
    latest_blocks_switch(l, thread);
  l->addr = addr;
}

/* The block at addr is freed: whether it was temporary. */
static inline bool latest_blocks_free(struct latest_blocks *l, uint64_t addr)
{
  if (l->addr == addr) {
    l->addr = 0;
    return true;
  }
  return l->used && latest_blocks_parked(l, addr);
}

#endif
