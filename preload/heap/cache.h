/*
 * Mapped memory of an arena's freed huge blocks, kept for its next ones: says
 * which parts of the arena's free ranges still have memory.  Under the region's lock.
 */
#ifndef VMTRACE_CACHE_H
#define VMTRACE_CACHE_H

#include "heap/arena.h"

/*
 * Gives [addr, addr + size), claimed from the arena's free ranges, memory:
 * kept parts are used as they are, the others mapped.  0, or -errno and nothing is mapped there.  *zero: all of it
 * reads as zero.
 */
int cache_map(struct arena *arena, uint64_t addr, uint64_t size, bool *zero, bool *moved);

/* Keeps the memory of a freed block, or unmaps it; old or large amounts go first. */
void cache_put(struct arena *arena, uint64_t addr, uint64_t size);

/* The range is needed without memory (the program maps something there). */
void cache_unmap(struct arena *arena, uint64_t addr, uint64_t size);

/* Unmaps what was put before before_ns; bytes. */
uint64_t cache_trim(struct arena *arena, uint64_t before_ns);

/* The kernel refused memory: everything that this heap and the pool keep is unmapped.  Bytes. */
uint64_t cache_reclaim(struct arena *arena);

#endif
