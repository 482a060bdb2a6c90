/*
 * Memory of freed huge blocks.  Never decides an address: the free ranges do,
 * and this set only remembers where pages still are.  Called by huge.c,
 * range.c, segment.c and trim.c.
 */
#include "heap/cache.h"

#include <errno.h>
#include <stddef.h>

#include "base/sys.h"
#include "heap/segment.h"
#include "heap/space.h"

/* Kept at most: this much, and this share of what is in live huge blocks. */
#define CACHE_BYTES (UINT64_C(16) << 20)
#define CACHE_SHARE 2

static void drop(struct arena *arena, uint64_t start, uint64_t end)
{
  uint64_t piece, size;

  while (extent_cut(&arena->cached, start, end, &piece, &size)) {
    sys_munmap((void *)piece, size);
    arena->cached_bytes -= size;
    start = piece + size;
  }
}

int cache_map(struct arena *arena, uint64_t addr, uint64_t size, bool *zero, bool *moved)
{
  uint64_t at = addr, end = addr + size, piece, length;
  int error = 0;

  *zero = true;
  *moved = false;
  while (!error && extent_cut(&arena->cached, at, end, &piece, &length)) {
    bool ignored;

    arena->cached_bytes -= length;
    *zero = false;
    if (piece > at)
      error = space_map(at, piece - at, SPACE_SMALL, &ignored);
    if (error)
      sys_munmap((void *)piece, length);
    else
      at = piece + length;
  }
  if (!error && at == addr) {
    error = space_map(addr, size, SPACE_SMALL, moved);
    *zero = !*moved;
  } else if (!error && at < end) {
    bool ignored;

    error = space_map(at, end - at, SPACE_SMALL, &ignored);
  }
  if (error) {
    if (at > addr)
      sys_munmap((void *)addr, at - addr);
    drop(arena, at, end);
  }
  return error;
}

void cache_put(struct arena *arena, uint64_t addr, uint64_t size)
{
  uint64_t limit = CACHE_BYTES + arena->huge_bytes / CACHE_SHARE;

  while (arena->cached && arena->cached_bytes + size > limit) {
    const struct extent *oldest = extent_oldest(arena->cached);
    uint64_t before = arena->cached_bytes;

    drop(arena, oldest->start, oldest->start + oldest->size);
    if (arena->cached_bytes == before)
      break;
  }
  if (arena->cached_bytes + size <= limit && extent_add(&arena->cached, addr, size, segment_now()))
    arena->cached_bytes += size;
  else
    sys_munmap((void *)addr, size);
}

void cache_unmap(struct arena *arena, uint64_t addr, uint64_t size)
{
  if (arena->cached)
    drop(arena, addr, addr + size);
}

uint64_t cache_trim(struct arena *arena, uint64_t before_ns)
{
  uint64_t bytes = arena->cached_bytes;

  while (arena->cached) {
    const struct extent *oldest = extent_oldest(arena->cached);
    uint64_t kept = arena->cached_bytes;

    if (oldest->stamp > before_ns)
      break;
    drop(arena, oldest->start, oldest->start + oldest->size);
    if (arena->cached_bytes == kept)
      break;
  }
  return bytes - arena->cached_bytes;
}

uint64_t cache_reclaim(struct arena *arena)
{
  return space_trim() + cache_trim(arena, UINT64_MAX);
}
