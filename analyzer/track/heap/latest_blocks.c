/*
 * The threads that are not at hand.  See latest_blocks.h.  Called by
 * track/heap/heap_counts.c when threads take turns.
 */
#include "track/heap/latest_blocks.h"

#include <stdlib.h>

#include "reader/xalloc.h"

static size_t home(const struct latest_blocks *l, uint64_t addr)
{
  return (size_t)(addr * UINT64_C(0x9e3779b97f4a7c15) >> 20) & l->mask;
}

static size_t find(const struct latest_blocks *l, uint64_t addr)
{
  size_t i = home(l, addr);

  while (l->slots[i].addr && l->slots[i].addr != addr)
    i = (i + 1) & l->mask;
  return i;
}

/* Twice as many slots. */
static void grow(struct latest_blocks *l)
{
  struct latest_blocks fresh = *l;

  fresh.mask = l->mask ? l->mask * 2 + 1 : 15;
  fresh.slots = xcalloc(fresh.mask + 1, sizeof *fresh.slots);
  for (size_t i = 0; l->slots && i <= l->mask; i++) {
    if (l->slots[i].addr)
      fresh.slots[find(&fresh, l->slots[i].addr)] = l->slots[i];
  }
  free(l->slots);
  *l = fresh;
}

static void put(struct latest_blocks *l, uint64_t addr, uint32_t thread)
{
  size_t i;

  if (!l->slots || l->used > l->mask / 2)
    grow(l);
  i = find(l, addr);
  l->used += !l->slots[i].addr;
  l->slots[i] = (struct parked_block){addr, thread};
}

/* Those behind the gap move up, as far as their own places allow. */
static void take(struct latest_blocks *l, size_t gap)
{
  for (size_t i = (gap + 1) & l->mask; l->slots[i].addr; i = (i + 1) & l->mask) {
    if (((i - home(l, l->slots[i].addr)) & l->mask) >= ((i - gap) & l->mask)) {
      l->slots[gap] = l->slots[i];
      gap = i;
    }
  }
  l->slots[gap].addr = 0;
  l->used--;
}

void latest_blocks_switch(struct latest_blocks *l, uint32_t thread)
{
  uint64_t *parked;

  if (!l->begun)
    id_table_init(&l->parked, sizeof(uint64_t));
  parked = l->begun && l->addr ? id_table_make(&l->parked, l->thread) : NULL;
  if (parked) {
    *parked = l->addr;
    put(l, l->addr, l->thread);
  }
  l->begun = true;
  l->thread = thread;
  l->addr = 0;
  parked = id_table_get(&l->parked, thread);
  /* It is its latest no more.  It may have been freed, and another thread have got its address. */
  if (parked && *parked && l->slots) {
    size_t at = find(l, *parked);

    if (l->slots[at].addr && l->slots[at].thread == thread)
      take(l, at);
  }
  if (parked)
    *parked = 0;
}

bool latest_blocks_parked(struct latest_blocks *l, uint64_t addr)
{
  size_t at = find(l, addr);

  if (!l->slots[at].addr)
    return false;
  take(l, at);
  return true;
}

void latest_blocks_release(struct latest_blocks *l)
{
  if (l->begun)
    id_table_release(&l->parked);
  free(l->slots);
  *l = (struct latest_blocks){0};
}
