/*
 * Heaps whose threads have ended: when their memory goes back to the kernel,
 * and who uses again what is left of them.  The interface for threads is in heap.h.
 */
#ifndef VMTRACE_ENDED_H
#define VMTRACE_ENDED_H

#include <stdint.h>

#include "heap/region.h"

/* A thread was given the region, which waited for it.  Not under its lock. */
void ended_given(struct region *region);

/*
 * A region whose thread is gone for ever, for the next thread to go on in, and marked as given; NULL: there
 * is none, or recycling is off.  The caller brings it back to use, or gives it to ended_refused.
 */
struct region *ended_heir(void);
void ended_refused(struct region *region);

/* The record of a region that died, for another region to use; NULL: none. */
struct region *ended_record(void);

/* A block of a parked region was the last of its segment, or was huge.  Under the region's lock. */
void ended_emptied(struct region *region);

/* Gives back what the heap of a thread that ended before before_ns still holds for the next one. */
void ended_trim(struct region *region, uint64_t before_ns);

/* Pages of an ended heap on which nothing is in use any more go back; whole: looks everywhere, not only where much has
 * gone.  Under the region's lock. */
void ended_sweep(struct region *region, bool whole);

/* Takes up again what was closed for good.  Under the region's lock. */
void ended_reopen(struct region *region);

/* Threads went to the overflow range, of which there is only so much: says that regions should be used again. */
void ended_run_short(void);

void ended_before_fork(void);
void ended_after_fork(bool child);

#endif
