/*
 * The table of live blocks.  Knows nothing of events; called once per
 * allocation event by whoever needs sizes of freed blocks.
 */
#include "model/blocks.h"

#include <stdlib.h>
#include <sys/random.h>

#define FIRST_BITS 12

static size_t home(const struct blocks *b, uint64_t addr)
{
  return (size_t)(addr * b->multiplier >> b->hash_shift);
}

bool blocks_init(struct blocks *b)
{
  uint64_t seed = 0;

  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
    seed = (uint64_t)(uintptr_t)b;
  *b = (struct blocks){.mask = ((size_t)1 << FIRST_BITS) - 1,
                       .hash_shift = 64 - FIRST_BITS,
                       .multiplier = (UINT64_C(0x9e3779b97f4a7c15) ^ seed) | 1,
                       .slots = calloc((size_t)1 << FIRST_BITS, sizeof *b->slots)};
  return b->slots != NULL;
}

void blocks_release(struct blocks *b)
{
  free(b->slots);
  *b = (struct blocks){0};
}

/* The slot of addr, or the empty one where it would be. */
static struct block *slot_of(const struct blocks *b, uint64_t addr)
{
  size_t i = home(b, addr);

  while (b->slots[i].addr && b->slots[i].addr != addr)
    i = (i + 1) & b->mask;
  return &b->slots[i];
}

/* Doubles the table; false, and nothing changed, without memory. */
static bool grow(struct blocks *b)
{
  struct blocks bigger = *b;

  bigger.mask = b->mask * 2 + 1;
  bigger.hash_shift--;
  bigger.slots = calloc(bigger.mask + 1, sizeof *bigger.slots);
  if (!bigger.slots)
    return false;
  for (size_t i = 0; i <= b->mask; i++) {
    if (b->slots[i].addr)
      *slot_of(&bigger, b->slots[i].addr) = b->slots[i];
  }
  free(b->slots);
  *b = bigger;
  return true;
}

struct block *blocks_find(const struct blocks *b, uint64_t addr)
{
  struct block *slot = slot_of(b, addr);

  return addr && slot->addr ? slot : NULL;
}

bool blocks_exchange(struct blocks *b, const struct block *block, struct block *replaced)
{
  struct block *slot;

  *replaced = (struct block){0};
  if (!block->addr)
    return true;
  slot = slot_of(b, block->addr);
  if (slot->addr) {
    *replaced = *slot;
  } else {
    /* At most five eighths full; without memory for more, up to the last slot but one, which ends every search. */
    if (b->used > b->mask / 8 * 5 && grow(b))
      slot = slot_of(b, block->addr);
    if (b->used == b->mask)
      return false;
    b->used++;
  }
  *slot = *block;
  return true;
}

bool blocks_add(struct blocks *b, const struct block *block)
{
  struct block replaced;

  return blocks_exchange(b, block, &replaced);
}

bool blocks_remove(struct blocks *b, uint64_t addr, struct block *removed)
{
  struct block *slot = blocks_find(b, addr);
  size_t hole, i;

  *removed = slot ? *slot : (struct block){0};
  if (!slot)
    return false;
  b->used--;
  hole = i = (size_t)(slot - b->slots);
  for (;;) {
    b->slots[hole].addr = 0;
    do {
      i = (i + 1) & b->mask;
      if (!b->slots[i].addr)
        return true;
      /* An entry whose home lies behind the hole (cyclically) stays where it is; others move back. */
    } while (((i - home(b, b->slots[i].addr)) & b->mask) < ((i - hole) & b->mask));
    b->slots[hole] = b->slots[i];
    hole = i;
  }
}
