/*
 * Medium blocks: runs of pages, one block each.  Called by alloc.c, free.c and
 * resize.c; never by another thread than the owner.
 */
#include "base/lock.h"
#include "heap/large.h"
#include "heap/segment.h"
#include "heap/withdraw.h"

void *medium_alloc(struct arena *arena, size_t align, size_t size, bool *zero)
{
  unsigned pages = (unsigned)(page_round(size ? size : 1) / HEAP_PAGE);
  unsigned align_pages = align > HEAP_PAGE ? (unsigned)(align / HEAP_PAGE) : 1;
  struct run *run;
  void *p = NULL;

  guarded_lock_take(&arena->region->lock);
  run = segment_take(arena, pages, pages, align_pages, zero);
  if (run) {
    run->free = RUN_MEDIUM;
    p = (void *)run_addr(run);
    heap_mark_live(p);
  }
  guarded_lock_release(&arena->region->lock);
  return p;
}

void medium_free(struct arena *arena, void *p)
{
  struct run *run = meta_run((uintptr_t)p);
  struct state_pair *pair = meta_pair((uintptr_t)p);
  uint64_t live;

  guarded_lock_take(&arena->region->lock);
  live = __atomic_load_n(&pair->live, __ATOMIC_RELAXED);
  __atomic_store_n(&pair->live, live & ~meta_bit((uintptr_t)p), __ATOMIC_RELAXED);
  /* Else its segment was left since the block was looked up. */
  if (likely(!segment_is_withdrawn(run_segment(run)))) {
    run->free = 0;
    segment_give(arena, run_segment(run), run->head, run->last + 1u);
  }
  guarded_lock_release(&arena->region->lock);
}

bool medium_resize(struct arena *arena, void *p, size_t size)
{
  struct run *run = meta_run((uintptr_t)p);
  unsigned have = run->last + 1u;
  unsigned pages = (unsigned)(page_round(size) / HEAP_PAGE);
  bool done = true, clean;

  guarded_lock_take(&arena->region->lock);
  if (unlikely(segment_is_withdrawn(run_segment(run)))) {
    done = pages <= have;
  } else if (pages > have) {
    done = segment_extend(arena, run, pages - have, &clean);
  } else if (pages < have) {
    run->last = (uint8_t)(pages - 1);
    segment_give(arena, run_segment(run), run->head + pages, have - pages);
  }
  guarded_lock_release(&arena->region->lock);
  return done;
}
