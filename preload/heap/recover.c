/*
 * After a signal handler has left a call on a heap half-way by longjmp.
 *
 * Outside of the region's lock the state of a heap is whole after every
 * store: at worst a few blocks are lost.  Inside of it anything may be
 * half-done, and the lock is held by a frame that is gone.  Such a region is
 * given up: its blocks can be used and freed, which needs only their state
 * bits; everything else of it is left alone by all.
 *
 * Called by entry/ when it takes over a stale guard.
 */
#include "base/sys.h"
#include "heap/region.h"

/* Others hold the lock for less: for one batch of trimming. */
#define PATIENCE_NS (INT64_C(1) * 1000000)
#define TRIES 20

/* Whether the lock can be had.  If it is only its holder that was slow, giving the region up does no harm either. */
static bool is_free(struct lock *lock)
{
  uint32_t never = 0;

  for (int i = 0; i < TRIES; i++) {
    if (lock_try(lock)) {
      lock_release(lock);
      return true;
    }
    sys_futex_wait(&never, 0, PATIENCE_NS);
  }
  return false;
}

struct heap *heap_recover(struct heap *heap)
{
  struct region *region;

  if (heap == &heap_none)
    return heap;
  region = region_of(heap);
  if (is_free(&region->lock))
    return heap;
  region_nondet(VT_NONDET_SIGNAL, region->start);
  region_set_state(region, REGION_LOST);
  lock_release(&region->lock);
  return heap_adopt();
}
