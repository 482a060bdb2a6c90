/*
 * After a signal handler has left a call on a heap half-way by longjmp.
 *
 * Outside of the region's lock the state of a heap is whole after every
 * store: at worst a few blocks are lost.  Inside of it anything may be
 * half-done, and the lock is held by a frame that is gone.  Such a region is
 * given up (lock_table_recover finds it): its blocks can be used and freed, which needs only their state
 * bits; everything else of it is left alone by all.
 *
 * Called by entry/ when it takes over a stale guard.
 */
#include <stddef.h>

#include "heap/region.h"

struct heap *heap_recover(struct heap *heap)
{
  struct region *region;

  if (heap == &heap_none)
    return heap;
  region = region_of(heap);
  if (region_state(region) != REGION_LOST)
    return heap;
  region_nondet(VT_NONDET_SIGNAL, region->start);
  return heap_adopt();
}

void heap_keep(struct heap *heap)
{
  struct region *region = heap == &heap_none ? NULL : region_of(heap);

  if (region && region_state(region) == REGION_LOST)
    region_set_state(region, REGION_USED);
}
