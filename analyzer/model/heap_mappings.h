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

/* All zero is an empty list. */
struct heap_mappings {
  struct heap_mapping *item; /* ascending, without overlaps */
  size_t count, room;
};

void heap_mappings_release(struct heap_mappings *m);

/* Adds a mapping in place of what was there.  False when out of memory. */
bool heap_mappings_add(struct heap_mappings *m, const struct heap_mapping *mapping);

/* Takes up one event; those that are about no mapping are ignored.  False when out of memory. */
bool heap_mappings_event(struct heap_mappings *m, const struct event *e, uint64_t page_size);

#endif
