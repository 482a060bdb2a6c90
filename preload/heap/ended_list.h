/*
 * The lists of heaps whose threads have ended, and the lock of these lists and
 * of all that struct ended holds.  Two of them: warm heaps hold memory that could be given back; left heaps belonged
 * to threads that are gone, and nobody waits for them.  A heap may be on both.
 *
 * The lock comes after a region's; under it only those of free memory are taken (space.c, base/own.c).
 */
#ifndef VMTRACE_ENDED_LIST_H
#define VMTRACE_ENDED_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "heap/region.h"

/* Takes the lock with all signals blocked: the mask to give to ended_list_release. */
uint64_t ended_list_take(void);
void ended_list_release(uint64_t mask);

/* All below are called under the lock; none allocates. */

/* Puts the region last on the list of warm heaps, holding so many bytes; it may be there already. */
void warm_add(struct region *region, uint64_t bytes);

/* Nothing happens if it is not there.  The same holds for left_remove. */
void warm_remove(struct region *region);

/* The warm heap that ended first; NULL: all of them together hold no more than limit bytes. */
struct region *warm_above(uint64_t limit);

/* Puts the region first on the list of left heaps, where it is not. */
void left_add(struct region *region);
void left_remove(struct region *region);

/* The latest of them, go on with ->ended.left_next; the one that was left first; how many there are. */
struct region *left_first(void);
struct region *left_last(void);
uint32_t left_count(void);

/* For lock_table_on_orphan: nobody knows what is in the lists.  They are empty afterwards; what was in them is left
 * alone from then on. */
void ended_list_orphaned(struct lock_state *lock);

#endif
