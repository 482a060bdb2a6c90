/*
 * The memory of heaps whose threads have ended: what each may keep for its
 * next thread, and what goes back to the kernel.  Physics alone: no address depends on any of it.
 */
#ifndef VMTRACE_DECAY_H
#define VMTRACE_DECAY_H

#include <stdint.h>

#include "heap/region.h"

/* Bytes of the smallest heap beside its pages: its own page and a segment's metadata. */
#define DECAY_LEAST (UINT64_C(32) << 10)

/* Bytes that a parked heap holds and could give back.  Under the region's lock. */
uint64_t decay_kept(const struct region *region);

/* Gives memory of warm heaps back, the one that ended first before the others, until the rest is within the limit.
 * No lock of a region or of the lists is held. */
void decay_to_limit(void);

/* Gives back what the heap still holds for its next thread, if its own ended before before_ns.  No lock held. */
void decay_trim(struct region *region, uint64_t before_ns);

/* Gives back all that nothing in use needs: the whole heap where nothing is allocated and its thread is gone.  Does
 * nothing unless the region is parked.  Under the region's lock. */
void decay_now(struct region *region);

/* Pages of an ended heap on which nothing is in use any more go back; whole: looks everywhere, not only where much has
 * gone.  Under the region's lock. */
void decay_sweep(struct region *region, bool whole);

/* Whether the heap can be wiped and made anew without a difference in any later address: nothing is allocated, and
 * nothing lies outside the window.  Under the region's lock. */
bool decay_is_pristine(const struct region *region);

/* Gives back everything of a heap whose segments are gone or reset: what is left of their metadata (grains: the state
 * in which its grains stay, META_GONE or 0), its sets and its page.  Under the region's lock. */
void decay_discard(struct region *region, unsigned grains);

#endif
