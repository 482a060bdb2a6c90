/*
 * Leaving a place to the program.  A whole segment is left when a part of it is taken: its free pages and blocks are
 * no longer found, blocks in use can still be used and freed, as far as their pages are there.  What
 * exactly was taken is kept in one set.
 *
 * Called by entry/ before the system call that takes the place: in between nobody may be given a block there, and
 * neither a sweep nor a burial may touch it afterwards.
 */
#include "heap/withdraw.h"

#include <sys/mman.h>

#include "base/lock_table.h"
#include "base/own.h"
#include "base/sys.h"
#include "heap/block.h"
#include "heap/cache.h"
#include "heap/large.h"
#include "heap/segment.h"
#include "heap/slab.h"
#include "heap/space.h"

static struct extent *taken; /* under lock_taken */
static void (*others_leave_fn)(void);

void heap_set_wait(void (*others_leave)(void))
{
  __atomic_store_n(&others_leave_fn, others_leave, __ATOMIC_RELEASE);
}

/* ---- the set of what was taken ---- */

static void taken_add(uint64_t start, uint64_t end)
{
  uint64_t mask = masked_lock_take(&lock_taken), piece, size;

  while (extent_cut(&taken, start, end, &piece, &size))
    ;
  extent_add(&taken, start, end - start, 0);
  masked_lock_release(&lock_taken, mask);
}

static bool taken_next(uint64_t start, uint64_t end, uint64_t *piece, uint64_t *piece_end)
{
  uint64_t mask = masked_lock_take(&lock_taken);
  bool found = extent_next(taken, start, end, piece, piece_end);

  masked_lock_release(&lock_taken, mask);
  return found;
}

bool withdraw_touches(uint64_t addr, uint64_t size)
{
  uint64_t piece, end;

  return taken_next(addr, addr + size, &piece, &end);
}

static void for_the_rest(uint64_t start, uint64_t end, bool unmap)
{
  while (start < end) {
    uint64_t piece = end, piece_end = end;

    if (!taken_next(start, end, &piece, &piece_end))
      piece = piece_end = end;
    if (piece > start && unmap)
      sys_munmap((void *)start, piece - start);
    else if (piece > start)
      sys_madvise((void *)start, piece - start, MADV_DONTNEED);
    start = piece_end;
  }
}

void withdraw_unmap(uint64_t addr, uint64_t size)
{
  for_the_rest(addr, addr + size, true);
}

void withdraw_discard(uint64_t addr, uint64_t size)
{
  for_the_rest(addr, addr + size, false);
}

/* ---- segments of runs; the region's lock is held ---- */

/*
 * Blocks of the segment in a magazine are exchanged for others.  The lock keeps its owner from refilling it, making
 * room in it or letting it grow; but it may take and put single blocks (heap_fast.h).  A slot whose block it has taken
 * is exchanged for nothing: one of ours is lost, and what it put there stays as it is.  A block of the segment comes in
 * after that only by a free that had read the block's class before: see heap_withdraw.
 */
static void exchange_blocks(struct arena *arena, unsigned class, uint64_t segment)
{
  struct magazine *magazine = &arena->fast.magazines[class];
  void **top = __atomic_load_n(&magazine->top, __ATOMIC_RELAXED);

  for (void **slot = __atomic_load_n(&magazine->bottom, __ATOMIC_RELAXED); slot < top; slot++) {
    void *old = __atomic_load_n(slot, __ATOMIC_RELAXED), *other;

    if (((uintptr_t)old & ~(SEGMENT_SIZE - 1)) != segment || !slab_take(arena, class, &other, 1))
      continue;
    if (!__atomic_compare_exchange_n(slot, &old, other, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      slab_put(arena, class, &other, 1);
  }
}

static void leave_runs(struct region *region, struct segment *segment)
{
  struct arena *arena = region_is_whole(region) && !region->closed ? arena_of(region_heap(region)) : NULL;

  for (struct run *run = segment_next_run(segment, NULL); run; run = segment_next_run(segment, run)) {
    unsigned class = run_class(run);

    if (class)
      slab_withdraw(arena, class, run);
  }
}

static bool leave_segment(struct segment *segment, bool *first)
{
  struct region *region = segment->region;
  struct arena *arena;

  guarded_lock_take(&region->lock);
  if (segment->kind != SEGMENT_PAGED) {
    guarded_lock_release(&region->lock);
    return false;
  }
  arena = region_is_whole(region) ? arena_of(region_heap(region)) : NULL;
  if (!segment->withdrawn) {
    *first = true;
    __atomic_store_n(&segment->withdrawn, true, __ATOMIC_RELEASE);
    leave_runs(region, segment);
    if (arena)
      segment_withdraw(arena, segment);
  }
  for (unsigned class = 1; arena && region->state == REGION_USED && class <= CLASS_COUNT; class ++)
    exchange_blocks(arena, class, segment->addr);
  guarded_lock_release(&region->lock);
  return true;
}

/* ---- huge blocks ---- */

static bool leave_huge(struct segment *segment, uint64_t start, uint64_t end)
{
  struct region *region = segment->region;
  bool there;

  guarded_lock_take(&region->lock);
  there = segment->kind == SEGMENT_HUGE && segment->huge_state == HUGE_LIVE && segment->addr < end &&
          start < segment->addr + segment->huge_span;
  if (there)
    __atomic_store_n(&segment->withdrawn, true, __ATOMIC_RELEASE);
  guarded_lock_release(&region->lock);
  return there;
}

/* Memory of freed huge blocks, and of dead segments. */
static void leave_kept(uint64_t start, uint64_t end)
{
  for (struct region *region = region_first(); region; region = region->next) {
    struct arena *arena = arena_of(region_heap(region));
    uint64_t piece, size;

    guarded_lock_take(&region->lock);
    while (region_is_whole(region) && extent_cut(&arena->cached, start, end, &piece, &size))
      arena->cached_bytes -= size;
    guarded_lock_release(&region->lock);
  }
  space_withdraw(start, end);
}

/* ---- a range ---- */

static bool grain_is_used(uint64_t grain)
{
  return meta_state(grain) || meta_is_marked(grain);
}

/* The place where the heads of huge blocks that reach into the grain begin to be looked for. */
static uint64_t heads_from(uint64_t grain)
{
  while (grain > HIGH_START && meta_is_marked(grain) && meta_is_marked(grain - GRAIN_SIZE))
    grain -= GRAIN_SIZE;
  return grain;
}

static bool leave_at(uint64_t addr, uint64_t start, uint64_t end, bool *first)
{
  struct segment *segment;
  unsigned state = meta_state(addr);

  if (state == META_GONE || !(state & META_HEADS))
    return false;
  segment = meta_segment(addr);
  switch (__atomic_load_n(&segment->kind, __ATOMIC_ACQUIRE)) {
  case SEGMENT_PAGED:
    return addr < end && start < addr + SEGMENT_SIZE && leave_segment(segment, first);
  case SEGMENT_HUGE:
    return leave_huge(segment, start, end);
  default:
    return false;
  }
}

/* The first grain of [start, end) where anything of the heap may be; none: end or more. */
static uint64_t first_used(uint64_t start, uint64_t end)
{
  uint64_t grain = start & ~(GRAIN_SIZE - 1);

  while (grain < end && !grain_is_used(grain))
    grain += GRAIN_SIZE;
  return grain;
}

static bool is_used(uint64_t start, uint64_t end)
{
  uint64_t from = start < HIGH_START ? HIGH_START : start, to = end > NESTED_START ? NESTED_START : end;

  if (start < LOW_END && end > LOW_START && (meta_state(LOW_START) & META_HEADS))
    return true;
  return end > NESTED_START || (from < to && first_used(from, to) < to);
}

static bool leave_high(uint64_t start, uint64_t end, bool *first)
{
  uint64_t grain_used, addr;
  bool used = false;

  start = start < HIGH_START ? HIGH_START : start;
  end = end > NESTED_START ? NESTED_START : end;
  grain_used = start < end ? first_used(start, end) : end;
  if (grain_used >= end)
    return false;
  for (addr = heads_from(grain_used); addr < end;) {
    uint64_t grain = addr & ~(GRAIN_SIZE - 1);

    if (grain == GRAIN_ALIAS || !meta_state(addr)) {
      addr = grain + GRAIN_SIZE;
      continue;
    }
    used |= leave_at(addr, start, end, first);
    addr += SEGMENT_SIZE;
  }
  leave_kept(start, end);
  return used;
}

static bool leave_low(uint64_t start, uint64_t end, bool *first)
{
  return start < LOW_END && end > LOW_START && leave_at(LOW_START, start, end, first);
}

/* A free that had read a block's class, and found it small, may have put the block into its magazine since. */
static void leave_again(uint64_t start, uint64_t end)
{
  void (*others_leave)(void) = __atomic_load_n(&others_leave_fn, __ATOMIC_ACQUIRE);
  bool first;

  if (!others_leave)
    return;
  others_leave();
  leave_low(start, end, &first);
  leave_high(start, end, &first);
}

/* The calling thread's own mappings are what most calls concern. */
static bool is_all_reserved(struct heap *heap, uint64_t start, uint64_t end)
{
  struct arena *arena = arena_usable(heap);
  bool all;

  if (!arena)
    return false;
  guarded_lock_take(&arena->region->lock);
  all = extent_holds_all(arena->ranges, start, end);
  guarded_lock_release(&arena->region->lock);
  return all;
}

bool heap_withdraw(struct heap *heap, uint64_t addr, uint64_t size)
{
  uint64_t start = addr & ~(HEAP_PAGE - 1), end = page_round(addr + size), mask;
  bool first = false;
  bool low = start < LOW_END && end > LOW_START, high = start < HIGH_END && end > HIGH_START, used;

  if (end <= start || !(low || high) || !is_used(start, end) || is_all_reserved(heap, start, end))
    return false;
  /* Other threads' regions, too: a handler that left by longjmp would leave them half-done. */
  mask = sys_block_signals();
  taken_add(start, end);
  used = low && leave_low(start, end, &first);
  used |= high && leave_high(start, end, &first);
  used |= high && nested_withdraw(start, end);
  if (first)
    leave_again(start, end);
  sys_restore_signals(mask);
  return used;
}

bool heap_has_tables(uint64_t addr, uint64_t size)
{
  uint64_t end = addr + size;

  if (end <= OWN_START || addr >= META_END || end <= addr)
    return false;
  if (addr < own_end())
    return true;
  for (uint64_t at = addr < META_START ? META_START : addr & ~(META_SLOT - 1); at < end && at < META_END;
       at += META_SLOT)
    if (meta_slot_is_mapped(at))
      return true;
  return false;
}
