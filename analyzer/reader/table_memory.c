/*
 * Zeroed memory with advice for the kernel.  Knows nothing of what is kept in
 * it.  Called by reader/liveness.c and model/blocks.c.
 */
#include "reader/table_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

void *table_memory_new(size_t count, size_t size)
{
  size_t bytes = count * size;
  void *memory;

  if (bytes / size != count)
    return NULL;
  if (bytes < HUGE_PAGE)
    return calloc(count, size);
  bytes = (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
  memory = aligned_alloc(HUGE_PAGE, bytes);
  if (!memory)
    return NULL;
  madvise(memory, bytes, MADV_HUGEPAGE);
  return memset(memory, 0, bytes);
}
