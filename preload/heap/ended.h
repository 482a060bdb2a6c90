/*
 * Heaps whose threads have ended: who uses them again.  The interface for
 * threads is in heap.h.
 */
#ifndef VMTRACE_ENDED_H
#define VMTRACE_ENDED_H

#include "heap/region.h"

/* A thread was given the region, which waited for it.  Not under its lock. */
void ended_given(struct region *region);

/*
 * A region whose thread is gone for ever, for the next thread to go on in, and marked as given; NULL: there
 * is none, or recycling is off.  The caller brings it back to use, or gives it to ended_refused.
 */
struct region *ended_heir(void);
void ended_refused(struct region *region);

/* Threads went to the overflow range, of which there is only so much: says that regions should be used again. */
void ended_run_short(void);

#endif
