/*
 * Allocation below the hooks.  See allocation.h.
 *
 * Order of records.  The pinned heap gives an address out again only to the
 * thread that freed it, so a free may be recorded after it was done; but where
 * owners take back what others freed (heap_recycles), what others do is recorded first, also a realloc.  The next
 * allocator may give it to another thread at once: there the record comes
 * first.  A realloc that moves is recorded when it is done, in both; readers
 * hold back an allocation of an address that is still in use until they have seen the record that frees it.
 */
#include "entry/allocation.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "entry/foreign.h"
#include "entry/free_sites.h"
#include "entry/process.h"
#include "entry/report.h"
#include "heap/heap_fast.h"
#include "heap/next.h"

/* ---- libc's own blocks ---- */

/* The internal arena has a lock: a handler in this thread must not come in between. */
static void *internal_alloc(size_t align, size_t size)
{
  uint64_t mask = sys_block_signals();
  void *p = heap_internal_alloc(align, size);

  sys_restore_signals(mask);
  return p;
}

static void internal_free(void *p)
{
  uint64_t mask = sys_block_signals();

  heap_internal_free(p);
  sys_restore_signals(mask);
}

/* A block of libc's own stays one, whoever resizes it. */
static void *internal_resize(void *p, size_t size)
{
  size_t old = heap_internal_usable(p);
  void *q = size <= BLOCK_MAX ? internal_alloc(HEAP_MIN_ALIGN, size) : NULL;

  if (!q)
    return NULL;
  memcpy(q, p, old < size ? old : size);
  internal_free(p);
  return q;
}

/* ---- the next allocator ---- */

bool block_is_next(const struct hook *h)
{
  return h->state != HOOK_INTERNAL && process_mode() != PROCESS_PIN;
}

void block_record(const struct hook *h, const void *p, size_t align, size_t size)
{
  h->thread->given = p;
  if (p)
    HOOK_RECORD(h, ALLOC, (uint64_t)(uintptr_t)p, size, align > HEAP_MIN_ALIGN ? align : 0);
}

static void next_free(const struct hook *h, void *p)
{
  if (h->thread->freeing != p)
    HOOK_RECORD(h, FREE, (uint64_t)(uintptr_t)p);
  heap_next()->free(p);
}

static void *next_resize(const struct hook *h, void *p, size_t size)
{
  void *q = heap_next()->realloc(p, size);

  if (q)
    HOOK_RECORD(h, REALLOC, (uint64_t)(uintptr_t)p, (uint64_t)(uintptr_t)q, size);
  else if (size == 0)
    HOOK_RECORD(h, FREE, (uint64_t)(uintptr_t)p);
  else
    errno = ENOMEM; /* mimalloc leaves it out */
  return q;
}

/* ---- somebody else's ---- */

/* What comes between the two runs no longer in the middle of a hook. */
static void step_out(const struct hook *h)
{
  if (h->state == HOOK_READY)
    hook_leave(h->thread, h->frame);
}

static void step_in(const struct hook *h)
{
  if (h->state != HOOK_READY)
    return;
  while (!hook_enter(h->thread, h->frame))
    if (hook_resolve(h->frame) != HOOK_READY)
      break;
}

/* No block of the pinned heap's: verdict is HEAP_FOREIGN, or HEAP_INVALID where the heap uses nothing. */
static bool is_foreign(enum heap_verdict verdict, const void *p)
{
  return verdict == HEAP_FOREIGN || (verdict == HEAP_INVALID && !heap_uses(p));
}

static void report_foreign_free(const struct hook *h, enum heap_verdict verdict, enum foreign_place place,
                                const void *p, const char *call)
{
  if (place > FOREIGN_NEXT)
    report_foreign(h, place, p, call);
  else if (place == FOREIGN_ELSEWHERE && verdict != HEAP_FOREIGN)
    report_bad_free(h, verdict, p, call);
}

/* libc maps its memory without our hooks: its blocks lie outside of the pinned ranges. */
static void foreign_free(const struct hook *h, enum heap_verdict verdict, void *p, const char *call)
{
  enum foreign_place place = FOREIGN_ELSEWHERE;
  int error = errno;

  if (h->state != HOOK_NESTED) {
    step_out(h);
    internal_begin(h->thread);
    place = foreign_place(h, (uintptr_t)p);
    if (place == FOREIGN_ELSEWHERE && verdict == HEAP_FOREIGN)
      heap_next_free_foreign(p);
    internal_end(h->thread);
    if (place == FOREIGN_NEXT)
      heap_next()->free(p);
    step_in(h);
    errno = error;
  }
  report_foreign_free(h, verdict, place, p, call);
}

static void *foreign_resize(const struct hook *h, enum heap_verdict verdict, void *p, size_t size)
{
  enum foreign_place place;
  void *q = NULL;

  step_out(h);
  internal_begin(h->thread);
  place = foreign_place(h, (uintptr_t)p);
  if (place == FOREIGN_ELSEWHERE && verdict == HEAP_FOREIGN)
    q = heap_next_resize_foreign(p, size);
  internal_end(h->thread);
  if (place == FOREIGN_NEXT)
    q = heap_next()->realloc(p, size);
  step_in(h);
  report_foreign_free(h, verdict, place, p, "realloc");
  if (!q)
    errno = place > FOREIGN_NEXT || (place == FOREIGN_ELSEWHERE && verdict != HEAP_FOREIGN) ? EINVAL : ENOMEM;
  return q;
}

/* As much as the free of p would reach an allocator that knows it, that one is asked. */
static size_t foreign_usable(const struct hook *h, void *p)
{
  enum foreign_place place;
  size_t size = 0;

  step_out(h);
  internal_begin(h->thread);
  place = foreign_place(h, (uintptr_t)p);
  if (place == FOREIGN_NEXT || (place == FOREIGN_ELSEWHERE && !heap_covers(p) && heap_next_may_own()))
    size = heap_next()->malloc_usable_size ? heap_next()->malloc_usable_size(p) : 0;
  internal_end(h->thread);
  step_in(h);
  return size;
}

/* ---- in a signal handler, in the middle of a hook ---- */

static void *nested_alloc(size_t align, size_t size, bool zeroed)
{
  void *p = heap_nested_alloc(align, size);

  if (p && zeroed)
    memset(p, 0, size);
  return p;
}

/* When the program goes on after that, it finds realloc failed and the block as it was. */
static void *bad_resize(const struct hook *h, enum heap_verdict verdict, void *p)
{
  report_bad_free(h, verdict, p, "realloc");
  errno = EINVAL;
  return NULL;
}

/* A new block, and the old one is freed by the hook that was interrupted. */
static void *nested_resize(const struct hook *h, void *p, size_t size)
{
  size_t old;
  enum heap_verdict verdict = heap_usable(p, &old);
  void *q;

  if (verdict == HEAP_DOUBLE || verdict == HEAP_INTERIOR || verdict == HEAP_INVALID)
    return bad_resize(h, verdict, p);
  q = verdict == HEAP_OK ? heap_nested_alloc(HEAP_MIN_ALIGN, size) : NULL;
  if (!q) {
    errno = ENOMEM;
    return NULL;
  }
  memcpy(q, p, old < size ? old : size);
  block_record(h, q, HEAP_MIN_ALIGN, size);
  block_free(h, p, "realloc");
  return q;
}

/* ---- what the hooks call ---- */

static void *pinned_alloc(const struct hook *h, size_t align, size_t size, bool zeroed)
{
  if (h->state == HOOK_INTERNAL)
    return internal_alloc(align, size);
  if (h->state == HOOK_NESTED)
    return nested_alloc(align, size, zeroed);
  if (align > HEAP_MIN_ALIGN)
    return heap_alloc_aligned(h->thread->heap, align, size);
  return zeroed ? heap_alloc_zeroed(h->thread->heap, size) : heap_alloc_slow(h->thread->heap, size);
}

void *block_alloc(const struct hook *h, size_t align, size_t size, bool zeroed)
{
  void *p;

  if (block_is_next(h))
    p = zeroed ? heap_next()->calloc(1, size) : heap_next()->malloc(size);
  else
    p = size <= BLOCK_MAX && align <= BLOCK_MAX ? pinned_alloc(h, align, size, zeroed) : NULL;
  if (!p) {
    errno = ENOMEM;
    return NULL;
  }
  if (h->state != HOOK_INTERNAL)
    block_record(h, p, align, size);
  return p;
}

/* Whether p is another thread's block, whose address may be given out again as soon as it is free. */
static bool is_recycled(const struct hook *h, void *p, size_t *usable)
{
  return h->state == HOOK_READY && heap_recycles() && !heap_is_own(h->thread->heap, p) &&
         heap_usable(p, usable) == HEAP_OK;
}

void block_free(const struct hook *h, void *p, const char *call)
{
  enum heap_verdict verdict;
  size_t usable;
  bool first;

  if (heap_internal_owns(p)) {
    internal_free(p);
    return;
  }
  if (process_mode() != PROCESS_PIN) {
    next_free(h, p);
    return;
  }
  if (h->state == HOOK_NESTED && hook_defer_free(h, p))
    return;
  first = is_recycled(h, p, &usable);
  if (first)
    HOOK_RECORD(h, FREE, (uint64_t)(uintptr_t)p);
  verdict = h->state == HOOK_READY ? heap_free_slow(h->thread->heap, p) : heap_nested_free(p);
  if (verdict == HEAP_OK) {
    if (!first)
      HOOK_RECORD(h, FREE, (uint64_t)(uintptr_t)p);
    if (h->state == HOOK_READY)
      free_sites_note(h->thread, p, h->frame);
  } else if (is_foreign(verdict, p)) {
    foreign_free(h, verdict, p, call);
  } else {
    report_bad_free(h, verdict, p, call);
  }
}

/* Another thread's small block is always moved, so that there is a moment between the new block and the free. */
static void *recycled_resize(const struct hook *h, void *p, size_t usable, size_t size)
{
  void *q = heap_alloc_slow(h->thread->heap, size);
  enum heap_verdict verdict;

  if (!q) {
    errno = ENOMEM;
    return NULL;
  }
  memcpy(q, p, usable < size ? usable : size);
  HOOK_RECORD(h, REALLOC, (uint64_t)(uintptr_t)p, (uint64_t)(uintptr_t)q, size);
  verdict = heap_free_slow(h->thread->heap, p);
  return verdict == HEAP_OK ? q : bad_resize(h, verdict, p);
}

void *block_resize(const struct hook *h, void *p, size_t size)
{
  enum heap_verdict verdict;
  size_t usable;
  void *q = NULL;

  if (heap_internal_owns(p)) {
    q = internal_resize(p, size);
  } else if (process_mode() != PROCESS_PIN) {
    return next_resize(h, p, size);
  } else if (size <= BLOCK_MAX) {
    if (h->state == HOOK_NESTED)
      return nested_resize(h, p, size);
    if (is_recycled(h, p, &usable) && usable <= CLASS_MAX)
      return recycled_resize(h, p, usable, size);
    verdict = heap_resize(h->thread->heap, p, size, &q);
    if (is_foreign(verdict, p))
      return foreign_resize(h, verdict, p, size);
    if (verdict != HEAP_OK)
      return bad_resize(h, verdict, p);
    if (q)
      HOOK_RECORD(h, REALLOC, (uint64_t)(uintptr_t)p, (uint64_t)(uintptr_t)q, size);
  }
  if (!q)
    errno = ENOMEM;
  return q;
}

size_t block_usable(const struct hook *h, const void *p)
{
  size_t size;

  if (heap_internal_owns(p))
    return heap_internal_usable(p);
  if (block_is_next(h))
    return heap_next()->malloc_usable_size((void *)(uintptr_t)p);
  return heap_usable(p, &size) == HEAP_OK ? size : 0;
}

size_t block_usable_anyones(const struct hook *h, void *p)
{
  size_t size = block_usable(h, p);

  /* Nested, nobody can be asked. */
  if (size || h->state == HOOK_NESTED || !is_foreign(heap_usable(p, &size), p))
    return size;
  return foreign_usable(h, p);
}
