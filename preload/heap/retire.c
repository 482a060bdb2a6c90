/*
 * Counting blocks that other threads freed, and what follows from it: dead
 * runs, dead segments, sweeps.  Never makes an address available to anybody.  Called by free.c;
 * the sweep also by trim.c.
 */
#include "heap/retire.h"

#include <string.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "heap/abandon.h"
#include "heap/decay.h"
#include "heap/page_bits.h"
#include "heap/recycle.h"
#include "heap/segment.h"
#include "heap/withdraw.h"

/* Pending blocks of one run are counted after this many at the latest. */
#define PENDING_MAX 32

/* Gone blocks on resident pages, in all heaps together: so much more than after the latest sweep, and they are swept.
 * In between a part of what that sweep saw. */
#define SWEEP_LEAST (INT64_C(4) << 20)
#define SWEEP_MOST (INT64_C(16) << 20)
#define SWEEP_PART 4
/* Only old segments are swept, because young ones may die soon and are then used again as they are; unless so much is
 * gone. */
#define SWEEP_ALL (INT64_C(64) << 20)
/* A segment is looked at when at least so much of it has gone since the last time. */
#define SWEEP_SEGMENT (UINT64_C(64) << 10)
/* In the heap of a thread that ended nothing is allocated soon: less will do there, this part of what is in use in the
 * segment, and it is looked at each time that another ENDED_STEP bytes of a segment have gone. */
#define ENDED_PART 8
#define ENDED_STEP_SHIFT 14

static int64_t gone_resident; /* atomic: bytes gone, not in buried segments and not swept */
static int64_t swept_apart;   /* atomic: of that, what was swept in heaps of ended threads since the latest sweep */
static int64_t sweep_at =
    SWEEP_LEAST; /* atomic: the next sweep is due when gone_resident and swept_apart exceed this */

bool retire_pages(struct segment *segment, unsigned count)
{
  return __atomic_add_fetch(&segment->dead_pages, count, __ATOMIC_ACQ_REL) == SEGMENT_PAGES;
}

void retire_forget(struct segment *segment)
{
  uint64_t gone = __atomic_load_n(&segment->gone_bytes, __ATOMIC_RELAXED);

  __atomic_fetch_sub(&gone_resident, (int64_t)(gone - segment->swept), __ATOMIC_RELAXED);
  segment->swept = gone;
}

void retire_take_back(struct segment *segment, uint64_t bytes)
{
  uint64_t swept = segment->swept < bytes ? segment->swept : bytes;

  __atomic_fetch_sub(&segment->gone_bytes, bytes, __ATOMIC_RELAXED);
  segment->swept -= swept;
  __atomic_fetch_sub(&gone_resident, (int64_t)(bytes - swept), __ATOMIC_RELAXED);
}

/* Blocks of a segment whose owner will not come back to them went: looks whether pages can. */
static void sweep_left_behind(struct region *region)
{
  uint64_t mask = region_enter(region);

  if (region->state == REGION_PARKED)
    decay_sweep(region, false);
  region_leave(region, mask);
}

/* waits: a caller that may hold a region's lock does not, and the segment's memory stays. */
static void bury(struct segment *segment, bool waits)
{
  struct region *region = segment->region;
  uint64_t mask = sys_block_signals();
  bool entered = waits || guarded_lock_try(&region->lock);

  if (waits)
    guarded_lock_take(&region->lock);
  if (!entered) {
    sys_restore_signals(mask);
    return;
  }
  if (region_is_whole(region)) {
    segment_bury(arena_of(region_heap(region)), segment);
    abandon_emptied(region);
  }
  region_leave(region, mask);
}

static bool sweep_is_due(void)
{
  int64_t bytes = __atomic_load_n(&gone_resident, __ATOMIC_RELAXED) + __atomic_load_n(&swept_apart, __ATOMIC_RELAXED);

  return bytes > __atomic_load_n(&sweep_at, __ATOMIC_RELAXED);
}

/*
 * When the last block of a run is counted the run is dead, and nothing of it
 * may be read any more: another thread may be burying the segment.
 * waits: this is not in a handler in the middle of a call on a heap.
 */
static void count(struct run *run, unsigned n, bool waits)
{
  struct segment *segment = run_segment(run);
  struct region *region = segment->region;
  unsigned class = run_class(run), pages = run->last + 1u;
  uint64_t size = class ? class_infos[class].size : pages * HEAP_PAGE, gone;
  unsigned total = class ? (unsigned)(pages * HEAP_PAGE / size) : 1;
  bool look;

  if (unlikely(segment_is_withdrawn(segment)))
    return;
  gone = __atomic_fetch_add(&segment->gone_bytes, n * size, __ATOMIC_RELAXED);
  look = region_state(region) == REGION_PARKED && gone >> ENDED_STEP_SHIFT != (gone + n * size) >> ENDED_STEP_SHIFT;
  __atomic_fetch_add(&gone_resident, (int64_t)(n * size), __ATOMIC_RELAXED);
  if (__atomic_add_fetch(&run->gone, n, __ATOMIC_ACQ_REL) == total && retire_pages(segment, pages))
    bury(segment, waits);
  if (!waits)
    return;
  if (unlikely(look))
    sweep_left_behind(region);
  if (unlikely(sweep_is_due()))
    retire_sweep(__atomic_load_n(&gone_resident, __ATOMIC_RELAXED) > SWEEP_ALL);
}

static void settle(struct pending *pending)
{
  struct run *run = pending->run;
  unsigned n = pending->count;

  pending->run = NULL;
  pending->count = 0;
  if (n)
    count(run, n, true);
}

void retire_block(struct arena *arena, struct run *run)
{
  struct pending *pending;

  if (!arena) {
    count(run, 1, false);
    return;
  }
  pending = &arena->pending[((uintptr_t)run * UINT64_C(0x9e3779b97f4a7c15) >> 32) % PENDING_COUNT];
  if (pending->run != run) {
    settle(pending);
    pending->run = run;
  }
  if (++pending->count >= PENDING_MAX)
    settle(pending);
}

void retire_flush(struct arena *arena)
{
  for (unsigned i = 0; i < PENDING_COUNT; i++)
    settle(&arena->pending[i]);
}

/* Pages of a segment that hold nothing: of blocks that are gone or available, and of gone ones alone. */
struct idle {
  uint64_t now[SEGMENT_PAGES / 64], for_good[SEGMENT_PAGES / 64];
};

/* Takes out the pages that a block needs which is neither gone nor available, and adds up what is lost on them. */
static void keep_needed(const struct run *run, unsigned class, struct idle *idle, struct segment *segment, bool left)
{
  uint32_t size = class_infos[class].size;
  uintptr_t start = run_addr(run);
  unsigned pages = run->last + 1u, total = (unsigned)(pages * HEAP_PAGE / size), kept;
  uint32_t lost = 0, used = 0;

  for (unsigned i = 0; i < total; i++) {
    uintptr_t addr = start + (uintptr_t)i * size;
    unsigned first = run->head + (unsigned)((addr - start) / HEAP_PAGE);
    unsigned last = run->head + (unsigned)((addr + size - 1 - start) / HEAP_PAGE);
    bool gone = __atomic_load_n(&meta_pair(addr)->gone, __ATOMIC_ACQUIRE) & meta_bit(addr);
    bool avail = run[i / 256].avail[i / 64 % 4] >> i % 64 & 1;

    if (!gone && !avail)
      pages_clear(idle->now, first, last - first + 1);
    if (!gone)
      pages_clear(idle->for_good, first, last - first + 1);
    if (gone || (left && avail))
      lost += size;
    else
      used += size;
  }
  kept = pages - pages_count(idle->now, run->head, pages);
  segment->lost += lost * kept / pages;
  segment->used += used;
}

static void find_idle(const struct run *run, struct idle *idle, struct segment *segment, bool left)
{
  unsigned class = run_class(run);

  pages_set(idle->now, run->head, run->last + 1u);
  pages_set(idle->for_good, run->head, run->last + 1u);
  if (class)
    keep_needed(run, class, idle, segment, left);
}

/* Each call makes all processors forget what they know of the pages: neighbours go together, and nothing goes twice. */
static void give_idle(struct segment *segment, const struct idle *idle)
{
  uint64_t fresh[SEGMENT_PAGES / 64];

  for (unsigned i = 0; i < SEGMENT_PAGES / 64; i++) {
    fresh[i] = idle->now[i] & ~segment->given_map[i];
    segment->given_map[i] |= idle->for_good[i];
  }
  for (unsigned page = pages_next_set(fresh, 0); page < SEGMENT_PAGES;) {
    unsigned end = pages_next_clear(fresh, page);

    sys_madvise((void *)(segment->addr + page * HEAP_PAGE), (end - page) * HEAP_PAGE, MADV_DONTNEED);
    page = pages_next_set(fresh, end);
  }
}

/* Under the region's lock, which keeps available blocks out of the magazines. */
static uint64_t sweep_segment(struct segment *segment, bool ended, bool whole)
{
  uint64_t gone = __atomic_load_n(&segment->gone_bytes, __ATOMIC_RELAXED);
  uint64_t bytes = gone - segment->swept, least = SWEEP_SEGMENT;
  bool left = ended && region_is_left(segment->region);
  struct idle idle = {0};

  if (segment->withdrawn)
    return 0;
  if (ended)
    least = (SEGMENT_PAGES - segment->free_pages) * HEAP_PAGE / ENDED_PART;
  if (!whole && (int64_t)bytes < (int64_t)least)
    return 0;
  segment->lost = segment->used = 0;
  for (struct run *run = segment_next_run(segment, NULL); run; run = segment_next_run(segment, run))
    if (__atomic_load_n(&run->gone, __ATOMIC_ACQUIRE) || ((whole || left) && run_class(run)))
      find_idle(run, &idle, segment, left);
  give_idle(segment, &idle);
  segment->swept = gone;
  __atomic_fetch_sub(&gone_resident, (int64_t)bytes, __ATOMIC_RELAXED);
  return bytes;
}

/* What sweeps found: bytes looked at, and what recycle_judge wants to know. */
struct swept {
  uint64_t bytes, lost, used;
};

static void sweep_arena(struct arena *arena, bool all, struct swept *swept)
{
  bool ended = arena->region->state == REGION_PARKED;

  for (uint32_t i = 0; i < arena->segment_count; i++) {
    struct segment *segment = arena->segments[i];

    if (!segment)
      continue;
    if (all || ended || i + SEGMENT_OLD < arena->segment_count)
      swept->bytes += sweep_segment(segment, ended, false);
    swept->lost += segment->lost;
    swept->used += segment->used;
  }
}

uint64_t retire_sweep_ended(struct arena *arena, bool whole)
{
  uint64_t lost = 0, swept = 0;

  for (uint32_t i = 0; i < arena->segment_count; i++) {
    struct segment *segment = arena->segments[i];

    if (!segment)
      continue;
    swept += sweep_segment(segment, true, whole);
    lost += segment->lost;
  }
  __atomic_fetch_add(&swept_apart, (int64_t)swept, __ATOMIC_RELAXED);
  return lost;
}

static int64_t sweep_step(const struct swept *swept)
{
  int64_t step = (int64_t)((swept->lost + swept->used) / SWEEP_PART);

  if (step < SWEEP_LEAST)
    return SWEEP_LEAST;
  return step < SWEEP_MOST ? step : SWEEP_MOST;
}

uint64_t retire_sweep(bool all)
{
  struct swept swept = {0};
  uint64_t mask;

  if (!masked_lock_try(&lock_sweep, &mask))
    return 0;
  for (struct region *region = region_first(); region; region = region->next) {
    guarded_lock_take(&region->lock);
    if (region_is_whole(region))
      sweep_arena(arena_of(region_heap(region)), all, &swept);
    guarded_lock_release(&region->lock);
  }
  /* What is left lies on pages with live blocks, a little in each segment: not worth another look before long. */
  __atomic_store_n(&swept_apart, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&sweep_at, __atomic_load_n(&gone_resident, __ATOMIC_RELAXED) + sweep_step(&swept), __ATOMIC_RELAXED);
  recycle_judge(swept.lost, swept.used);
  masked_lock_release(&lock_sweep, mask);
  return swept.bytes;
}
