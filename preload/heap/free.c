/*
 * The slow half of free: full magazines, medium and huge blocks, blocks of
 * other heaps, and everything that is no live block.  Called through heap_fast.h and by resize.c.
 */
#include "heap/block.h"
#include "heap/large.h"
#include "heap/magazine.h"
#include "heap/retire.h"
#include "heap/withdraw.h"

static enum heap_verdict free_own(struct arena *arena, void *p, const struct block *block)
{
  struct state_pair *pair = meta_pair((uintptr_t)p);
  unsigned class;

  if (block->kind == BLOCK_MEDIUM) {
    segment_unseal(block->segment, (uintptr_t)p, block->size);
    medium_free(arena, p);
    return HEAP_OK;
  }
  class = run_class(block->run);
  __atomic_store_n(&pair->live, __atomic_load_n(&pair->live, __ATOMIC_RELAXED) & ~meta_bit((uintptr_t)p),
                   __ATOMIC_RELAXED);
  magazine_overflow(arena, class, p);
  return HEAP_OK;
}

static enum heap_verdict free_huge(struct arena *own, struct segment *segment)
{
  uint32_t live = HUGE_LIVE;

  if (!__atomic_compare_exchange_n(&segment->huge_state, &live, own ? HUGE_FREE : HUGE_GONE, false, __ATOMIC_ACQ_REL,
                                   __ATOMIC_RELAXED))
    return HEAP_DOUBLE;
  if (own)
    huge_free(own, segment);
  else
    huge_retire(segment);
  return HEAP_OK;
}

/* arena is the caller's own, or NULL. */
static enum heap_verdict free_foreign(struct arena *arena, void *p, const struct block *block)
{
  uint64_t bit = meta_bit((uintptr_t)p);
  uint64_t before = __atomic_fetch_or(&meta_pair((uintptr_t)p)->gone, bit, __ATOMIC_RELEASE);

  if (before & bit)
    return HEAP_DOUBLE;
  retire_block(arena, block->run);
  return HEAP_OK;
}

/*
 * The plain case of another thread's free: a small live block of another heap.
 * False: it is anything else, and nothing happened.
 */
static bool free_plain_foreign(struct arena *arena, void *p)
{
  uintptr_t addr = (uintptr_t)p;
  uint64_t bit = meta_bit(addr);
  struct state_pair *pair = meta_pair(addr);

  if (!arena || addr - HIGH_START >= HIGH_SIZE || (addr & ~(GRAIN_SIZE - 1)) == GRAIN_ALIAS ||
      meta_state(addr) != META_FULL || addr & 15 || !*meta_class(addr))
    return false;
  if (!(__atomic_load_n(&pair->live, __ATOMIC_RELAXED) & bit) || meta_segment(addr)->region == arena->region ||
      __atomic_fetch_or(&pair->gone, bit, __ATOMIC_RELEASE) & bit)
    return false;
  retire_block(arena, block_run(addr));
  return true;
}

/* The block is not handed out again; medium ones give their memory back. */
static enum heap_verdict free_withdrawn(bool own, void *p, const struct block *block)
{
  struct state_pair *pair = meta_pair((uintptr_t)p);
  uint64_t bit = meta_bit((uintptr_t)p);

  if (own)
    __atomic_store_n(&pair->live, __atomic_load_n(&pair->live, __ATOMIC_RELAXED) & ~bit, __ATOMIC_RELAXED);
  else if (__atomic_fetch_or(&pair->gone, bit, __ATOMIC_RELEASE) & bit)
    return HEAP_WITHDRAWN;
  if (block->kind == BLOCK_MEDIUM)
    withdraw_discard((uintptr_t)p, block->size);
  return HEAP_OK;
}

static enum heap_verdict free_block(struct arena *arena, void *p)
{
  struct block block;
  enum heap_verdict verdict = block_find(p, &block);
  bool own;

  if (verdict != HEAP_OK)
    return verdict;
  if (block.kind == BLOCK_NESTED)
    return nested_free(p);
  own = arena && block.segment->region == arena->region;
  if (block.kind == BLOCK_HUGE)
    return free_huge(own ? arena : NULL, block.segment);
  if (unlikely(block.withdrawn))
    return free_withdrawn(own, p, &block);
  return own ? free_own(arena, p, &block) : free_foreign(arena, p, &block);
}

enum heap_verdict heap_free_slow(struct heap *heap, void *p)
{
  struct arena *arena = arena_usable(heap);

  return free_plain_foreign(arena, p) ? HEAP_OK : free_block(arena, p);
}

enum heap_verdict heap_nested_free(void *p)
{
  return free_block(NULL, p);
}
