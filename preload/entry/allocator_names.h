/*
 * Functions of jemalloc, tcmalloc and mimalloc that take a block: their names and what each does with it.  A program
 * that is linked with one of them may hand it a block of malloc's, and so one of the pinned heap.  Those that only give
 * blocks are not here: programs look for them to learn which allocator they have.  Used by hook_allocator.c.
 *
 * Facts from the manual of jemalloc 5.3, tcmalloc.h of gperftools 2.10 and mimalloc.h 2.0.
 */
#ifndef VMTRACE_ALLOCATOR_NAMES_H
#define VMTRACE_ALLOCATOR_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* jemalloc's flags: the binary logarithm of the alignment, and whether the memory is zeroed. */
#define JEMALLOC_ALIGN(flags) ((size_t)1 << ((flags)&0x3f))
#define JEMALLOC_ZERO(flags) (((flags)&0x40) != 0)

/* X(symbol, parameters, arguments): frees p. */
#define ALLOCATOR_FREES(X)                                                                                             \
  X(dallocx, (void *p, int flags), (p, flags))                                                                         \
  X(sdallocx, (void *p, size_t size, int flags), (p, size, flags))                                                     \
  X(tc_free, (void *p), (p))                                                                                           \
  X(tc_free_sized, (void *p, size_t size), (p, size))                                                                  \
  X(tc_cfree, (void *p), (p))                                                                                          \
  X(tc_delete, (void *p), (p))                                                                                         \
  X(tc_delete_sized, (void *p, size_t size), (p, size))                                                                \
  X(tc_delete_nothrow, (void *p, const void *tag), (p, tag))                                                           \
  X(tc_delete_aligned, (void *p, size_t align), (p, align))                                                            \
  X(tc_delete_sized_aligned, (void *p, size_t size, size_t align), (p, size, align))                                   \
  X(tc_delete_aligned_nothrow, (void *p, size_t align, const void *tag), (p, align, tag))                              \
  X(tc_deletearray, (void *p), (p))                                                                                    \
  X(tc_deletearray_sized, (void *p, size_t size), (p, size))                                                           \
  X(tc_deletearray_nothrow, (void *p, const void *tag), (p, tag))                                                      \
  X(tc_deletearray_aligned, (void *p, size_t align), (p, align))                                                       \
  X(tc_deletearray_sized_aligned, (void *p, size_t size, size_t align), (p, size, align))                              \
  X(tc_deletearray_aligned_nothrow, (void *p, size_t align, const void *tag), (p, align, tag))                         \
  X(mi_free, (void *p), (p))                                                                                           \
  X(mi_cfree, (void *p), (p))                                                                                          \
  X(mi_free_size, (void *p, size_t size), (p, size))                                                                   \
  X(mi_free_size_aligned, (void *p, size_t size, size_t align), (p, size, align))                                      \
  X(mi_free_aligned, (void *p, size_t align), (p, align))

/*
 * X(symbol, parameters, arguments, new size, alignment or 0, zeroed, frees on failure): resizes p, moving it where
 * it must.  COUNTED is count * size, SIZE_MAX where that is too much.
 */
#define ALLOCATOR_RESIZES(X)                                                                                           \
  X(rallocx, (void *p, size_t size, int flags), (p, size, flags), size, JEMALLOC_ALIGN(flags), JEMALLOC_ZERO(flags),   \
    false)                                                                                                             \
  X(tc_realloc, (void *p, size_t size), (p, size), size, 0, false, false)                                              \
  X(mi_realloc, (void *p, size_t size), (p, size), size, 0, false, false)                                              \
  X(mi_reallocf, (void *p, size_t size), (p, size), size, 0, false, true)                                              \
  X(mi_reallocn, (void *p, size_t count, size_t size), (p, count, size), COUNTED(count, size), 0, false, false)        \
  X(mi_reallocarray, (void *p, size_t count, size_t size), (p, count, size), COUNTED(count, size), 0, false, false)    \
  X(mi_recalloc, (void *p, size_t count, size_t size), (p, count, size), COUNTED(count, size), 0, true, false)         \
  X(mi_rezalloc, (void *p, size_t size), (p, size), size, 0, true, false)                                              \
  X(mi_realloc_aligned, (void *p, size_t size, size_t align), (p, size, align), size, align, false, false)             \
  X(mi_rezalloc_aligned, (void *p, size_t size, size_t align), (p, size, align), size, align, true, false)             \
  X(mi_aligned_recalloc, (void *p, size_t count, size_t size, size_t align), (p, count, size, align),                  \
    COUNTED(count, size), align, true, false)                                                                          \
  X(mi_new_realloc, (void *p, size_t size), (p, size), size, 0, false, false)                                          \
  X(mi_new_reallocn, (void *p, size_t count, size_t size), (p, count, size), COUNTED(count, size), 0, false, false)

/* X(symbol, parameters, arguments): how many bytes the block has.  xallocx resizes in place as far as it can, which
 * here is not at all, and says the same. */
#define ALLOCATOR_SIZES(X)                                                                                             \
  X(sallocx, (const void *p, int flags), (p, flags))                                                                   \
  X(xallocx, (const void *p, size_t size, size_t extra, int flags), (p, size, extra, flags))                           \
  X(tc_malloc_size, (const void *p), (p))                                                                              \
  X(MallocExtension_GetAllocatedSize, (const void *p), (p))                                                            \
  X(mi_usable_size, (const void *p), (p))                                                                              \
  X(mi_malloc_size, (const void *p), (p))                                                                              \
  X(mi_malloc_usable_size, (const void *p), (p))

#endif
