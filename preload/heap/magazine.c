/*
 * Filling and emptying magazines in batches.  The blocks in a magazine are
 * free but not available to their runs, so that runs need no lock while the fast paths work.
 * Called by the slow halves of alloc and free, and when a thread ends.
 */
#include "heap/magazine.h"

#include <string.h>

#include "base/own.h"
#include "heap/slab.h"

#define MAGAZINE_FIRST 8
#define MAGAZINE_LIMIT 64 /* class.c never asks for more */

/* Doubles a magazine up to what its class may keep.  It stays as it is when there is no memory. */
static void magazine_grow(struct magazine *magazine, unsigned class)
{
  size_t room = (size_t)(magazine->limit - magazine->bottom);
  size_t wider = room ? 2 * room : MAGAZINE_FIRST;
  size_t filled = (size_t)(magazine->top - magazine->bottom);
  void **slots;

  if (room >= class_infos[class].magazine)
    return;
  slots = own_alloc(wider * sizeof *slots);
  if (!slots)
    return;
  if (room)
    memcpy(slots, magazine->bottom, filled * sizeof *slots);
  own_free(magazine->bottom, room * sizeof *slots);
  magazine->bottom = slots;
  magazine->top = slots + filled;
  magazine->limit = slots + wider;
}

void *magazine_refill(struct arena *arena, unsigned class)
{
  struct magazine *magazine = &arena->fast.magazines[class];
  void *blocks[MAGAZINE_LIMIT];
  unsigned count;

  magazine_grow(magazine, class);
  count = slab_batch(arena, class, (unsigned)(magazine->limit - magazine->bottom) / 2);
  lock_take(&arena->region->lock);
  count = slab_take(arena, class, blocks, count);
  lock_release(&arena->region->lock);
  if (!count)
    return NULL;
  /* The lowest block goes out first: it is on top, and the first of all is the caller's. */
  while (--count)
    *magazine->top++ = blocks[count];
  return blocks[0];
}

void magazine_overflow(struct arena *arena, unsigned class, void *block)
{
  struct magazine *magazine = &arena->fast.magazines[class];
  unsigned filled, half;

  magazine_grow(magazine, class);
  if (magazine->top == magazine->limit) {
    filled = (unsigned)(magazine->top - magazine->bottom);
    half = (filled + 1) / 2;
    lock_take(&arena->region->lock);
    if (half)
      slab_put(arena, class, magazine->bottom, half);
    else
      slab_put(arena, class, &block, 1);
    lock_release(&arena->region->lock);
    if (!half)
      return;
    memmove(magazine->bottom, magazine->bottom + half, (filled - half) * sizeof *magazine->bottom);
    magazine->top -= half;
  }
  *magazine->top++ = block;
}

void magazine_flush_all(struct arena *arena)
{
  for (unsigned class = 1; class <= CLASS_COUNT; class ++) {
    struct magazine *magazine = &arena->fast.magazines[class];

    if (magazine->top != magazine->bottom) {
      lock_take(&arena->region->lock);
      slab_put(arena, class, magazine->bottom, (unsigned)(magazine->top - magazine->bottom));
      lock_release(&arena->region->lock);
    }
    if (magazine->bottom)
      own_free(magazine->bottom, (size_t)(magazine->limit - magazine->bottom) * sizeof *magazine->bottom);
    memset(magazine, 0, sizeof *magazine);
  }
}
