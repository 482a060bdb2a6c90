/*
 * The table of columns.  See heap_column.h.  Called by report/heap_*.c and by cmd/heap_options.c.
 */
#include "report/heap_column.h"

#include <stdio.h>
#include <string.h>

#include "output/quantity.h"

static const struct heap_column columns[HEAP_VALUES] = {
    [HEAP_ALLOCATIONS] = {"allocations", "allocations", "ALLOCS", false},
    [HEAP_FREES] = {"frees", "frees", "FREES", false},
    [HEAP_REQUESTED] = {"requested", "requested_bytes", "REQUESTED", true},
    [HEAP_LIVE] = {"live", "live_bytes", "LIVE", true},
    [HEAP_LIVE_BLOCKS] = {"live-blocks", "live_blocks", "BLOCKS", false},
    [HEAP_PEAK] = {"peak", "peak_bytes", "PEAK", true},
    [HEAP_AT_PEAK] = {"at-peak", "at_peak_bytes", "AT PEAK", true},
    [HEAP_TEMPORARY] = {"temporary", "temporary", "TEMPORARY", false},
    [HEAP_LEAKED_BLOCKS] = {"leaked-blocks", "leaked_allocations", "LEAKS", false},
    [HEAP_LEAKED] = {"leaked", "leaked_bytes", "LEAKED", true},
    [HEAP_RESIDENT] = {"resident", "resident_bytes", "RESIDENT", true},
    [HEAP_PRIVATE] = {"private", "private_bytes", "PRIVATE", true},
    [HEAP_SHARED] = {"proportional", "proportional_bytes", "PSS", true},
    [HEAP_SLACK] = {"slack", "slack_bytes", "SLACK", true},
    [HEAP_UNTOUCHED] = {"untouched", "untouched_bytes", "UNTOUCHED", true},
    [HEAP_SWAPPED] = {"swapped", "swapped_bytes", "SWAPPED", true},
    [HEAP_UNDIVIDED] = {"undivided", "undivided_bytes", "UNDIVIDED", true},
    [HEAP_HUGETLB] = {"hugetlb", "hugetlb_bytes", "HUGETLB", true},
    [HEAP_MAPPED] = {"mapped", "mapped_bytes", "MAPPED", true},
    [HEAP_MAPPED_RESIDENT] = {"mapped-resident", "mapped_resident_bytes", "MAP RES", true},
    [HEAP_INHERITED] = {"inherited", "inherited_bytes", "INHERITED", true},
};

const struct heap_column *heap_column(enum heap_value value)
{
  return &columns[value];
}

enum heap_value heap_column_find(const char *name)
{
  enum heap_value value = 0;

  while (value < HEAP_VALUES && strcmp(columns[value].name, name) != 0)
    value++;
  return value;
}

char *heap_cell(char *buf, enum heap_value column, int64_t value, bool difference)
{
  uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
  char *p = buf;

  if (value < 0)
    *p++ = '-';
  else if (difference && value)
    *p++ = '+';
  if (columns[column].bytes)
    quantity_bytes(p, size);
  else
    quantity_count(p, size);
  return buf;
}

char *heap_row_cell(char *buf, enum heap_value column, const struct heap_row *row, bool difference)
{
  if (heap_row_tells(row, column))
    return heap_cell(buf, column, row->v[column], difference);
  return strcpy(buf, "-");
}
