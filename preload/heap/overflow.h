/*
 * Addresses beyond a region's own: for heaps that used theirs up, for children
 * for whom nothing is left, for threads of unknown creator.
 */
#ifndef VMTRACE_OVERFLOW_H
#define VMTRACE_OVERFLOW_H

#include "heap/region.h"

/*
 * More addresses for the region's heap: a piece of at least size bytes, *got in all, a multiple of GRAIN_SIZE.
 * By the owner, under the region's lock.  The piece is a function of the owner's own calls, unless
 * VT_NONDET_REGION is reported.  0: none left.
 */
uint64_t region_extend(struct region *region, uint64_t size, uint64_t *got);

/*
 * A piece of the range in which each region has places of its own, spread all over it by the region's
 * start and the number of the piece: who asks first has no influence unless two meet, which is reported.  By the
 * region's owner.  0: none.
 */
uint64_t region_scatter(struct region *region, uint64_t size, uint64_t *got);

/* A piece of the shared range, in the order of asking, reported with the reason for it; 0: none left. */
uint64_t region_overflow(enum vt_nondet reason, uint64_t size, uint64_t *got);

#endif
