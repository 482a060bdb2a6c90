/*
 * Address space for the program's own mappings, from the range that huge
 * blocks come from too.  Maps nothing.  Called by entry/, owner only.
 */
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

/* Forgets what of [addr, addr + size) was reserved; again: it may be offered again.  A heap that was wiped after its
 * thread's end has no ranges. */
static void let_go(struct heap *heap, uint64_t addr, uint64_t size, bool again)
{
  struct arena *arena = arena_of(heap);
  uint64_t end = addr + page_round(size), piece, length;
  struct region *region;

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
