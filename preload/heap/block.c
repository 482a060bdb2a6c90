/*
 * Finding blocks and judging addresses.  Writes nothing.  Called by free.c,
 * resize.c and entry/ through heap_usable.
 */
#include "heap/block.h"

#include <errno.h>

#include "heap/large.h"
#include "heap/page_bits.h"
#include "heap/withdraw.h"

/* Which kind of range an address lies in; a range may still have nothing there. */
bool heap_covers(const void *p)
{
  uintptr_t addr = (uintptr_t)p;

  if (addr - HIGH_START < HIGH_SIZE)
    return (addr & ~(GRAIN_SIZE - 1)) != GRAIN_ALIAS;
  return addr - LOW_START < LOW_END - LOW_START && (meta_state(addr) & META_HEADS) &&
         meta_segment(addr)->kind != SEGMENT_NONE;
}

bool heap_uses(const void *p)
{
  uintptr_t addr = (uintptr_t)p;
  unsigned state;

  if (!heap_covers(p))
    return false;
  state = meta_state(addr);
  return state == META_GONE ||
         ((state & META_HEADS) && __atomic_load_n(&meta_segment(addr)->kind, __ATOMIC_ACQUIRE) != SEGMENT_NONE);
}

static bool is_live(uintptr_t addr)
{
  struct state_pair *pair = meta_pair(addr);
  uint64_t live = __atomic_load_n(&pair->live, __ATOMIC_RELAXED);
  uint64_t gone = __atomic_load_n(&pair->gone, __ATOMIC_RELAXED);

  return !(addr & 15) && (live & ~gone & meta_bit(addr));
}

static void describe(uintptr_t addr, struct segment *segment, struct block *block)
{
  unsigned class = __atomic_load_n(meta_class(addr), __ATOMIC_ACQUIRE);

  block->segment = segment;
  block->run = block_run(addr);
  if (class) {
    block->kind = BLOCK_SMALL;
    block->size = class_infos[class].size;
  } else {
    block->kind = BLOCK_MEDIUM;
    block->size = (block->run->last + 1u) * HEAP_PAGE;
  }
}

/* Start of the block of the run that addr lies in. */
static uintptr_t block_start(uintptr_t addr)
{
  unsigned class = *meta_class(addr);
  uintptr_t start = run_addr(block_run(addr));

  return class ? addr - (addr - start) % class_infos[class].size : start;
}

/* Why an address in a segment of runs is no live block.  Under the region's lock. */
static enum heap_verdict explain_paged(uintptr_t addr, const struct segment *segment)
{
  unsigned page = (unsigned)(addr >> 12 & (SEGMENT_PAGES - 1));
  uintptr_t start;

  if (!pages_count(segment->used_map, page, 1))
    return HEAP_INVALID;
  if (pages_count(segment->free_map, page, 1) || pages_count(segment->void_map, page, 1))
    return addr & 15 ? HEAP_INVALID : HEAP_DOUBLE;
  start = block_start(addr);
  if (start == addr)
    return HEAP_DOUBLE;
  return is_live(start) ? HEAP_INTERIOR : HEAP_INVALID;
}

/* The head of the live huge block that addr lies in; NULL: there is none. */
static struct segment *huge_around(uintptr_t addr)
{
  for (struct region *region = region_first(); region; region = region->next) {
    uint64_t at = addr & ~(SEGMENT_SIZE - 1);

    if (addr < region->start || addr >= region->end)
      continue;
    for (; at >= region->start; at -= SEGMENT_SIZE) {
      struct segment *segment;

      if (!(meta_state(at) & META_HEADS)) {
        at &= ~(GRAIN_SIZE - 1);
        continue;
      }
      segment = meta_segment(at);
      if (__atomic_load_n(&segment->kind, __ATOMIC_ACQUIRE) == SEGMENT_NONE)
        continue;
      if (segment->kind == SEGMENT_HUGE && segment->huge_state == HUGE_LIVE && addr < at + segment->huge_size)
        return segment;
      break;
    }
  }
  return NULL;
}

static bool inside_huge(uintptr_t addr)
{
  return huge_around(addr) != NULL;
}

static enum heap_verdict find_huge(uintptr_t addr, struct segment *segment, struct block *block)
{
  uint32_t state = __atomic_load_n(&segment->huge_state, __ATOMIC_ACQUIRE);

  block->withdrawn = segment_is_withdrawn(segment);
  if (block->withdrawn && (addr != segment->addr || state != HUGE_LIVE))
    return HEAP_WITHDRAWN;
  if (addr != segment->addr) {
    if (state == HUGE_LIVE && addr < segment->addr + segment->huge_size)
      return HEAP_INTERIOR;
    return inside_huge(addr) ? HEAP_INTERIOR : HEAP_INVALID;
  }
  if (state != HUGE_LIVE)
    return HEAP_DOUBLE;
  block->kind = BLOCK_HUGE;
  block->segment = segment;
  block->run = NULL;
  block->size = __atomic_load_n(&segment->huge_size, __ATOMIC_RELAXED);
  block->lost = block->withdrawn && withdraw_touches(addr, block->size);
  return HEAP_OK;
}

/* In a segment that the heap has left, or is about to leave: there the class of a run ends up in its record alone. */
static enum heap_verdict find_withdrawn(uintptr_t addr, struct segment *segment, struct block *block)
{
  unsigned page = (unsigned)(addr >> 12 & (SEGMENT_PAGES - 1));

  if (!is_live(addr) || pages_count(segment->void_map, page, 1))
    return HEAP_WITHDRAWN;
  describe(addr, segment, block);
  block->withdrawn = true;
  if (block->kind == BLOCK_MEDIUM && block->run->free != RUN_MEDIUM) {
    block->kind = BLOCK_SMALL;
    block->size = class_infos[block->run->populated].size;
  }
  block->lost = withdraw_touches(addr, block->size);
  return HEAP_OK;
}

static enum heap_verdict find_paged(uintptr_t addr, struct segment *segment, struct block *block)
{
  enum heap_verdict verdict;
  uint64_t mask;

  if (unlikely(segment_is_withdrawn(segment)))
    return find_withdrawn(addr, segment, block);
  if (likely(is_live(addr))) {
    describe(addr, segment, block);
    /* A small block without its class is no medium one: the segment is being left. */
    return unlikely(segment_is_withdrawn(segment)) ? find_withdrawn(addr, segment, block) : HEAP_OK;
  }
  /* In a handler in the middle of a call on that heap there is only a guess. */
  if (guarded_lock_is_mine(&segment->region->lock))
    return explain_paged(addr, segment);
  mask = region_enter(segment->region);
  verdict = explain_paged(addr, segment);
  region_leave(segment->region, mask);
  return verdict;
}

enum heap_verdict block_find(const void *p, struct block *block)
{
  uintptr_t addr = (uintptr_t)p;
  struct segment *segment;
  unsigned state;

  if (!heap_covers(p))
    return HEAP_FOREIGN;
  block->withdrawn = block->lost = false;
  block->size = nested_usable(p);
  if (unlikely(block->size)) {
    block->kind = BLOCK_NESTED;
    return HEAP_OK;
  }
  state = meta_state(addr);
  if (state == META_GONE)
    return addr & 15 ? HEAP_INVALID : HEAP_DOUBLE;
  if (!(state & META_HEADS))
    return inside_huge(addr) ? HEAP_INTERIOR : HEAP_INVALID;
  segment = meta_segment(addr);
  switch (__atomic_load_n(&segment->kind, __ATOMIC_ACQUIRE)) {
  case SEGMENT_PAGED:
    return find_paged(addr, segment, block);
  case SEGMENT_HUGE:
    return find_huge(addr, segment, block);
  case SEGMENT_DEAD:
    return addr & 15 ? HEAP_INVALID : HEAP_DOUBLE;
  default:
    return inside_huge(addr) ? HEAP_INTERIOR : HEAP_INVALID;
  }
}

enum heap_verdict heap_usable(const void *p, size_t *size)
{
  struct block block;
  enum heap_verdict verdict = block_find(p, &block);

  if (verdict == HEAP_OK)
    *size = block.lost ? 0 : block.size;
  return verdict;
}

/* The segment of the live block that has all of [addr, addr + size); NULL: none has. */
static struct segment *segment_around(uint64_t addr, uint64_t size)
{
  unsigned state = meta_state(addr), page = (unsigned)(addr >> 12 & (SEGMENT_PAGES - 1));
  struct segment *segment;
  struct block block;
  uintptr_t start;

  if (state == META_GONE)
    return NULL;
  segment = state & META_HEADS ? meta_segment(addr) : NULL;
  if (!segment || __atomic_load_n(&segment->kind, __ATOMIC_ACQUIRE) != SEGMENT_PAGED) {
    segment = huge_around(addr);
    return segment && addr + size <= segment->addr + segment->huge_size ? segment : NULL;
  }
  if (segment_is_withdrawn(segment) || !pages_count(segment->used_map, page, 1) ||
      pages_count(segment->free_map, page, 1) || pages_count(segment->void_map, page, 1))
    return NULL;
  start = block_start(addr);
  if (!is_live(start))
    return NULL;
  describe(start, segment, &block);
  return addr + size <= start + block.size ? segment : NULL;
}

bool heap_block_covers(uint64_t addr, uint64_t size, bool seal)
{
  struct segment *segment = heap_covers((void *)addr) ? segment_around(addr, size) : NULL;

  if (segment && seal)
    __atomic_store_n(&segment->sealed, true, __ATOMIC_RELAXED);
  return segment != NULL;
}
