/*
 * The columns of the report of the heap: what they are called where.
 */
#ifndef VMTRACE_HEAP_COLUMN_H
#define VMTRACE_HEAP_COLUMN_H

#include <stdbool.h>

#include "query/heap/heap_values.h"

struct heap_column {
  const char *name;    /* as --sort and --weight take it */
  const char *key;     /* in JSON */
  const char *heading; /* of a table */
  bool bytes;          /* else a number of things */
  const char *meaning;
};

const struct heap_column *heap_column(enum heap_value value);

/* HEAP_VALUES when there is no column of that name. */
enum heap_value heap_column_find(const char *name);

#define HEAP_CELL_MAX 40 /* bytes of a buffer for heap_cell */

/* The value for people, "12.3 MiB" or "24,113"; with a sign if it is a difference.  Returns buf. */
char *heap_cell(char *buf, enum heap_value column, int64_t value, bool difference);

/* Whether a row tells that column: a proportional size only where it is known of all its pages who has them. */
static inline bool heap_row_tells(const struct heap_row *row, enum heap_value column)
{
  return column != HEAP_SHARED || !row->v[HEAP_UNDIVIDED];
}

/* The cell of a row's column; "-" where it is not known. */
char *heap_row_cell(char *buf, enum heap_value column, const struct heap_row *row, bool difference);

#endif
