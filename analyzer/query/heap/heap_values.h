/*
 * The numbers that the report of the heap gives for a call stack, a site, a
 * process or all of them: a row of them, by column.
 */
#ifndef VMTRACE_HEAP_VALUES_H
#define VMTRACE_HEAP_VALUES_H

#include <stdint.h>

enum heap_value {
  HEAP_ALLOCATIONS,
  HEAP_FREES,
  HEAP_REQUESTED,
  HEAP_LIVE,        /* at the moment */
  HEAP_LIVE_BLOCKS, /* at the moment */
  HEAP_PEAK,        /* the highest live of its own */
  HEAP_AT_PEAK,     /* live when the process's was highest */
  HEAP_TEMPORARY,
  HEAP_LEAKED_BLOCKS, /* live at the end */
  HEAP_LEAKED,
  HEAP_RESIDENT, /* from here on at the moment */
  HEAP_PRIVATE,
  HEAP_SHARED, /* proportional */
  HEAP_SLACK,
  HEAP_UNTOUCHED,
  HEAP_SWAPPED,
  HEAP_UNDIVIDED, /* resident and not in HEAP_SHARED: it is not known who has it, too */
  HEAP_HUGETLB,
  HEAP_MAPPED,
  HEAP_MAPPED_RESIDENT,
  HEAP_INHERITED, /* live blocks of the process that it was forked from */
  HEAP_VALUES
};

/* Signed: the difference of two rows is a row. */
struct heap_row {
  int64_t v[HEAP_VALUES];
};

static inline void heap_row_add(struct heap_row *to, const struct heap_row *row, int64_t factor)
{
  for (unsigned i = 0; i < HEAP_VALUES; i++)
    to->v[i] += row->v[i] * factor;
}

static inline int heap_row_empty(const struct heap_row *row)
{
  for (unsigned i = 0; i < HEAP_VALUES; i++) {
    if (row->v[i])
      return 0;
  }
  return 1;
}

#endif
