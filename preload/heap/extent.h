/*
 * A set of disjoint address ranges, coalescing, ordered by address, with
 * lowest-fit search in logarithmic time.  Knows nothing about what the ranges
 * mean and makes no system call; nodes come from own_alloc.  Not locked: the
 * owner of the set sees to that.  An empty set is NULL.
 */
#ifndef VMTRACE_EXTENT_H
#define VMTRACE_EXTENT_H

#include <stdbool.h>
#include <stdint.h>

struct extent {
  struct extent *left, *right;
  uint64_t start, size;
  uint64_t max;      /* largest size in this subtree */
  uint64_t stamp;    /* time of the latest addition to it */
  uint32_t priority; /* heap order of the treap */
};

/* Adds a range that touches no member, merging it with its neighbours.  False: out of memory, unchanged. */
bool extent_add(struct extent **set, uint64_t start, uint64_t size, uint64_t stamp);

/* The lowest address aligned to align from which size bytes are in the set; 0: none.  Changes nothing. */
uint64_t extent_fit(const struct extent *set, uint64_t size, uint64_t align);

/* The same, of what begins at from or above. */
uint64_t extent_fit_from(const struct extent *set, uint64_t from, uint64_t size, uint64_t align);

/* Whether addr is in the set. */
bool extent_holds(struct extent *set, uint64_t addr);

/* Whether all of [start, end) is. */
bool extent_holds_all(struct extent *set, uint64_t start, uint64_t end);

/* The lowest piece of the set within [start, end): from *piece to *piece_end.  False: there is none.  Changes nothing.
 */
bool extent_next(struct extent *set, uint64_t start, uint64_t end, uint64_t *piece, uint64_t *piece_end);

/* Takes [start, start + size) out if all of it is in the set.  False: it is not, or out of memory; unchanged. */
bool extent_claim(struct extent **set, uint64_t start, uint64_t size);

/* Takes out the lowest piece of the set within [start, end), stored in *piece and *size.  False: there is none, or out
 * of memory. */
bool extent_cut(struct extent **set, uint64_t start, uint64_t end, uint64_t *piece, uint64_t *size);

/* The range with the smallest stamp; NULL: the set is empty.  Visits all of it. */
const struct extent *extent_oldest(const struct extent *set);

/* Removes everything. */
void extent_clear(struct extent **set);

#endif
