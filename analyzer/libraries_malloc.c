/*
 * malloc for the libraries of `vmtrace`: libdw, libelf, zstd, libc's own.
 * Most of them give up quietly when there is no memory, libdw by an assertion
 * or with names missing, and the report would not be true.  So what they ask
 * for is there, or the program ends, as it does for the analyzer's own code
 * (reader/xalloc.h).  Everything counts against the bound that is kept there.
 *
 * Linked into the program alone: unit tests and sanitizers have other mallocs.
 */
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

#include "reader/xalloc.h"

/* No trace and no debug information needs so much in one piece: a file that is damaged, or made for it, claims it. */
#define CLAIM ((size_t)16 << 30)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void __libc_free(void *memory);
extern void *__libc_memalign(size_t align, size_t size);

/* What a piece takes, with libc's own word before it: small pieces have as much of that as of anything. */
static ptrdiff_t piece_size(void *memory)
{
  return (ptrdiff_t)(malloc_usable_size(memory) + sizeof(size_t));
}

static void *present(void *memory, size_t size)
{
  if (!memory && size && size < CLAIM)
    xalloc_failed();
  if (memory)
    xalloc_count(piece_size(memory));
  return memory;
}

void *malloc(size_t size)
{
  return present(__libc_malloc(size), size);
}

void *calloc(size_t count, size_t size)
{
  size_t bytes;

  if (__builtin_mul_overflow(count, size, &bytes))
    bytes = CLAIM;
  return present(__libc_calloc(count, size), bytes);
}

void *realloc(void *memory, size_t size)
{
  ptrdiff_t before = memory ? piece_size(memory) : 0;
  void *moved = __libc_realloc(memory, size);

  if (moved || !size)
    xalloc_count(-before);
  return present(moved, size);
}

void free(void *memory)
{
  if (memory)
    xalloc_count(-piece_size(memory));
  __libc_free(memory);
}

void *memalign(size_t align, size_t size)
{
  return present(__libc_memalign(align, size), size);
}

void *aligned_alloc(size_t align, size_t size)
{
  return memalign(align, size);
}

int posix_memalign(void **memory, size_t align, size_t size)
{
  void *got;

  if (align < sizeof(void *) || (align & (align - 1)))
    return EINVAL;
  got = memalign(align, size);
  if (!got)
    return ENOMEM;
  *memory = got;
  return 0;
}
