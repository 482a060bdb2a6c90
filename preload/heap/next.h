/*
 * The pass-through backend (VMTRACE_HEAP=next): the program's own allocator,
 * whichever comes after this library in the search order: glibc's, or
 * jemalloc, mimalloc, tcmalloc preloaded after it.  Functions have the
 * semantics of their namesakes there, errno included.
 *
 * Called by entry/ only; heap_next_find once, at start.  No state of its own
 * but the table; never calls back.
 */
#ifndef VMTRACE_HEAP_NEXT_H
#define VMTRACE_HEAP_NEXT_H

#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Since glibc 2.33; the same fields as size_t. */
struct heap_next_info {
  size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};

struct heap_next {
  void *(*malloc)(size_t);
  void (*free)(void *);
  void *(*calloc)(size_t, size_t);
  void *(*realloc)(void *, size_t);
  void *(*memalign)(size_t, size_t);
  void *(*aligned_alloc)(size_t, size_t);
  int (*posix_memalign)(void **, size_t, size_t);
  void *(*valloc)(size_t);
  void *(*pvalloc)(size_t);
  size_t (*malloc_usable_size)(void *);
  int (*malloc_trim)(size_t);
  int (*mallopt)(int, int);
  struct mallinfo (*mallinfo)(void);
  struct heap_next_info (*mallinfo2)(void);
  void (*malloc_stats)(void);
  int (*malloc_info)(int, FILE *);
};

/* Fills the table by dlsym, which may allocate (a hook must serve that meanwhile).  A pointer is NULL when the
 * allocator lacks the function; false when it lacks malloc, free, calloc or realloc. */
bool heap_next_find(void);
const struct heap_next *heap_next(void);
/* Whether that allocator is libc's own.  Takes the loader's lock: outside of the guard only. */
bool heap_next_is_libc(void);

/*
 * A block that is not the pinned heap's, from a library that is bound to
 * libc's allocator directly (RTLD_DEEPBIND).  It is handed on if that
 * allocator has given out memory at all; else it is nobody's and stays.
 * Headers are never looked at here.
 */
void heap_next_free_foreign(void *p);
/* Whether that allocator has given out memory at all.  May allocate; takes the allocator's locks. */
bool heap_next_may_own(void);
/* The same for realloc; NULL when the block is nobody's. */
void *heap_next_resize_foreign(void *p, size_t size);
unsigned long heap_next_foreign_count(void);

#endif
