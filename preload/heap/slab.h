/*
 * Runs of small blocks: getting blocks out of them and putting blocks back.
 * The region's lock is held.
 */
#ifndef VMTRACE_SLAB_H
#define VMTRACE_SLAB_H

#include "heap/arena.h"

/* Blocks of a class to take at a time, at most count: few of a class that takes little of the heap. */
unsigned slab_batch(const struct arena *arena, unsigned class, unsigned count);

/* Takes up to count free blocks of a class, lowest first, into blocks.  How many; 0: out of memory. */
unsigned slab_take(struct arena *arena, unsigned class, void **blocks, unsigned count);

/* Puts free blocks of one class back; a run with nothing but free blocks may go back to its segment. */
void slab_put(struct arena *arena, unsigned class, void **blocks, unsigned count);

/* A run with blocks available that its class does not know of. */
void slab_link(struct arena *arena, unsigned class, struct run *run);

/* Gives back the runs that are kept although they are empty. */
void slab_release(struct arena *arena);

/* Nothing of the run is available any more, and no page of it has small blocks as far as the fast paths see.  arena:
 * NULL where the run is in no list.  Under the region's lock. */
void slab_withdraw(struct arena *arena, unsigned class, struct run *run);

#endif
