/*
 * Giving memory back to the kernel on request.
 * Addresses never depend on it.  Called by entry/ and by the sampler's thread.
 */
#include "base/sys.h"
#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/decay.h"
#include "heap/retire.h"
#include "heap/segment.h"
#include "heap/space.h"

/* Segments looked at in one go, so that the owner does not wait long for the lock. */
#define TRIM_SEGMENTS 8

static size_t trim_segments(struct region *region, uint64_t before_ns)
{
  struct arena *arena = arena_of(region_heap(region));
  bool more = true;
  size_t bytes = 0;

  for (uint32_t i = 0; more; i += TRIM_SEGMENTS) {
    uint64_t mask = region_enter(region);

    more = region_is_whole(region) && arena->free_dirty && i < arena->segment_count;
    for (uint32_t j = i; more && j < i + TRIM_SEGMENTS && j < arena->segment_count; j++) {
      if (arena->segments[j])
        bytes += segment_purge(arena, arena->segments[j], before_ns);
    }
    region_leave(region, mask);
  }
  return bytes;
}

static size_t trim_cache(struct region *region, uint64_t before_ns)
{
  uint64_t mask = region_enter(region);
  size_t bytes = 0;

  if (region_is_whole(region))
    bytes = cache_trim(arena_of(region_heap(region)), before_ns);
  region_leave(region, mask);
  return bytes;
}

size_t heap_trim(uint64_t age_ns)
{
  uint64_t now = sys_now(), before = now > age_ns ? now - age_ns : 0;
  size_t bytes = 0;

  segment_set_now(now);
  for (struct region *region = region_first(); region; region = region->next) {
    bytes += trim_segments(region, before);
    bytes += trim_cache(region, before);
    decay_trim(region, before);
  }
  if (!age_ns)
    bytes += retire_sweep(true) + space_trim();
  return bytes;
}
