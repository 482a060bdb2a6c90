/*
 * Ranges of addresses, each with a value, that may overlap: made once, then
 * asked which one is in force at an address.  Whatever the ranges are, making
 * takes O(n log n) and each question O(log n): they come from files that nobody vouches for.
 */
#ifndef VMTRACE_ADDRESS_MAP_H
#define VMTRACE_ADDRESS_MAP_H

#include <stddef.h>
#include <stdint.h>

struct address_range {
  uint64_t start, end; /* end is exclusive */
  uint64_t value;      /* the caller's */
  uint64_t rank;       /* of ranges that overlap */
};

struct address_map {
  struct address_range *item;
  size_t count, room;
};

/* Which of the ranges around an address is in force. */
enum address_order {
  ADDRESS_INNERMOST, /* the one that starts last; then the shortest; then the one of the highest rank */
  ADDRESS_LATEST     /* the one of the highest rank */
};

/* A zeroed map is empty.  Empty ranges are left out. */
void address_map_add(struct address_map *m, struct address_range range);
/* After the last range, before the first question. */
void address_map_finish(struct address_map *m, enum address_order order);
/* The range in force at addr, as far as it is in force; NULL: none. */
const struct address_range *address_map_find(const struct address_map *m, uint64_t addr);
void address_map_release(struct address_map *m);

#endif
