/*
 * The aligned members of the malloc family, with the rules of glibc 2.36.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "entry/allocation.h"
#include "entry/hook.h"
#include "heap/heap.h"
#include "heap/next.h"

#define PAGE ((size_t)4096)
#define ALIGN_LIMIT (SIZE_MAX / 2 + 1) /* glibc refuses larger ones */

/* align is a power of two; errno tells a failure. */
static void *aligned(const struct hook *h, size_t align, size_t size)
{
  return block_alloc(h, align < HEAP_MIN_ALIGN ? HEAP_MIN_ALIGN : align, size, false);
}

/* The power of two that align stands for, as glibc has it; 0 when it is too large. */
static size_t power_of_two(size_t align)
{
  size_t power = HEAP_MIN_ALIGN;

  if (align > ALIGN_LIMIT)
    return 0;
  while (power < align)
    power <<= 1;
  return power;
}

typedef void *(*memalign_fn)(size_t, size_t);

/* memalign and aligned_alloc are one function in glibc 2.36: any alignment is taken and rounded up.  *next is filled
 * by the time the hook has begun. */
HOT void *memalign_hook(size_t align, size_t size, const memalign_fn *next, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  size_t power = power_of_two(align);
  void *p = NULL;

  if (block_is_next(&h)) {
    p = (*next)(align, size);
    block_record(&h, p, power, size);
  } else if (power) {
    p = aligned(&h, power, size);
  } else {
    errno = EINVAL;
  }
  hook_end(&h);
  return p;
}

EXPORT void *memalign(size_t align, size_t size)
{
  return memalign_hook(align, size, &heap_next()->memalign, HOOK_FRAME);
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
  return memalign_hook(align, size, &heap_next()->aligned_alloc, HOOK_FRAME);
}

EXPORT int posix_memalign(void **result, size_t align, size_t size)
{
  struct hook h = hook_begin(HOOK_FRAME);
  int error = errno, code = 0;
  void *p = NULL;

  if (block_is_next(&h)) {
    code = heap_next()->posix_memalign(result, align, size);
    if (code == 0)
      block_record(&h, *result, align, size);
  } else if (align % sizeof(void *) || align == 0 || align & (align - 1)) {
    code = EINVAL;
  } else {
    p = aligned(&h, align, size);
    code = p ? 0 : ENOMEM;
    if (p)
      *result = p;
  }
  hook_end(&h);
  errno = code == ENOMEM ? ENOMEM : error; /* POSIX leaves it open, glibc tells */
  return code;
}

typedef void *(*valloc_fn)(size_t);

HOT void *page_hook(size_t size, const valloc_fn *next, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  void *p;

  if (block_is_next(&h)) {
    p = (*next)(size);
    block_record(&h, p, PAGE, size);
  } else {
    p = aligned(&h, PAGE, size);
  }
  hook_end(&h);
  return p;
}

EXPORT void *valloc(size_t size)
{
  return page_hook(size, &heap_next()->valloc, HOOK_FRAME);
}

EXPORT void *pvalloc(size_t size)
{
  size_t rounded;

  if (__builtin_add_overflow(size, PAGE - 1, &rounded)) {
    errno = ENOMEM;
    return NULL;
  }
  return page_hook(rounded & ~(PAGE - 1), &heap_next()->pvalloc, HOOK_FRAME);
}
