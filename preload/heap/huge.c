/*
 * Huge blocks: whole segments of address space from the region's free ranges,
 * all of it mapped, resident only where touched.  What others freed is never used again as
 * an address.  Called by alloc.c, free.c and resize.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/lock.h"
#include "base/sys.h"
#include "heap/abandon.h"
#include "heap/cache.h"
#include "heap/large.h"
#include "heap/overflow.h"
#include "heap/space.h"
#include "heap/withdraw.h"

/* Pages that a block no longer needs are given back from this size on. */
#define SHRINK_MIN (UINT64_C(64) << 10)

/* Claims the lowest range of span bytes, from the overflow range when the region has none.  0: there is none. */
static uint64_t claim_range(struct arena *arena, uint64_t span, uint64_t align)
{
  uint64_t addr = extent_fit(arena->free_ranges, span, align);

  if (!addr) {
    uint64_t got, piece = region_extend(arena->region, align > GRAIN_SIZE ? span + align : span, &got);

    if (!piece || !extent_add(&arena->free_ranges, piece, got, 0))
      return 0;
    addr = extent_fit(arena->free_ranges, span, align);
  }
  return addr && extent_claim(&arena->free_ranges, addr, span) ? addr : 0;
}

/* Maps a claimed range; what is kept elsewhere is given up when the kernel refuses. */
static int map_range(struct arena *arena, uint64_t addr, uint64_t span, bool *zero, bool *moved)
{
  int error = meta_map(addr, META_HEADS);

  if (!error)
    error = cache_map(arena, addr, span, zero, moved);
  if (error == -ENOMEM && cache_reclaim(arena))
    error = meta_map(addr, META_HEADS) ? -ENOMEM : cache_map(arena, addr, span, zero, moved);
  return error;
}

static void add_bytes(struct arena *arena, uint64_t bytes)
{
  arena->huge_bytes += bytes;
  if (arena->huge_bytes > arena->huge_bytes_most)
    arena->huge_bytes_most = arena->huge_bytes;
  if (arena->huge_blocks > arena->huge_blocks_most)
    arena->huge_blocks_most = arena->huge_blocks;
}

/* A mapped range of span bytes with its struct segment filled in; NULL: out of memory.  Under the lock. */
static struct segment *open_range(struct arena *arena, uint64_t span, uint64_t align, bool *zero)
{
  for (;;) {
    uint64_t addr = claim_range(arena, span, align);
    struct segment *segment;
    bool moved;
    int error;

    if (!addr)
      return NULL;
    meta_mark(addr, span);
    error = map_range(arena, addr, span, zero, &moved);
    if (error == -EEXIST) {
      region_nondet(VT_NONDET_TAKEN, addr);
      continue;
    }
    if (error) {
      extent_add(&arena->free_ranges, addr, span, 0);
      return NULL;
    }
    segment = meta_segment(addr);
    segment->addr = addr;
    segment->region = arena->region;
    segment->moved = moved;
    segment->huge_span = span;
    segment->withdrawn = segment->sealed = false;
    if (addr + span > arena->huge_end && addr + span <= arena->region->own_end)
      arena->huge_end = addr + span;
    arena->huge_blocks++;
    add_bytes(arena, span);
    return segment;
  }
}

static void make_live(struct segment *segment, uint64_t size)
{
  __atomic_store_n(&segment->huge_size, page_round(size), __ATOMIC_RELAXED);
  __atomic_store_n(&segment->huge_state, HUGE_LIVE, __ATOMIC_RELAXED);
  __atomic_store_n(&segment->kind, SEGMENT_HUGE, __ATOMIC_RELEASE);
}

/* Address space that a block of size bytes takes; 0: more than there can be. */
static uint64_t span_of(size_t size)
{
  return size < HIGH_SIZE / 2 ? segment_round(size ? size : 1) : 0;
}

void *huge_alloc(struct arena *arena, size_t align, size_t size, bool *zero)
{
  uint64_t span = span_of(size);
  struct segment *segment;

  if (!span || align > HIGH_SIZE / 4)
    return NULL;
  guarded_lock_take(&arena->region->lock);
  segment = open_range(arena, span, align > SEGMENT_SIZE ? align : SEGMENT_SIZE, zero);
  if (segment)
    make_live(segment, size);
  guarded_lock_release(&arena->region->lock);
  return segment ? (void *)segment->addr : NULL;
}

void huge_free(struct arena *arena, struct segment *segment)
{
  segment_unseal(segment, segment->addr, segment->huge_span);
  guarded_lock_take(&arena->region->lock);
  arena->huge_bytes -= segment->huge_span;
  arena->huge_blocks--;
  /* A moved piece kept here merges with others or is unmapped before long: no longer counted apart. */
  if (segment->moved)
    space_forget_moved();
  if (unlikely(segment->withdrawn))
    withdraw_unmap(segment->addr, segment->huge_span);
  else if (extent_add(&arena->free_ranges, segment->addr, segment->huge_span, 0))
    cache_put(arena, segment->addr, segment->huge_span);
  else
    sys_munmap((void *)segment->addr, segment->huge_span);
  guarded_lock_release(&arena->region->lock);
}

void huge_retire(struct segment *segment)
{
  struct region *region = segment->region;
  uint64_t mask = region_enter(region);
  struct arena *arena;

  segment_unseal(segment, segment->addr, segment->huge_span);
  arena = arena_of(region_heap(region));
  arena->huge_bytes -= segment->huge_span;
  arena->huge_blocks--;
  if (unlikely(segment->withdrawn))
    withdraw_unmap(segment->addr, segment->huge_span);
  else
    space_give(segment->addr, segment->huge_span, SPACE_SMALL, segment->moved);
  if (!arena->huge_blocks)
    abandon_emptied(region);
  region_leave(region, mask);
}

/* Lets go of the end of a block's range. */
static void cut_tail(struct arena *arena, struct segment *segment, uint64_t span)
{
  uint64_t tail = segment->addr + span, length = segment->huge_span - span;

  if (!extent_add(&arena->free_ranges, tail, length, 0)) {
    sys_madvise((void *)tail, length, MADV_DONTNEED);
    return;
  }
  cache_put(arena, tail, length);
  segment->huge_span = span;
  arena->huge_bytes -= length;
}

static bool add_tail(struct arena *arena, struct segment *segment, uint64_t span)
{
  uint64_t tail = segment->addr + segment->huge_span, length = span - segment->huge_span;
  bool zero, moved;
  int error;

  if (!extent_claim(&arena->free_ranges, tail, length))
    return false;
  meta_mark(tail, length);
  error = cache_map(arena, tail, length, &zero, &moved);
  if (error) {
    if (error != -EEXIST)
      extent_add(&arena->free_ranges, tail, length, 0);
    return false;
  }
  if (moved)
    space_forget_moved();
  segment->huge_span = span;
  add_bytes(arena, length);
  return true;
}

bool huge_resize(struct arena *arena, struct segment *segment, size_t size)
{
  uint64_t span = span_of(size), used = page_round(size);
  bool done = true;

  if (!span)
    return false;
  guarded_lock_take(&arena->region->lock);
  if (span > segment->huge_span)
    done = add_tail(arena, segment, span);
  else if (span < segment->huge_span)
    cut_tail(arena, segment, span);
  if (done && used + SHRINK_MIN <= segment->huge_size && used < segment->huge_span) {
    uint64_t end = segment->huge_size < segment->huge_span ? segment->huge_size : segment->huge_span;

    if (end > used)
      sys_madvise((void *)(segment->addr + used), end - used, MADV_DONTNEED);
  }
  if (done)
    __atomic_store_n(&segment->huge_size, used, __ATOMIC_RELAXED);
  guarded_lock_release(&arena->region->lock);
  return done;
}

/* Moves pages to a place that is mapped.  Falls back to copying when the kernel cannot. */
static void move_pages(uintptr_t from, uintptr_t to, size_t size, bool stay)
{
  int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (stay ? MREMAP_DONTUNMAP : 0);
  void *p = sys_mremap((void *)from, size, size, flags, (void *)to);

  if (!sys_failed(p))
    return;
  /* The range may span several mappings, which older kernels do not move at once; the place may be unmapped now. */
  for (size_t done = 0; done < size; done += SEGMENT_SIZE) {
    size_t step = size - done < SEGMENT_SIZE ? size - done : SEGMENT_SIZE;

    p = sys_mremap((void *)(from + done), step, step, flags, (void *)(to + done));
    if (!sys_failed(p))
      continue;
    sys_mmap((void *)(to + done), step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memcpy((void *)(to + done), (void *)(from + done), step);
    if (!stay)
      sys_munmap((void *)(from + done), step);
  }
}

void *huge_move(struct arena *arena, uintptr_t from, size_t keep, size_t size, bool stay)
{
  uint64_t span = span_of(size);
  struct segment *segment;
  bool zero;

  if (!span)
    return NULL;
  guarded_lock_take(&arena->region->lock);
  segment = open_range(arena, span, SEGMENT_SIZE, &zero);
  if (segment)
    make_live(segment, size);
  guarded_lock_release(&arena->region->lock);
  if (!segment)
    return NULL;
  move_pages(from, segment->addr, keep, stay);
  return (void *)segment->addr;
}

bool huge_claim(struct segment *segment)
{
  uint32_t live = HUGE_LIVE;

  return __atomic_compare_exchange_n(&segment->huge_state, &live, HUGE_FREE, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void huge_unclaim(struct segment *segment)
{
  __atomic_store_n(&segment->huge_state, HUGE_LIVE, __ATOMIC_RELEASE);
}

void huge_moved(struct arena *arena, bool own, struct segment *segment)
{
  struct region *region = segment->region;
  uint64_t mask = region_enter(region);

  if (!own)
    arena = arena_of(region_heap(region));
  arena->huge_bytes -= segment->huge_span;
  arena->huge_blocks--;
  if (segment->moved)
    space_forget_moved();
  if (own)
    extent_add(&arena->free_ranges, segment->addr, segment->huge_span, 0);
  else if (!arena->huge_blocks)
    abandon_emptied(region);
  region_leave(region, mask);
}
