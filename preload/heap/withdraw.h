/*
 * What the program takes of the heap's memory: it maps something over it, unmaps it, or moves it away.
 * Blocks that are in use there are lost, as in any heap; the heap leaves the place, and never comes back.
 */
#ifndef VMTRACE_WITHDRAW_H
#define VMTRACE_WITHDRAW_H

#include <sys/mman.h>

#include "base/sys.h"
#include "heap/arena.h"

/* Whether nothing is handed out in the segment any more.  Any thread. */
static inline bool segment_is_withdrawn(const struct segment *segment)
{
  return __atomic_load_n(&segment->withdrawn, __ATOMIC_ACQUIRE);
}

/* A block is freed of which the program may have protected pages: the heap can write there again. */
static inline void segment_unseal(const struct segment *segment, uint64_t addr, uint64_t size)
{
  if (unlikely(__atomic_load_n(&segment->sealed, __ATOMIC_RELAXED)) && !segment_is_withdrawn(segment))
    sys_mprotect((void *)addr, size, PROT_READ | PROT_WRITE);
}

/* Whether something of [addr, addr + size) is the program's. */
bool withdraw_touches(uint64_t addr, uint64_t size);

/* Gives the rest of [addr, addr + size) back to the kernel: unmaps it, or frees its pages. */
void withdraw_unmap(uint64_t addr, uint64_t size);
void withdraw_discard(uint64_t addr, uint64_t size);

#endif
