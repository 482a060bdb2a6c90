/*
 * The slow half of allocation: sends a request to the magazines, to medium or
 * to huge blocks.  Owner only; called through heap_fast.h and by entry/.
 */
#include <string.h>

#include "heap/arena.h"
#include "heap/large.h"
#include "heap/magazine.h"

struct heap heap_none;

static void *alloc_class(struct heap *heap, unsigned class)
{
  struct magazine *magazine = &heap->magazines[class];
  void *p;

  if (magazine->top != magazine->bottom)
    p = *--magazine->top;
  else
    p = magazine_refill(arena_of(heap), class);
  if (p)
    heap_mark_live(p);
  return p;
}

/* Above the size classes.  *zero: the block reads as zero. */
static void *alloc_large(struct heap *heap, size_t align, size_t size, bool *zero)
{
  if (size > PTRDIFF_MAX)
    return NULL;
  if (size <= MEDIUM_MAX && align <= MEDIUM_MAX)
    return medium_alloc(arena_of(heap), align, size, zero);
  return huge_alloc(arena_of(heap), align, size, zero);
}

void *heap_alloc_slow(struct heap *heap, size_t size)
{
  bool zero;

  if (!arena_ready(heap))
    return NULL;
  if (size <= CLASS_MAX)
    return alloc_class(heap, class_of(size));
  return alloc_large(heap, HEAP_MIN_ALIGN, size, &zero);
}

void *heap_alloc_aligned(struct heap *heap, size_t align, size_t size)
{
  unsigned class = CLASS_NONE;
  bool zero;

  if (align <= HEAP_MIN_ALIGN || !arena_ready(heap))
    return heap_alloc(heap, size);
  if (size <= CLASS_MAX && align <= HEAP_PAGE)
    class = class_aligned(size, align);
  if (class != CLASS_NONE)
    return alloc_class(heap, class);
  return alloc_large(heap, align, size, &zero);
}

void *heap_alloc_zeroed(struct heap *heap, size_t size)
{
  bool zero = false;
  void *p;

  if (size <= CLASS_MAX)
    p = heap_alloc(heap, size);
  else if (!arena_ready(heap))
    return NULL;
  else
    p = alloc_large(heap, HEAP_MIN_ALIGN, size, &zero);
  if (p && !zero)
    memset(p, 0, size);
  return p;
}
