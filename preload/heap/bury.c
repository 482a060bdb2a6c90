/*
 * The end of segments whose blocks other threads freed: where their memory and
 * their metadata go.  Nothing here makes an address available again.  Called by segment.c and
 * retire.c, under the region's lock.
 */
#include <stddef.h>
#include <sys/syscall.h>

#include "base/sys.h"
#include "heap/retire.h"
#include "heap/segment.h"
#include "heap/space.h"
#include "heap/withdraw.h"

/*
 * The metadata of a dead segment is kept while its grain may soon be gone as a
 * whole and serve again (meta_keep); then it is given back.
 */
#define RECENT_BYTES (3 * GRAIN_SIZE)

static uint64_t newest_grain(const struct arena *arena)
{
  return (arena->next_segment - SEGMENT_SIZE) & ~(GRAIN_SIZE - 1);
}

static bool is_recent(const struct arena *arena, uint64_t addr)
{
  return addr - arena->fast.base < arena->fast.span && newest_grain(arena) - (addr & ~(GRAIN_SIZE - 1)) < RECENT_BYTES;
}

/* When a grain was begun, another one is not recent any more. */
static void drop_old_metadata(struct arena *arena)
{
  uint64_t grain = newest_grain(arena) - RECENT_BYTES;

  if (arena->next_segment - SEGMENT_SIZE != newest_grain(arena) || arena->fast.span <= RECENT_BYTES ||
      grain < arena->fast.base)
    return;
  for (uint64_t addr = grain; addr < grain + GRAIN_SIZE; addr += SEGMENT_SIZE) {
    if (__atomic_load_n(&meta_segment(addr)->kind, __ATOMIC_RELAXED) == SEGMENT_DEAD)
      meta_drop(addr);
  }
}

/* The window's first grains whose segments are all dead leave it, with their metadata. */
static void release_grains(struct arena *arena)
{
  struct heap *heap = &arena->fast;

  while (heap->span > GRAIN_SIZE) {
    struct segment *segment = meta_segment(heap->base);

    for (unsigned i = 0; i < GRAIN_SEGMENTS; i++, segment = meta_segment(heap->base + i * SEGMENT_SIZE)) {
      if (__atomic_load_n(&segment->kind, __ATOMIC_RELAXED) != SEGMENT_DEAD)
        return;
    }
    meta_keep(heap->base, &arena->spares);
    heap->base += GRAIN_SIZE;
    heap->span -= GRAIN_SIZE;
  }
}

void segment_leave_behind(struct arena *arena)
{
  release_grains(arena);
  drop_old_metadata(arena);
}

/* Whether a dead segment in small pages was in use nearly all over.  A filter of system calls may end the process over
 * a question. */
static bool was_dense(const struct segment *segment)
{
  uint8_t there[SEGMENT_PAGES / 8]; /* a part at a time: this is the program's stack */
  unsigned present = 0;

  if (sys_filtered())
    return false;
  for (uint64_t at = segment->addr; at < segment->addr + SEGMENT_SIZE; at += sizeof there * HEAP_PAGE) {
    if (sys_call(SYS_mincore, (long)at, (long)(sizeof there * HEAP_PAGE), (long)there, 0, 0, 0) != 0)
      return false;
    for (unsigned i = 0; i < sizeof there; i++)
      present += there[i] & 1;
  }
  return present >= (SEGMENT_PAGES - segment->given_up) / 8u * 7;
}

static void learn_density(struct arena *arena, const struct segment *segment)
{
  if (segment->pages != SPACE_FRESH)
    return;
  if (was_dense(segment))
    arena->density += arena->density < DENSITY_SURE;
  else
    arena->density -= arena->density > -DENSITY_SURE;
}

void segment_bury(struct arena *arena, struct segment *segment)
{
  if (segment->withdrawn)
    return;
  segment_unseal(segment, segment->addr, SEGMENT_SIZE);
  segment_hide(arena, segment);
  arena->segments[segment->ordinal] = NULL;
  arena->used_pages -= SEGMENT_PAGES - segment->given_up;
  __atomic_store_n(&segment->kind, SEGMENT_DEAD, __ATOMIC_RELEASE);
  retire_forget(segment);
  learn_density(arena, segment);
  if (!is_recent(arena, segment->addr))
    meta_drop(segment->addr);
  /* Only memory of the kind that is asked for is worth keeping. */
  if (arena->density == (segment->pages == SPACE_HUGE ? DENSITY_SURE : -DENSITY_SURE))
    space_give(segment->addr, SEGMENT_SIZE, segment->pages, segment->moved);
  else
    space_unmap(segment->addr, SEGMENT_SIZE, segment->moved);
}
