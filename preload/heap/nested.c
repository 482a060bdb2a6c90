/*
 * Blocks for signal handlers that interrupted their thread in the middle of a
 * heap call: from a region of their own, by a lock-free bump, never used again.  Each block's
 * size stands before it.
 */
#include <errno.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "heap/block.h"

#define HEADER 16

static uint64_t nested_next = NESTED_START; /* atomic */

/* Maps the segments that [start, end) lies in, unless somebody has. */
static bool map_segments(uint64_t start, uint64_t end)
{
  for (uint64_t at = start & ~(SEGMENT_SIZE - 1); at < end; at += SEGMENT_SIZE) {
    int error = sys_map_at(at, SEGMENT_SIZE, PROT_READ | PROT_WRITE);

    if (error && error != -EEXIST)
      return false;
  }
  return true;
}

void *heap_nested_alloc(size_t align, size_t size)
{
  uint64_t next = __atomic_load_n(&nested_next, __ATOMIC_RELAXED), addr, end;

  if (align < HEAP_MIN_ALIGN)
    align = HEAP_MIN_ALIGN;
  if (size >= NESTED_SIZE || align >= NESTED_SIZE)
    return NULL;
  size = (size + HEADER - 1) & ~(size_t)(HEADER - 1);
  if (!size)
    size = HEADER;
  do {
    addr = (next + HEADER + align - 1) & ~(uint64_t)(align - 1);
    end = addr + size;
    if (end > HIGH_END)
      return NULL;
  } while (!__atomic_compare_exchange_n(&nested_next, &next, end, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  if (!map_segments(addr - HEADER, end))
    return NULL;
  *(uint64_t *)(addr - HEADER) = size;
  region_nondet(VT_NONDET_SIGNAL, addr);
  return (void *)addr;
}

size_t nested_usable(const void *p)
{
  uint64_t addr = (uintptr_t)p;

  if (addr < NESTED_START + HEADER || addr >= __atomic_load_n(&nested_next, __ATOMIC_RELAXED) || addr & 15)
    return 0;
  return *(const uint64_t *)(addr - HEADER);
}
