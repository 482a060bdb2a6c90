/*
 * The table of live blocks: its cold half.  See blocks.h.  Knows nothing of
 * events; called by heap_counts.c and cmd/dump.c, for sizes of freed blocks.
 */
#include "track/heap/blocks.h"

#include <stdlib.h>
#include <sys/random.h>

#include "reader/xalloc.h"

#define FIRST_BITS 12

bool blocks_init(struct blocks *b)
{
  uint64_t seed = 0;

  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
    seed = (uint64_t)(uintptr_t)b;
  *b = (struct blocks){.mask = ((size_t)1 << FIRST_BITS) - 1,
                       .hash_shift = 64 - FIRST_BITS,
                       .multiplier = (UINT64_C(0x9e3779b97f4a7c15) ^ seed) | 1,
                       .slots = xtable((size_t)1 << FIRST_BITS, sizeof *b->slots)};
  return b->slots != NULL;
}

void blocks_release(struct blocks *b)
{
  free(b->slots);
  *b = (struct blocks){0};
}

/* A new table with the live blocks alone, twice as large if they fill more than five eighths; false, and nothing
 * changed, without memory. */
static bool rebuild(struct blocks *b)
{
  struct blocks fresh = *b;

  if (b->used > b->mask / 8 * 5) {
    fresh.mask = b->mask * 2 + 1;
    fresh.hash_shift--;
  }
  fresh.filled = b->used;
  fresh.slots = xtable(fresh.mask + 1, sizeof *fresh.slots);
  if (!fresh.slots)
    return false;
  for (size_t i = 0; i <= b->mask; i++) {
    if (block_is_live(&b->slots[i]))
      *blocks_slot(&fresh, b->slots[i].addr) = b->slots[i];
  }
  free(b->slots);
  *b = fresh;
  return true;
}

struct block *blocks_room(struct blocks *b, uint64_t addr, struct block *slot)
{
  /* At most three quarters full; without memory for more, up to the last slot but one, which ends every search. */
  if (b->filled > b->mask / 4 * 3 && rebuild(b))
    slot = blocks_slot(b, addr);
  if (b->filled == b->mask)
    return NULL;
  b->filled++;
  return slot;
}

bool blocks_add(struct blocks *b, const struct block *block)
{
  struct block replaced;

  return blocks_exchange(b, block, &replaced);
}
