/*
 * The mappings that a program made itself and still has (mmap, mremap, brk,
 * shmat): which call stack each range of addresses belongs to.
 */
#ifndef VMTRACE_HEAP_MAPPINGS_H
#define VMTRACE_HEAP_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader/reader.h"

struct heap_mapping {
  uint64_t start, end; /* bytes, whole pages */
  uint32_t stack;      /* call stack id */
};

#define HEAP_MAPPINGS_PIECE 340u /* of them in 8 KiB */

struct heap_mappings_piece {
  size_t count; /* never 0 */
  struct heap_mapping item[HEAP_MAPPINGS_PIECE];
};

/* Ascending, without overlaps, in pieces, so that one more in the middle of 100,000 moves few.  All zero is an empty
 * list. */
struct heap_mappings {
  struct heap_mappings_piece **piece;
  size_t count, room; /* of pieces */
};

/* A place in the list; all zero is before the first. */
struct heap_mappings_place {
  const struct heap_mapping *mapping; /* the latest one */
  size_t piece, item;                 /* of the next one */
};

/* Goes on to the next mapping; false at the end.  The list must not change meanwhile. */
bool heap_mappings_next(const struct heap_mappings *m, struct heap_mappings_place *place);

void heap_mappings_release(struct heap_mappings *m);

/* Makes to a copy of from. */
void heap_mappings_copy(struct heap_mappings *to, const struct heap_mappings *from);

/* Adds a mapping in place of what was there.  False when out of memory. */
bool heap_mappings_add(struct heap_mappings *m, const struct heap_mapping *mapping);

/* Takes up one event, of stack; those that are about no mapping are ignored. */
bool heap_mappings_event(struct heap_mappings *m, const struct event *e, uint32_t stack, uint64_t page_size);

#endif
