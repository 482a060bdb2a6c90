/*
 * Filling and emptying magazines in batches.  The blocks in a magazine are
 * free but not available to their runs, so that runs need no lock while the fast paths work.
 * Called by the slow halves of alloc and free, and when a thread ends.  All that moves
 * slots or looks at segments is under the region's lock: withdraw.c exchanges what is in them.
 */
#include "heap/magazine.h"

#include <string.h>

#include "base/own.h"
#include "base/sys.h"
#include "heap/recycle.h"
#include "heap/slab.h"
#include "heap/withdraw.h"

#define MAGAZINE_FIRST 8
#define MAGAZINE_LIMIT 64 /* class.c never asks for more */

/* The slots below top are filled before, and those above are left alone after: a signal handler that leaves by longjmp
 * may come at any instruction. */
static void magazine_set_top(struct magazine *magazine, void **top)
{
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  magazine->top = top;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * Doubles a magazine up to what its class may keep.  It stays as it is when there is no memory.  The region's lock is
 * held: slots that others may be exchanging (withdraw.c) are moved under it only.
 */
static void magazine_grow(struct magazine *magazine, unsigned class)
{
  size_t room = (size_t)(magazine->limit - magazine->bottom);
  size_t wider = room ? 2 * room : MAGAZINE_FIRST;
  size_t filled = (size_t)(magazine->top - magazine->bottom);
  void **slots, **old;
  uint64_t mask;

  if (room >= class_infos[class].magazine)
    return;
  slots = own_alloc(wider * sizeof *slots);
  if (!slots)
    return;
  if (room)
    memcpy(slots, magazine->bottom, filled * sizeof *slots);
  old = magazine->bottom;
  mask = sys_block_signals(); /* three words change together */
  magazine->bottom = slots;
  magazine->top = slots + filled;
  magazine->limit = slots + wider;
  sys_restore_signals(mask);
  own_free(old, room * sizeof *slots);
}

void *magazine_refill(struct arena *arena, unsigned class)
{
  struct magazine *magazine = &arena->fast.magazines[class];
  void *blocks[MAGAZINE_LIMIT], **top;
  unsigned count;

  guarded_lock_take(&arena->region->lock);
  magazine_grow(magazine, class);
  count = slab_batch(arena, class, (unsigned)(magazine->limit - magazine->bottom) / 2);
  if (unlikely(recycle_is_on()) && !arena->bins[class].runs)
    recycle_for(arena, class);
  count = slab_take(arena, class, blocks, count);
  /* The lowest block goes out first: it is on top, and the first of all is the caller's. */
  top = magazine->top;
  for (unsigned i = count; i-- > 1;)
    *top++ = blocks[i];
  magazine_set_top(magazine, top);
  guarded_lock_release(&arena->region->lock);
  return count ? blocks[0] : NULL;
}

/* Gives the older half of a full magazine back, and block if it has no room at all; whether it has now.  The region's
 * lock is held. */
static bool magazine_make_room(struct arena *arena, unsigned class, void *block)
{
  struct magazine *magazine = &arena->fast.magazines[class];
  void *blocks[MAGAZINE_LIMIT];
  unsigned filled, half;

  magazine_grow(magazine, class);
  if (magazine->top != magazine->limit)
    return true;
  filled = (unsigned)(magazine->top - magazine->bottom);
  half = (filled + 1) / 2;
  memcpy(blocks, magazine->bottom, half * sizeof *blocks);
  /* Empty while its slots move: should a handler leave by longjmp, blocks are lost, but none is there twice. */
  magazine_set_top(magazine, magazine->bottom);
  memmove(magazine->bottom, magazine->bottom + half, (filled - half) * sizeof *magazine->bottom);
  magazine_set_top(magazine, magazine->bottom + (filled - half));
  slab_put(arena, class, half ? blocks : &block, half ? half : 1);
  return half != 0;
}

void magazine_overflow(struct arena *arena, unsigned class, void *block)
{
  struct magazine *magazine = &arena->fast.magazines[class];

  guarded_lock_take(&arena->region->lock);
  /* Its segment may have been left since the block was looked up. */
  if (!segment_is_withdrawn(run_segment(meta_run((uintptr_t)block))) && magazine_make_room(arena, class, block)) {
    *magazine->top = block;
    magazine_set_top(magazine, magazine->top + 1);
  }
  guarded_lock_release(&arena->region->lock);
}

void magazine_flush_all(struct arena *arena)
{
  for (unsigned class = 1; class <= CLASS_COUNT; class ++) {
    struct magazine *magazine = &arena->fast.magazines[class];

    void **slots = magazine->bottom;
    size_t room = (size_t)(magazine->limit - slots);

    guarded_lock_take(&arena->region->lock);
    if (magazine->top != slots)
      slab_put(arena, class, slots, (unsigned)(magazine->top - slots));
    memset(magazine, 0, sizeof *magazine);
    guarded_lock_release(&arena->region->lock);
    if (slots)
      own_free(slots, room * sizeof *slots);
  }
}
