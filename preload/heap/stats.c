/*
 * Sums over all heaps, for mallinfo and its kind.  Blocks in magazines and
 * frees not counted yet make small errors.  Any thread; takes each region's lock in turn.
 */
#include <string.h>

#include "heap/arena.h"
#include "heap/page_bits.h"

/* closed: what is available counts as gone already (abandon.c). */
static void add_run(struct heap_stats *stats, const struct run *run, bool closed)
{
  unsigned class = run_class(run);
  uint64_t size = class ? class_infos[class].size : (run->last + 1u) * HEAP_PAGE;
  uint64_t total = class ? (run->last + 1u) * HEAP_PAGE / size : 1;
  uint64_t unused = __atomic_load_n(&run->gone, __ATOMIC_RELAXED) + (class && !closed ? run->free : 0u);
  uint64_t live = total > unused ? total - unused : 0;

  stats->free_blocks += class && !closed ? run->free : 0;
  stats->live_blocks += live;
  stats->live_bytes += live * size;
}

static void add_segment(struct heap_stats *stats, const struct segment *segment)
{
  stats->mapped_bytes += SEGMENT_SIZE;
  if (segment->withdrawn)
    return;
  for (unsigned page = 0; page < SEGMENT_PAGES;) {
    const struct run *run = meta_run(segment->addr + page * HEAP_PAGE);

    if (pages_count(segment->free_map, page, 1) || pages_count(segment->void_map, page, 1)) {
      page++;
      continue;
    }
    add_run(stats, run, segment->region->closed);
    page += run->last + 1u;
  }
}

static void add_arena(struct heap_stats *stats, struct arena *arena)
{
  uint64_t cached = 0;

  for (uint32_t i = 0; i < arena->segment_count; i++) {
    if (arena->segments[i])
      add_segment(stats, arena->segments[i]);
  }
  /* Blocks in magazines are free; their owner may be moving them, which only blurs the sum. */
  for (unsigned class = 1; class <= CLASS_COUNT; class ++) {
    struct magazine *magazine = &arena->fast.magazines[class];
    void **top = __atomic_load_n(&magazine->top, __ATOMIC_RELAXED);
    void **bottom = __atomic_load_n(&magazine->bottom, __ATOMIC_RELAXED);
    uint64_t blocks = top > bottom ? (uint64_t)(top - bottom) : 0;

    if (blocks <= class_infos[class].magazine && blocks <= stats->live_blocks) {
      stats->live_blocks -= blocks;
      stats->free_blocks += blocks;
      cached += blocks * class_infos[class].size;
    }
  }
  stats->live_bytes -= cached < stats->live_bytes ? cached : stats->live_bytes;
  stats->large_bytes += arena->huge_bytes;
  stats->large_blocks += arena->huge_blocks;
  stats->large_bytes_most += arena->huge_bytes_most;
  stats->large_blocks_most += arena->huge_blocks_most;
  stats->live_bytes += arena->huge_bytes;
  stats->live_blocks += arena->huge_blocks;
  stats->mapped_bytes += arena->huge_bytes + arena->cached_bytes;
}

void heap_get_stats(struct heap_stats *stats)
{
  memset(stats, 0, sizeof *stats);
  for (struct region *region = region_first(); region; region = region->next) {
    uint64_t mask = region_enter(region);

    if (region_is_whole(region))
      add_arena(stats, arena_of(region_heap(region)));
    region_leave(region, mask);
  }
  stats->free_bytes = stats->mapped_bytes > stats->live_bytes ? stats->mapped_bytes - stats->live_bytes : 0;
}
