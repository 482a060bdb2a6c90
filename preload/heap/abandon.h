/*
 * Heaps that are closed for good, as far as the rule goes: their death, and
 * what is left of them.
 */
#ifndef VMTRACE_ABANDON_H
#define VMTRACE_ABANDON_H

#include <stdbool.h>

#include "heap/region.h"

/* Gives back what the parked heap holds, and closes it.  True: nothing is left of it to free.  No lock held, and the
 * region marked as busy. */
bool abandon_close(struct region *region);

/* Takes up again what was closed, for the next thread; does nothing to a heap that was not.  Under the region's lock.
 */
void abandon_reopen(struct region *region);

/* Whether nothing of a closed heap is left.  Under the region's lock. */
bool abandon_is_dead(const struct region *region);

/* Makes a record of a region of which nothing is left; it must be on no list of left heaps.  Under the region's lock
 * and that of the lists. */
void abandon_bury(struct region *region);

/* A block of a parked region was the last of its segment, or was huge: buries a heap that died of it.  Under the
 * region's lock. */
void abandon_emptied(struct region *region);

/* The record of a region that died, for another region to use; NULL: none.  No lock held. */
struct region *abandon_record(void);
/* The same, of one of the latest that had at least size bytes of addresses, and not much more; its bounds are as they
 * were. */
struct region *abandon_record_like(uint64_t size);

#endif
