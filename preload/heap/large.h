/*
 * Blocks above CLASS_MAX.  Medium blocks are runs of pages in segments; huge
 * ones, above MEDIUM_MAX or with an alignment above that, have segments of their own.  The
 * functions take the region's lock themselves; owner only.
 */
#ifndef VMTRACE_LARGE_H
#define VMTRACE_LARGE_H

#include "heap/arena.h"

#define MEDIUM_MAX (UINT64_C(1) << 20)

static inline uint64_t page_round(uint64_t size)
{
  return (size + HEAP_PAGE - 1) & ~(HEAP_PAGE - 1);
}

static inline uint64_t segment_round(uint64_t size)
{
  return (size + SEGMENT_SIZE - 1) & ~(SEGMENT_SIZE - 1);
}

/* size and align are at most MEDIUM_MAX.  *zero: the block reads as zero.  NULL: out of memory. */
void *medium_alloc(struct arena *arena, size_t align, size_t size, bool *zero);
/* p is a live medium block of this arena. */
void medium_free(struct arena *arena, void *p);
/* Changes the length of a live medium block of this arena where it is; false: it cannot be. */
bool medium_resize(struct arena *arena, void *p, size_t size);

/* Any size and alignment. */
void *huge_alloc(struct arena *arena, size_t align, size_t size, bool *zero);
/* The caller has changed segment->huge_state from HUGE_LIVE to HUGE_FREE. */
void huge_free(struct arena *arena, struct segment *segment);
/* The caller has changed huge_state to HUGE_GONE.  Any thread, no lock held. */
void huge_retire(struct segment *segment);
/* Changes the length of a live huge block of this arena where it is; false: it cannot be. */
bool huge_resize(struct arena *arena, struct segment *segment, size_t size);
/*
 * A new huge block of size bytes with the first keep bytes (a multiple of the
 * page size) of the memory at from, moved by the kernel where it can.  from stays
 * mapped when stay is set (pages within a segment, whose content is then undefined), and is unmapped otherwise.
 */
void *huge_move(struct arena *arena, uintptr_t from, size_t keep, size_t size, bool stay);
/*
 * Around huge_move of a huge block.  claim: nobody else may free or resize it meanwhile; false: somebody
 * has.  unclaim: it stays after all.  moved: its memory is gone; its addresses are arena's to use again when own.
 */
bool huge_claim(struct segment *segment);
void huge_unclaim(struct segment *segment);
void huge_moved(struct arena *arena, bool own, struct segment *segment);

#endif
