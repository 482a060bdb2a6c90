/*
 * The slow-path state of one heap, under its region's lock unless said
 * otherwise.  Fits one page, so that a heap that is reset costs no memory.
 */
#ifndef VMTRACE_ARENA_H
#define VMTRACE_ARENA_H

#include "heap/extent.h"
#include "heap/heap_fast.h"
#include "heap/region.h"

/* One size class of one heap. */
struct bin {
  struct run *runs;   /* with blocks available, the one in use first */
  uint32_t pages;     /* pages populated for this class so far: how eager to be */
  uint32_t run_pages; /* pages of all runs made so far */
};

#define PENDING_COUNT 32 /* about as many as there are classes in use; a power of two */

/* Blocks of another heap's run that this thread freed and did not yet count there.  The owner's alone, no lock. */
struct pending {
  struct run *run;
  uint32_t count;
};

struct arena {
  struct heap fast; /* must be first */
  struct pending pending[PENDING_COUNT];
  struct region *region;
  struct bin bins[CLASS_COUNT + 1];

  struct segment **segments; /* by ordinal; NULL: dead */
  uint16_t *tree;            /* tournament tree over their longest free stretches */
  uint32_t segment_count, segment_room;
  uint64_t next_segment; /* in the window */
  uint64_t released;     /* window addresses below: metadata given back */
  uint64_t used_pages;   /* in runs */
  struct meta_spares spares;
  bool meta_resident;     /* the newest grain's metadata is made of a spare */
  int32_t density;        /* what dead segments tell: segment_pages; from -DENSITY_SURE to DENSITY_SURE */
  uint64_t run_pages;     /* pages of all slab runs made so far */
  uint64_t free_dirty;    /* pages free but resident */
  uint32_t purge_ticks;   /* pages freed since the clock was read */
  uint32_t purge_ordinal; /* next segment to look at */
  uint32_t recycle_ordinal;

  struct extent *free_ranges; /* address space for huge blocks and ranges */
  struct extent *ranges;      /* reserved for the program's mappings */
  struct extent *cached;      /* mapped memory of freed huge blocks; a subset of free_ranges */
  uint64_t cached_bytes;
  uint64_t huge_bytes, huge_blocks;
  uint64_t huge_bytes_most, huge_blocks_most; /* at a time */
  uint64_t huge_end;                          /* the region's own addresses below were used for huge blocks; 0: none */
};

_Static_assert(sizeof(struct arena) <= HEAP_PAGE, "an arena fits one page");

static inline struct arena *arena_of(struct heap *heap)
{
  return (struct arena *)heap;
}

/* The arena to work with; NULL: heap_none, or a heap that was wiped after its thread's end. */
static inline struct arena *arena_usable(struct heap *heap)
{
  struct arena *arena = arena_of(heap);

  return heap != &heap_none && arena->region ? arena : NULL;
}

/* Whether the owner can take something from the heap, which is made anew if it was wiped. */
static inline bool arena_ready(struct heap *heap)
{
  return likely(arena_usable(heap) != NULL) || region_revive(heap);
}

#endif
