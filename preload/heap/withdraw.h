/*
 * What the program takes of the heap's memory: it maps something over it, unmaps it, or moves it away.
 * Blocks that are in use there are lost, as in any heap; the heap leaves the place, and never comes back.
 */
#ifndef VMTRACE_WITHDRAW_H
#define VMTRACE_WITHDRAW_H

#include "heap/arena.h"

/* Whether nothing is handed out in the segment any more.  Any thread. */
static inline bool segment_is_withdrawn(const struct segment *segment)
{
  return __atomic_load_n(&segment->withdrawn, __ATOMIC_ACQUIRE);
}

/* Whether something of [addr, addr + size) is the program's. */
bool withdraw_touches(uint64_t addr, uint64_t size);

/* Gives the rest of [addr, addr + size) back to the kernel: unmaps it, or frees its pages. */
void withdraw_unmap(uint64_t addr, uint64_t size);
void withdraw_discard(uint64_t addr, uint64_t size);

#endif
