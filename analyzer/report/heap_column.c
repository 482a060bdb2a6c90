/*
 * The table of columns.  See heap_column.h.  Called by report/heap_*.c and by cmd/heap_options.c.
 */
#include "report/heap_column.h"

#include <stdio.h>
#include <string.h>

#include "output/quantity.h"

static const struct heap_column columns[HEAP_VALUES] = {
    [HEAP_ALLOCATIONS] = {"allocations", "allocations", "ALLOCS", false, "allocations, of mappings too"},
    [HEAP_FREES] = {"frees", "frees", "FREES", false, "frees"},
    [HEAP_REQUESTED] = {"requested", "requested_bytes", "REQUESTED", true, "bytes of all allocations"},
    [HEAP_LIVE] = {"live", "live_bytes", "LIVE", true, "bytes allocated and not freed at the moment"},
    [HEAP_LIVE_BLOCKS] = {"live-blocks", "live_blocks", "BLOCKS", false,
                          "blocks allocated and not freed at the moment"},
    [HEAP_PEAK] = {"peak", "peak_bytes", "PEAK", true, "the most bytes that were live at once"},
    [HEAP_AT_PEAK] = {"at-peak", "at_peak_bytes", "AT PEAK", true, "bytes live when the process had the most"},
    [HEAP_TEMPORARY] = {"temporary", "temporary", "TEMPORARY", false,
                        "blocks freed before the next allocation of their thread"},
    [HEAP_LEAKED_BLOCKS] = {"leaked-blocks", "leaked_allocations", "LEAKS", false, "blocks not freed at the end"},
    [HEAP_LEAKED] = {"leaked", "leaked_bytes", "LEAKED", true, "bytes not freed at the end"},
    [HEAP_RESIDENT] = {"resident", "resident_bytes", "RESIDENT", true, "resident bytes of live blocks and of mappings"},
    [HEAP_PRIVATE] = {"private", "private_bytes", "PRIVATE", true, "of them, on pages that no other process has"},
    [HEAP_SHARED] = {"proportional", "proportional_bytes", "PSS", true,
                     "of them, each page divided by the processes that have it"},
    [HEAP_SLACK] = {"slack", "slack_bytes", "SLACK", true, "the rest of the pages that its blocks keep"},
    [HEAP_UNTOUCHED] = {"untouched", "untouched_bytes", "UNTOUCHED", true,
                        "bytes live or mapped that were never touched"},
    [HEAP_SWAPPED] = {"swapped", "swapped_bytes", "SWAPPED", true, "bytes live or mapped that are swapped out"},
    [HEAP_UNDIVIDED] = {"undivided", "undivided_bytes", "UNDIVIDED", true,
                        "resident bytes on pages of which it is not known who has them"},
    [HEAP_HUGETLB] = {"hugetlb", "hugetlb_bytes", "HUGETLB", true, "bytes on pages of hugetlbfs"},
    [HEAP_MAPPED] = {"mapped", "mapped_bytes", "MAPPED", true, "bytes of the program's own mappings"},
    [HEAP_MAPPED_RESIDENT] = {"mapped-resident", "mapped_resident_bytes", "MAP RES", true, "of them, resident"},
    [HEAP_INHERITED] = {"inherited", "inherited_bytes", "INHERITED", true, "live bytes that were inherited at a fork"},
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
