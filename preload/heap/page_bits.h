/*
 * Bit maps of a segment's 512 pages: searching, setting, counting stretches.
 * Pure functions.
 */
#ifndef VMTRACE_PAGE_BITS_H
#define VMTRACE_PAGE_BITS_H

#include <stdbool.h>
#include <stdint.h>

#include "heap/meta.h"

#define PAGES_NONE UINT32_MAX

/* The lowest page, aligned to align (a power of two), that starts count set bits; PAGES_NONE: there is none. */
unsigned pages_find(const uint64_t *map, unsigned count, unsigned align);

/* Length of the longest stretch of set bits. */
unsigned pages_longest(const uint64_t *map);

/* First set (clear) bit at or after page; SEGMENT_PAGES: none. */
unsigned pages_next_set(const uint64_t *map, unsigned page);
unsigned pages_next_clear(const uint64_t *map, unsigned page);

void pages_set(uint64_t *map, unsigned first, unsigned count);
void pages_clear(uint64_t *map, unsigned first, unsigned count);
/* Set bits among [first, first + count). */
unsigned pages_count(const uint64_t *map, unsigned first, unsigned count);

#endif
