/*
 * The inline halves of heap_alloc and heap_free: a magazine of free blocks
 * per size class, and the block's state bit.  No atomic read-modify-write, no
 * lock, no access to the block itself.  Everything else is in the slow halves.
 */
#ifndef VMTRACE_HEAP_FAST_H
#define VMTRACE_HEAP_FAST_H

#include "base/lock.h"
#include "heap/class.h"
#include "heap/heap.h"
#include "heap/meta.h"

/* A stack of free blocks of one class; [bottom, top) are filled, limit is its end.  All NULL: refuses everything. */
struct magazine {
  void **top, **bottom, **limit;
};

/*
 * What the fast paths need; the rest is in struct arena (arena.h), of which
 * this is the first member.  Addresses in [base, base + span), and in the first low_span
 * bytes of the low segment, lie in segments of this heap and their metadata is mapped.  The magazine of
 * CLASS_NONE is always full and empty, so that pages without small blocks end in the slow half.
 */
struct heap {
  uintptr_t base, span, low_span;
  struct magazine magazines[CLASS_COUNT + 1];
};

/* The owner's view of live: plain for the machine, but others may be reading. */
static inline void heap_mark_live(void *p)
{
  uint64_t *live = &meta_pair((uintptr_t)p)->live;

  __atomic_store_n(live, __atomic_load_n(live, __ATOMIC_RELAXED) | meta_bit((uintptr_t)p), __ATOMIC_RELAXED);
}

/* A block of at least size bytes, 16-byte aligned; NULL: out of memory. */
static inline void *heap_alloc(struct heap *heap, size_t size)
{
  struct magazine *magazine;
  void **top, *p;

  if (unlikely(size > CLASS_MAX))
    return heap_alloc_slow(heap, size);
  magazine = &heap->magazines[class_of(size)];
  top = magazine->top;
  if (unlikely(top == magazine->bottom))
    return heap_alloc_slow(heap, size);
  p = *--top;
  magazine->top = top;
  heap_mark_live(p);
  return p;
}

/* Whether p lies in a segment of this heap; false for blocks of other threads, perhaps for own large ones too. */
static inline bool heap_is_own(const struct heap *heap, const void *p)
{
  uintptr_t addr = (uintptr_t)p;

  unsigned own = (unsigned)(addr - heap->base < heap->span) | (unsigned)(addr - LOW_START < heap->low_span);

  /* Keeps the compiler from testing one after the other: the first thread has blocks in both, in no predictable order.
   */
  __asm__("" : "+r"(own));
  return own;
}

/* Frees p, for which heap_is_own holds.  On anything but HEAP_OK nothing changed. */
static inline enum heap_verdict heap_free_own(struct heap *heap, void *p)
{
  uintptr_t addr = (uintptr_t)p;
  struct magazine *magazine;
  struct state_pair *pair;
  uint64_t live, bit;
  void **top;

  magazine = &heap->magazines[*meta_class(addr)];
  top = magazine->top;
  if (unlikely(top == magazine->limit))
    return heap_free_slow(heap, p);
  pair = meta_pair(addr);
  bit = meta_bit(addr);
  live = __atomic_load_n(&pair->live, __ATOMIC_RELAXED);
  if (unlikely(!(live & ~__atomic_load_n(&pair->gone, __ATOMIC_RELAXED) & bit) || (addr & 15)))
    return heap_free_slow(heap, p);
  __atomic_store_n(&pair->live, live & ~bit, __ATOMIC_RELAXED);
  *top = p;
  __atomic_signal_fence(__ATOMIC_RELEASE); /* filled before it counts, should a handler leave by longjmp */
  magazine->top = top + 1;
  return HEAP_OK;
}

/* Frees p, anybody's block and not NULL.  On anything but HEAP_OK nothing changed. */
static inline enum heap_verdict heap_free(struct heap *heap, void *p)
{
  return likely(heap_is_own(heap, p)) ? heap_free_own(heap, p) : heap_free_slow(heap, p);
}

#endif
