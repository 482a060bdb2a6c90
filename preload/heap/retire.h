/*
 * Blocks that another thread than their owner's frees: marked gone, counted,
 * and never used again.  When nothing but gone blocks is left on pages, their memory is reclaimed.
 */
#ifndef VMTRACE_RETIRE_H
#define VMTRACE_RETIRE_H

#include "heap/arena.h"

/*
 * Counts one block of run, already marked gone by the caller.  arena: the
 * calling thread's own, which may put the counting off; NULL: count at once.  No region's lock is held.
 */
void retire_block(struct arena *arena, struct run *run);

/* Counts everything put off.  Owner only, no lock held. */
void retire_flush(struct arena *arena);

/* Counts pages as dead; true when all of the segment are: the caller buries it. */
bool retire_pages(struct segment *segment, unsigned count);

/* The owner takes gone blocks of so many bytes back.  Under the region's lock. */
void retire_take_back(struct segment *segment, uint64_t bytes);

/* The segment is buried: its gone bytes are no longer resident. */
void retire_forget(struct segment *segment);

/* As retire_sweep, but of the heap of an ended thread alone; whole: wherever it is, whether something has gone or not.
 * Under its region's lock; bytes that are lost between the blocks in use (if nobody waits for the heap). */
uint64_t retire_sweep_ended(struct arena *arena, bool whole);

/* Gives back resident pages on which all blocks are gone or available, of every heap's old segments, or of all;
 * no region's lock is held.  Bytes looked at. */
uint64_t retire_sweep(bool all);

#endif
