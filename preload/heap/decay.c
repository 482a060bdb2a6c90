/*
 * The memory of heaps whose threads have ended.  Such a heap may keep its free
 * pages for its next thread, which finds them resident; of all of them together WARM_BYTES at most, and the one that
 * ended first goes cold first.  Must not change anything that chooses an address: a heap without a block is wiped
 * because one made anew hands out the same addresses.  Called by ended.c at the ends of threads, by abandon.c, by
 * trim.c for the helper thread, and by retire.c when other threads free blocks of such a heap.
 */
#include "heap/decay.h"

#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "base/sys.h"
#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/ended_list.h"
#include "heap/retire.h"
#include "heap/segment.h"

#define WARM_BYTES (UINT64_C(8) << 20)

/* What a heap holds beside its pages: its own page, and of each segment's metadata what a small part of it needs. */
#define HEAP_OVERHEAD (UINT64_C(16) << 10)
#define SEGMENT_OVERHEAD (UINT64_C(16) << 10)

_Static_assert(DECAY_LEAST == HEAP_OVERHEAD + SEGMENT_OVERHEAD, "a heap has one segment at least");

static uint64_t overhead(const struct arena *arena)
{
  return HEAP_OVERHEAD + arena->segment_count * SEGMENT_OVERHEAD;
}

uint64_t decay_kept(const struct region *region)
{
  const struct arena *arena = arena_of(region_heap(region));

  return arena->free_dirty * HEAP_PAGE + arena->cached_bytes + overhead(arena);
}

bool decay_is_pristine(const struct region *region)
{
  const struct arena *arena = arena_of(region_heap(region));

  return !region->first && !region->scattered && !arena->huge_blocks && !arena->ranges && segment_all_free(arena) &&
         arena->next_segment == region->start + arena->segment_count * SEGMENT_SIZE;
}

void decay_discard(struct region *region, unsigned grains)
{
  struct arena *arena = arena_of(region_heap(region));
  uint32_t room = arena->segment_room;

  for (uint64_t grain = arena->fast.base; grain < arena->fast.base + arena->fast.span; grain += GRAIN_SIZE)
    meta_unmap(grain, grains);
  for (uint64_t grain = region->window_end; grain < arena->huge_end; grain += GRAIN_SIZE)
    if (meta_state(grain) & META_HEADS)
      meta_unmap(grain, grains);
  own_free(arena->segments, room * sizeof *arena->segments);
  own_free(arena->tree, 2 * (size_t)room * sizeof *arena->tree);
  cache_trim(arena, UINT64_MAX);
  extent_clear(&arena->free_ranges);
  extent_clear(&arena->cached);
  if (sys_madvise(arena, HEAP_PAGE, MADV_DONTNEED))
    memset(arena, 0, sizeof *arena);
}

/* Gives back everything of a pristine heap but its region.  Under the lock. */
static void wipe(struct region *region)
{
  segment_reset(arena_of(region_heap(region)));
  decay_discard(region, 0);
  region_set_state(region, REGION_RESET);
  __atomic_store_n(&region->waste, 0, __ATOMIC_RELAXED);
}

void decay_sweep(struct region *region, bool whole)
{
  struct arena *arena = arena_of(region_heap(region));
  uint64_t lost = retire_sweep_ended(arena, whole);

  __atomic_store_n(&region->waste, lost + overhead(arena), __ATOMIC_RELAXED);
}

void decay_now(struct region *region)
{
  struct arena *arena = arena_of(region_heap(region));

  if (region->state != REGION_PARKED)
    return;
  /* Until the thread is gone libc may use the heap, though not often. */
  if (__atomic_load_n(&region->ended.gone, __ATOMIC_RELAXED) && decay_is_pristine(region)) {
    wipe(region);
    return;
  }
  segment_purge_all(arena, UINT64_MAX);
  cache_trim(arena, UINT64_MAX);
  decay_sweep(region, true);
}

static void decay_locked(struct region *region)
{
  uint64_t mask = region_enter(region);

  decay_now(region);
  region_leave(region, mask);
}

void decay_to_limit(void)
{
  for (;;) {
    uint64_t all = sys_block_signals(), mask = ended_list_take();
    struct region *region = warm_above(WARM_BYTES);

    if (region)
      warm_remove(region);
    ended_list_release(mask);
    if (region)
      decay_locked(region);
    sys_restore_signals(all);
    if (!region)
      return;
  }
}

void decay_trim(struct region *region, uint64_t before_ns)
{
  uint64_t all = region_enter(region);
  bool due;

  due = region->state == REGION_PARKED && region->parked_ns <= before_ns;
  if (due) {
    uint64_t mask = ended_list_take();

    due = region->ended.warm;
    warm_remove(region);
    ended_list_release(mask);
  }
  if (due)
    decay_now(region);
  region_leave(region, all);
}
