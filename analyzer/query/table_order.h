/*
 * Tables in order: sorted by columns, cut to the first rows, with sums.
 */
#ifndef VMTRACE_TABLE_ORDER_H
#define VMTRACE_TABLE_ORDER_H

#include "query/table.h"

#define SORT_KEYS_MAX 8

struct sort_key {
  unsigned column;
  bool ascending;
};

/* "peak,-pid": columns by name, numbers from the largest and texts from A on; a '-' turns that round.  How many keys;
 * -1 after one line on stderr that names the columns there are. */
int sort_keys_parse(const struct table *t, const char *text, struct sort_key keys[SORT_KEYS_MAX]);

/* Columns by name, separated by commas, in that order.  The caller frees *columns.  How many; -1 after such a line. */
int columns_parse(const struct table *t, const char *text, unsigned **columns);

/* Stable.  Unknown values come last.  Of a difference, numbers are compared by their size, whatever their sign.  A tree
 * stays one: only rows below the same row change places. */
void table_sort(struct table *t, const struct sort_key *keys, unsigned count);

/* Keeps the first rows; what the others come to is in t->rest.  0: all. */
void table_top(struct table *t, size_t rows);

/* t->total: over all rows, before table_top takes any. */
void table_sum(struct table *t);

#endif
