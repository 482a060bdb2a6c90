/*
 * malloc, free, calloc, realloc and their sized kin.  The plain cases are
 * here, inline over heap_fast.h and trace_fast.h; allocation.c has the others.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "entry/allocation.h"
#include "entry/free_sites.h"
#include "entry/hook.h"
#include "entry/libc_names.h"
#include "entry/process.h"
#include "entry/report.h"
#include "entry/stacks.h"
#include "heap/heap_fast.h"
#include "trace/trace_fast.h"

#define SMALLEST_JUDGED 256 /* of smaller blocks, any size that fits is taken */

/* The guard was not free, or (held) the heap gave nothing: an allocator of another kind, or no memory. */
static COLD void *malloc_slow(size_t size, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  void *p = block_alloc(&h, HEAP_MIN_ALIGN, size, false);

  hook_end(&h);
  return p;
}

EXPORT void *malloc(size_t size)
{
  struct thread *t = thread_self();
  uintptr_t frame = HOOK_FRAME;
  void *p;

  if (unlikely(!hook_enter(t, frame)))
    return malloc_slow(size, frame);
  p = heap_alloc(t->heap, size);
  if (unlikely(!p)) {
    hook_leave(t, frame);
    return malloc_slow(size, frame);
  }
  trace_alloc(t->writer, (uintptr_t)p, size, stack_of(t, frame));
  hook_leave(t, frame);
  return p;
}

static COLD void free_slow(void *p, const char *call, uintptr_t frame)
{
  struct hook h = hook_begin(frame);

  block_free(&h, p, call);
  hook_end(&h);
}

/* A block that is perhaps another thread's.  False: it could not be freed, and nothing happened. */
static __attribute__((noinline)) bool free_other(struct thread *t, void *p)
{
  size_t size;
  bool first = unlikely(heap_recycles()) && heap_usable(p, &size) == HEAP_OK;

  trace_clock_due(t->writer);
  if (first)
    trace_free(t->writer, (uintptr_t)p);
  if (unlikely(heap_free_slow(t->heap, p) != HEAP_OK))
    return false;
  if (!first)
    trace_free(t->writer, (uintptr_t)p);
  return true;
}

/* call names the hook in a report. */
HOT void free_block(void *p, const char *call, uintptr_t frame)
{
  struct thread *t = thread_self();

  if (!p)
    return;
  if (unlikely(!hook_enter(t, frame))) {
    free_slow(p, call, frame);
    return;
  }
  if (likely(heap_is_own(t->heap, p)) && likely(heap_free_own(t->heap, p) == HEAP_OK)) {
    trace_free(t->writer, (uintptr_t)p);
  } else if (unlikely(!free_other(t, p))) {
    hook_leave(t, frame);
    free_slow(p, call, frame);
    return;
  }
  free_sites_note(t, p, frame);
  hook_leave(t, frame);
}

EXPORT void free(void *p)
{
  free_block(p, "free", HOOK_FRAME);
}

EXPORT void cfree(void *p)
{
  free_block(p, "cfree", HOOK_FRAME);
}

/*
 * Whether a block of usable bytes at p may have been asked for with that size
 * and alignment (0: none was named).  A block that realloc shrank keeps its place down to half of its size; a small or
 * an aligned one may be larger than its class because of the alignment.
 */
static bool size_is_possible(const void *p, size_t align, size_t size, size_t usable)
{
  if (align && ((align & (align - 1)) || (uintptr_t)p & (align - 1)))
    return false;
  return size <= usable && (align || usable <= SMALLEST_JUDGED || size >= usable / 2);
}

/* False: the block at p cannot be what the caller says, and the program goes on without the free. */
static bool check_size(void *p, size_t align, size_t size, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  size_t usable = block_usable(&h, p);
  bool possible = block_is_next(&h) || !usable || size_is_possible(p, align, size, usable);

  if (!possible)
    report_size_mismatch(&h, p, align, size, usable);
  hook_end(&h);
  return possible;
}

EXPORT void free_sized(void *p, size_t size)
{
  if (!p || check_size(p, 0, size, HOOK_FRAME))
    free_block(p, "free_sized", HOOK_FRAME);
}

EXPORT void free_aligned_sized(void *p, size_t align, size_t size)
{
  if (!p || check_size(p, align ? align : 1, size, HOOK_FRAME))
    free_block(p, "free_aligned_sized", HOOK_FRAME);
}

static COLD void *calloc_slow(size_t size, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  void *p = block_alloc(&h, HEAP_MIN_ALIGN, size, true);

  hook_end(&h);
  return p;
}

EXPORT void *calloc(size_t count, size_t size)
{
  struct thread *t = thread_self();
  uintptr_t frame = HOOK_FRAME;
  size_t bytes;
  void *p;

  if (unlikely(__builtin_mul_overflow(count, size, &bytes)) || unlikely(bytes > BLOCK_MAX)) {
    errno = ENOMEM;
    return NULL;
  }
  if (unlikely(!hook_enter(t, frame)))
    return calloc_slow(bytes, frame);
  p = heap_alloc_zeroed(t->heap, bytes);
  if (unlikely(!p)) {
    hook_leave(t, frame);
    return calloc_slow(bytes, frame);
  }
  trace_alloc(t->writer, (uintptr_t)p, bytes, stack_of(t, frame));
  hook_leave(t, frame);
  return p;
}

static COLD void *resize_slow(void *p, size_t size, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  void *q = NULL;

  if (!p)
    q = block_alloc(&h, HEAP_MIN_ALIGN, size, false);
  else if (size == 0 && !block_is_next(&h))
    block_free(&h, p, "realloc");
  else
    q = block_resize(&h, p, size);
  hook_end(&h);
  return q;
}

HOT void *resize(void *p, size_t size, uintptr_t frame)
{
  struct thread *t = thread_self();
  void *q = NULL;

  if (unlikely(!p) || unlikely(size - 1 >= BLOCK_MAX) || t->heap == &heap_none || unlikely(!hook_enter(t, frame)))
    return resize_slow(p, size, frame);
  if (unlikely(!heap_is_own(t->heap, p)) && unlikely(heap_recycles())) {
    hook_leave(t, frame);
    return resize_slow(p, size, frame);
  }
  if (unlikely(heap_resize(t->heap, p, size, &q) != HEAP_OK) || unlikely(!q)) {
    hook_leave(t, frame);
    return resize_slow(p, size, frame);
  }
  if (unlikely(!heap_is_own(t->heap, p)))
    trace_clock_due(t->writer);
  trace_realloc(t->writer, (uintptr_t)p, (uintptr_t)q, size, stack_of(t, frame));
  hook_leave(t, frame);
  return q;
}

EXPORT void *realloc(void *p, size_t size)
{
  return resize(p, size, HOOK_FRAME);
}

EXPORT void *reallocarray(void *p, size_t count, size_t size)
{
  size_t bytes;

  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return resize(p, bytes, HOOK_FRAME);
}

EXPORT size_t malloc_usable_size(void *p)
{
  struct hook h;
  size_t size;

  if (!p)
    return 0;
  h = hook_begin(HOOK_FRAME);
  size = block_usable_anyones(&h, p);
  hook_end(&h);
  return size;
}
