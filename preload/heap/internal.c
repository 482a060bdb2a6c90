/*
 * Blocks for libc's own needs, in the library's own memory: what libc
 * allocates while it creates a thread depends on timing (cached stacks) and must not shift the
 * program's addresses.  Called by entry/ only while thread->internal says so, and for frees of these blocks.
 */
#include <string.h>

#include "base/own.h"
#include "heap/heap.h"
#include "heap/meta.h"

/* Stands right before a block. */
struct internal_head {
  void *object;       /* what own_alloc gave */
  size_t object_size; /* what it was asked for */
  size_t size;        /* usable bytes of the block */
  size_t unused;
};

_Static_assert(sizeof(struct internal_head) % HEAP_MIN_ALIGN == 0, "keeps blocks aligned");

static struct internal_head *head_of(const void *p)
{
  return (struct internal_head *)(uintptr_t)p - 1;
}

void *heap_internal_alloc(size_t align, size_t size)
{
  size_t total;
  uintptr_t object, p;

  if (align < HEAP_MIN_ALIGN)
    align = HEAP_MIN_ALIGN;
  if (size > PTRDIFF_MAX / 2 || align > PTRDIFF_MAX / 4)
    return NULL;
  total = sizeof(struct internal_head) + align + size;
  object = (uintptr_t)own_alloc(total);
  if (!object)
    return NULL;
  p = (object + sizeof(struct internal_head) + align - 1) & ~(uintptr_t)(align - 1);
  *head_of((void *)p) = (struct internal_head){(void *)object, total, object + total - p, 0};
  return (void *)p;
}

void heap_internal_free(void *p)
{
  struct internal_head head = *head_of(p);

  own_free(head.object, head.object_size);
}

bool heap_internal_owns(const void *p)
{
  return (uintptr_t)p - OWN_START < OWN_END - OWN_START;
}

size_t heap_internal_usable(const void *p)
{
  return head_of(p)->size;
}
