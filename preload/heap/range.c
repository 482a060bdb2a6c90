/*
 * Address space for the program's own mappings, from the range that huge
 * blocks come from too.  Maps nothing.  Called by entry/, owner only.
 */
#include "base/lock_table.h"
#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/large.h"
#include "heap/overflow.h"

uint64_t heap_range_reserve(struct heap *heap, uint64_t size, uint64_t align)
{
  struct arena *arena = arena_of(heap);
  uint64_t addr;

  if (!size || size >= HIGH_SIZE / 2 || !arena_ready(heap))
    return 0;
  if (align < HEAP_PAGE)
    align = HEAP_PAGE;
  size = page_round(size);
  guarded_lock_take(&arena->region->lock);
  addr = extent_fit(arena->free_ranges, size, align);
  if (!addr) {
    uint64_t got, piece = region_extend(arena->region, align > GRAIN_SIZE ? size + align : size, &got);

    if (piece && extent_add(&arena->free_ranges, piece, got, 0))
      addr = extent_fit(arena->free_ranges, size, align);
  }
  if (addr && !extent_claim(&arena->free_ranges, addr, size))
    addr = 0;
  if (addr && !extent_add(&arena->ranges, addr, size, 0)) {
    extent_add(&arena->free_ranges, addr, size, 0);
    addr = 0;
  }
  if (addr)
    cache_unmap(arena, addr, size);
  guarded_lock_release(&arena->region->lock);
  return addr;
}

/* ---- the range of MAP_32BIT ---- */

#define LOWMAP_HALF (LOWMAP_START + (LOWMAP_END - LOWMAP_START) / 2)

/* Under lock_lowmap. */
static struct extent *low_free, *low_used;
static bool low_known;

/* The lock is held. */
static uint64_t low_take(bool first, uint64_t size, uint64_t align)
{
  struct extent **set = &low_free;
  uint64_t addr;

  if (!low_known)
    low_known = extent_add(set, LOWMAP_START, LOWMAP_HALF - LOWMAP_START, 0) &&
                extent_add(set, LOWMAP_HALF + HEAP_PAGE, LOWMAP_END - LOWMAP_HALF - HEAP_PAGE, 0);
  addr = extent_fit_from(*set, first ? 0 : LOWMAP_HALF, size, align);
  if (!addr || (first && addr + size > LOWMAP_HALF) || !extent_claim(set, addr, size))
    return 0;
  if (extent_add(&low_used, addr, size, 0))
    return addr;
  extent_add(set, addr, size, 0);
  return 0;
}

uint64_t heap_low_reserve(struct heap *heap, uint64_t size, uint64_t align)
{
  bool first = arena_ready(heap) && region_of(heap)->first;
  uint64_t mask = masked_lock_take(&lock_lowmap), addr;

  addr = low_take(first, page_round(size), align < HEAP_PAGE ? HEAP_PAGE : align);
  masked_lock_release(&lock_lowmap, mask);
  if (addr && !first)
    region_nondet(VT_NONDET_SHARED, addr);
  return addr;
}

static void low_let_go(uint64_t addr, uint64_t end, bool again)
{
  uint64_t piece, length, mask;

  if (addr >= LOWMAP_END || end <= LOWMAP_START)
    return;
  mask = masked_lock_take(&lock_lowmap);
  while (extent_cut(&low_used, addr, end, &piece, &length))
    if (again)
      extent_add(&low_free, piece, length, 0);
  masked_lock_release(&lock_lowmap, mask);
}

/* ---- what the program maps and unmaps ---- */

bool heap_range_claim(struct heap *heap, uint64_t addr, uint64_t size)
{
  struct arena *arena = arena_usable(heap);
  uint64_t end = addr + page_round(size), piece, length;
  bool near;

  if (!arena || addr < HIGH_START || end > HIGH_END)
    return false;
  guarded_lock_take(&arena->region->lock);
  near = extent_holds(arena->ranges, addr - 1);
  while (extent_cut(&arena->free_ranges, addr, end, &piece, &length)) {
    cache_unmap(arena, piece, length);
    if (!extent_add(&arena->ranges, piece, length, 0))
      break;
  }
  guarded_lock_release(&arena->region->lock);
  return near;
}

bool heap_range_grow(struct heap *heap, uint64_t addr, uint64_t size)
{
  struct arena *arena = arena_usable(heap);
  bool done;

  if (!arena)
    return false;
  guarded_lock_take(&arena->region->lock);
  done = extent_holds(arena->ranges, addr - 1) && extent_claim(&arena->free_ranges, addr, size);
  if (done && !extent_add(&arena->ranges, addr, size, 0)) {
    extent_add(&arena->free_ranges, addr, size, 0);
    done = false;
  }
  if (done)
    cache_unmap(arena, addr, size);
  guarded_lock_release(&arena->region->lock);
  return done;
}

/* Forgets what of [addr, addr + size) was reserved; again: it may be offered again.  A heap that was wiped after its
 * thread's end has no ranges. */
static void let_go(struct heap *heap, uint64_t addr, uint64_t size, bool again)
{
  struct arena *arena = arena_of(heap);
  uint64_t end = addr + page_round(size), piece, length;
  struct region *region;

  low_let_go(addr, end, again);
  if (heap == &heap_none)
    return;
  region = region_of(heap);
  guarded_lock_take(&region->lock);
  while (region_is_whole(region) && extent_cut(&arena->ranges, addr, end, &piece, &length))
    if (again)
      extent_add(&arena->free_ranges, piece, length, 0);
  guarded_lock_release(&region->lock);
}

void heap_range_release(struct heap *heap, uint64_t addr, uint64_t size)
{
  let_go(heap, addr, size, true);
}

/* Something that is not ours lies there: the addresses are not offered again. */
void heap_range_failed(struct heap *heap, uint64_t addr, uint64_t size)
{
  let_go(heap, addr, size, false);
}
