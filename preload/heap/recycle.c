/*
 * Taking gone blocks back.  See recycle.h; the only place that clears gone bits.
 * Called by magazine.c and retire.c.
 *
 * Frees are counted late (retire.c), so that a block may be gone and taken
 * back before it is counted.  run->gone is then too small by as many, modulo
 * 2^16: it reaches the number of blocks only when all of them are gone, and a run is not given up while
 * it is not 0.
 */
#include "heap/recycle.h"

#include "heap/page_bits.h"
#include "heap/region.h"
#include "heap/retire.h"
#include "heap/slab.h"

/* So many bytes may be lost, and this part of what is in use. */
#define LOST_BYTES (UINT64_C(8) << 20)
#define LOST_PART 4

/* In one go: so many segments are looked at, and taken back from; each when so much of it has gone since the last time.
 */
#define LOOK_SEGMENTS 64
#define TAKE_SEGMENTS 4
#define TAKE_BYTES (INT64_C(64) << 10)

#define BATCH 64

uint32_t recycle_state;
static uint64_t lost_limit = LOST_BYTES;
static uint32_t reported;

void heap_recycle_above(uint64_t bytes)
{
  __atomic_store_n(&lost_limit, bytes, __ATOMIC_RELAXED);
}

bool recycle_is_waste(uint64_t lost)
{
  return lost > __atomic_load_n(&lost_limit, __ATOMIC_RELAXED);
}

void recycle_judge(uint64_t lost, uint64_t used)
{
  uint32_t state = __atomic_load_n(&recycle_state, __ATOMIC_RELAXED);

  if (state == RECYCLE_NEAR)
    __atomic_store_n(&recycle_state, RECYCLE_ON, __ATOMIC_RELAXED);
  else if (state == RECYCLE_OFF && recycle_is_waste(lost) && lost > used / LOST_PART)
    __atomic_store_n(&recycle_state, RECYCLE_NEAR, __ATOMIC_RELAXED);
}

void recycle_report(uint64_t addr)
{
  if (!__atomic_exchange_n(&reported, 1, __ATOMIC_RELAXED))
    region_nondet(VT_NONDET_RECYCLED, addr);
}

bool heap_recycles(void)
{
  return __atomic_load_n(&recycle_state, __ATOMIC_RELAXED) != RECYCLE_OFF;
}

static bool is_gone(uintptr_t addr)
{
  return __atomic_load_n(&meta_pair(addr)->gone, __ATOMIC_ACQUIRE) & meta_bit(addr);
}

bool recycle_claim(struct run *run, unsigned n, unsigned total)
{
  uint16_t gone = __atomic_load_n(&run->gone, __ATOMIC_ACQUIRE);

  do {
    if (gone == total)
      return false;
  } while (
      !__atomic_compare_exchange_n(&run->gone, &gone, (uint16_t)(gone - n), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
  return true;
}

/* live goes before gone: the block is never seen as in use. */
static void clear_state(uintptr_t addr)
{
  struct state_pair *pair = meta_pair(addr);
  uint64_t bit = meta_bit(addr);

  __atomic_store_n(&pair->live, __atomic_load_n(&pair->live, __ATOMIC_RELAXED) & ~bit, __ATOMIC_RELAXED);
  __atomic_fetch_and(&pair->gone, ~bit, __ATOMIC_RELEASE);
}

static void take_back(struct arena *arena, struct run *run, unsigned class)
{
  uint32_t size = class_infos[class].size;
  unsigned total = (unsigned)((run->last + 1u) * HEAP_PAGE / size), n = 0, have = 0;
  struct segment *segment = run_segment(run);
  uintptr_t start = run_addr(run);
  void *blocks[BATCH];

  for (unsigned i = 0; i < total; i++)
    n += is_gone(start + (uintptr_t)i * size);
  if (!n || !recycle_claim(run, n, total))
    return;
  recycle_report(start);
  retire_take_back(segment, (uint64_t)n * size);
  pages_clear(segment->given_map, run->head, run->last + 1u);
  /* More may have gone meanwhile; they are for the next time. */
  for (unsigned i = 0; n; i++) {
    uintptr_t addr = start + (uintptr_t)i * size;

    if (!is_gone(addr))
      continue;
    clear_state(addr);
    blocks[have++] = (void *)addr;
    n--;
    if (have == BATCH || !n) {
      slab_put(arena, class, blocks, have);
      have = 0;
    }
  }
}

static void take_from_segment(struct arena *arena, struct segment *segment)
{
  for (unsigned page = 0; page < SEGMENT_PAGES;) {
    struct run *run = meta_run(segment->addr + page * HEAP_PAGE);
    unsigned pages = 1;

    if (!pages_count(segment->free_map, page, 1) && !pages_count(segment->void_map, page, 1)) {
      unsigned class = run_class(run);

      pages = run->last + 1u;
      if (class && __atomic_load_n(&run->gone, __ATOMIC_RELAXED))
        take_back(arena, run, class);
    }
    page += pages;
  }
  segment->recycled = __atomic_load_n(&segment->gone_bytes, __ATOMIC_RELAXED);
}

void recycle_for(struct arena *arena, unsigned class)
{
  unsigned taken = 0, count = arena->segment_count < LOOK_SEGMENTS ? arena->segment_count : LOOK_SEGMENTS;

  for (unsigned i = 0; i < count && taken < TAKE_SEGMENTS && !arena->bins[class].runs; i++) {
    struct segment *segment = arena->segments[arena->recycle_ordinal++ % arena->segment_count];

    if (!segment || (int64_t)(__atomic_load_n(&segment->gone_bytes, __ATOMIC_RELAXED) - segment->recycled) < TAKE_BYTES)
      continue;
    take_from_segment(arena, segment);
    taken++;
  }
}
