/*
 * Runs of small blocks.  A block is either available here (its avail bit is
 * set), or in a magazine, or handed out; this file sees only the first kind change.
 * Called by magazine.c and region.c.
 */
#include "heap/slab.h"

#include "heap/heap.h"
#include "heap/segment.h"
#include "heap/space.h"
#include "heap/withdraw.h"

/*
 * Pages are populated ahead of their use in batches of up to POPULATE_MAX, at
 * most 1/POPULATE_SHARE of what the class has in use, so that it adds little
 * to the resident size.  Below POPULATE_MIN a fault is cheaper than the call.
 */
#define POPULATE_MAX 16
#define POPULATE_SHARE 8
#define POPULATE_MIN 4

/* A new current run is the fullest of so many: emptier ones get the chance to become empty. */
#define LOOK_AHEAD 4

static bool stay_behind; /* no page becomes resident by the heap's doing: heap_populate_ahead */

void heap_populate_ahead(bool ahead)
{
  __atomic_store_n(&stay_behind, !ahead, __ATOMIC_RELAXED);
}

static void unlink_run(struct bin *bin, struct run *run)
{
  if (run->prev)
    run->prev->next = run->next;
  else
    bin->runs = run->next;
  if (run->next)
    run->next->prev = run->prev;
}

static void link_run(struct bin *bin, struct run *run)
{
  run->prev = NULL;
  run->next = bin->runs;
  if (run->next)
    run->next->prev = run;
  bin->runs = run;
}

static unsigned blocks_in(const struct run *run, unsigned class)
{
  return (run->last + 1u) * (unsigned)HEAP_PAGE / class_infos[class].size;
}

/* Word i of the avail bits, which are spread over the records of the run's pages. */
static uint64_t *avail_word(struct run *run, unsigned i)
{
  return &run[i / 4].avail[i % 4];
}

/*
 * Pages for the next run of a class: its share, so far, of a segment.  Then
 * the runs of a segment fill, and where others free them die, at about the same time, and rare sizes
 * take little.
 */
static unsigned run_length(const struct arena *arena, const struct class_info *info, const struct bin *bin)
{
  uint64_t all = arena->run_pages < SEGMENT_PAGES ? SEGMENT_PAGES : arena->run_pages;
  uint64_t share = (uint64_t)bin->run_pages * SEGMENT_PAGES / all;

  if (share < info->first_pages)
    return info->first_pages;
  return share < info->full_pages ? (unsigned)share : info->full_pages;
}

unsigned slab_batch(const struct arena *arena, unsigned class, unsigned count)
{
  const struct class_info *info = &class_infos[class];
  unsigned half = run_length(arena, info, &arena->bins[class]) * (unsigned)HEAP_PAGE / info->size / 2;

  if (!half || !count)
    return 1;
  return half < count ? half : count;
}

static struct run *run_new(struct arena *arena, unsigned class)
{
  const struct class_info *info = &class_infos[class];
  struct bin *bin = &arena->bins[class];
  unsigned want = run_length(arena, info, bin);
  unsigned left, words;
  bool clean;
  struct run *run = segment_take(arena, want, info->min_pages, 1, &clean);

  if (!run)
    return NULL;
  bin->run_pages += run->last + 1u;
  arena->run_pages += run->last + 1u;
  left = blocks_in(run, class);
  words = (run->last + 1u) * 4;
  run->free = (uint16_t)left;
  for (unsigned i = 0; i < words; i++) {
    *avail_word(run, i) = left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
    left -= left >= 64 ? 64 : left;
  }
  for (unsigned i = 0; i <= run->last; i++)
    __atomic_store_n(meta_class(run_addr(run)) + i, (uint8_t) class, __ATOMIC_RELAXED);
  link_run(bin, run);
  return run;
}

/* Nothing of it is in use.  A block that was taken back before its free was counted keeps the run (recycle.c). */
static bool run_is_empty(const struct run *run, unsigned class)
{
  return run->free == blocks_in(run, class) && !__atomic_load_n(&run->gone, __ATOMIC_ACQUIRE);
}

static void run_release(struct arena *arena, struct bin *bin, struct run *run)
{
  uint8_t *class = meta_class(run_addr(run));

  unlink_run(bin, run);
  for (unsigned i = 0; i <= run->last; i++)
    __atomic_store_n(class + i, CLASS_NONE, __ATOMIC_RELAXED);
  segment_give(arena, run_segment(run), run->head, run->last + 1u);
}

/* Makes the pages under block index resident, and some beyond it, unless the program is to do that itself. */
static void populate(struct bin *bin, struct run *run, uint32_t size, unsigned index)
{
  unsigned pages = run->last + 1u, first = run->populated;
  unsigned need = ((index + 1) * size + (unsigned)HEAP_PAGE - 1) / (unsigned)HEAP_PAGE;
  unsigned ahead = bin->pages / POPULATE_SHARE;
  unsigned end = first + (ahead < POPULATE_MAX ? ahead : POPULATE_MAX);

  if (need <= first)
    return;
  if (end < need)
    end = need;
  if (end > pages)
    end = pages;
  if (ahead >= POPULATE_MIN && end - first >= POPULATE_MIN && !__atomic_load_n(&stay_behind, __ATOMIC_RELAXED))
    space_populate(run_addr(run) + first * HEAP_PAGE, (end - first) * HEAP_PAGE);
  bin->pages += end - first;
  run->populated = (uint8_t)end;
}

/* The bin's first run, after choosing which that should be. */
static struct run *choose_run(struct arena *arena, unsigned class)
{
  struct bin *bin = &arena->bins[class];
  struct run *best = bin->runs, *run = best;

  if (!best)
    return run_new(arena, class);
  for (unsigned i = 1; i < LOOK_AHEAD && (run = run->next); i++) {
    if (run->free < best->free)
      best = run;
  }
  if (best != bin->runs) {
    unlink_run(bin, best);
    link_run(bin, best);
  }
  return best;
}

/*
 * Takes blocks out of one run; how many.  They and their state bits are
 * fetched into the cache, for they will be written soon: a heap whose blocks others free gets all of them cold.
 */
static unsigned take_from(struct bin *bin, struct run *run, uint32_t size, void **blocks, unsigned count)
{
  uintptr_t addr = run_addr(run);
  unsigned taken = 0, index = 0;

  if (count > run->free)
    count = run->free;
  for (unsigned i = 0; taken < count; i++) {
    uint64_t *word = avail_word(run, i);

    while (*word && taken < count) {
      index = i * 64 + (unsigned)__builtin_ctzll(*word);
      *word &= *word - 1;
      blocks[taken] = (void *)(addr + (uintptr_t)index * size);
      __builtin_prefetch(blocks[taken], 1);
      __builtin_prefetch(meta_pair((uintptr_t)blocks[taken]), 1);
      taken++;
    }
  }
  run->free = (uint16_t)(run->free - taken);
  if (!run->free)
    unlink_run(bin, run);
  populate(bin, run, size, index);
  return taken;
}

unsigned slab_take(struct arena *arena, unsigned class, void **blocks, unsigned count)
{
  struct bin *bin = &arena->bins[class];
  unsigned taken = 0;

  while (taken < count && (bin->runs || !taken)) {
    struct run *run = choose_run(arena, class);

    if (!run)
      break;
    taken += take_from(bin, run, class_infos[class].size, blocks + taken, count - taken);
  }
  return taken;
}

void slab_put(struct arena *arena, unsigned class, void **blocks, unsigned count)
{
  const struct class_info *info = &class_infos[class];
  struct bin *bin = &arena->bins[class];

  for (unsigned i = 0; i < count; i++) {
    uintptr_t addr = (uintptr_t)blocks[i];
    struct run *run = meta_run(addr);
    unsigned within = run_page(run) % SEGMENT_PAGES - run->head;
    uint64_t offset = within * HEAP_PAGE + addr % HEAP_PAGE;
    unsigned index = (unsigned)(offset * info->reciprocal >> 32);

    if (unlikely(segment_is_withdrawn(run_segment(run))))
      continue;
    run -= within;
    *avail_word(run, index / 64) |= UINT64_C(1) << index % 64;
    if (!run->free++)
      link_run(bin, run);
    /* One empty run stays, so that a single block that comes and goes does not take its run along. */
    if (run_is_empty(run, class) && (run->next || run->prev))
      run_release(arena, bin, run);
  }
}

void slab_release(struct arena *arena)
{
  for (unsigned class = 1; class <= CLASS_COUNT; class ++) {
    struct bin *bin = &arena->bins[class];
    struct run *run, *next;

    for (run = bin->runs; run; run = next) {
      next = run->next;
      if (run_is_empty(run, class))
        run_release(arena, bin, run);
    }
  }
}

void slab_link(struct arena *arena, unsigned class, struct run *run)
{
  link_run(&arena->bins[class], run);
}

void slab_withdraw(struct arena *arena, unsigned class, struct run *run)
{
  uint8_t *classes = meta_class(run_addr(run));

  if (arena && run->free)
    unlink_run(&arena->bins[class], run);
  run->free = 0;
  run->populated = (uint8_t) class;
  for (unsigned i = 0; i < (run->last + 1u) * 4; i++)
    *avail_word(run, i) = 0;
  for (unsigned i = 0; i <= run->last; i++)
    __atomic_store_n(classes + i, CLASS_NONE, __ATOMIC_RELEASE); /* after the record, and after segment->withdrawn */
}
