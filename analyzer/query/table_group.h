/*
 * Rows that belong together as one row, and two tables against each other.
 */
#ifndef VMTRACE_TABLE_GROUP_H
#define VMTRACE_TABLE_GROUP_H

#include "query/table.h"

/*
 * One row for all rows that agree in these columns: those columns, how many rows it stands for ("rows"), and the sums
 * of what adds.  Groups come in the order of their first rows.  t stays as it is.
 */
struct table *table_group(const struct table *t, const unsigned *by, unsigned count);

/*
 * What after has more than before, two tables with the same columns.  Rows are compared that agree in all COLUMN_KEY
 * columns; several such rows of one table count as their sum.  The result has the key columns, the differences of all
 * bytes, counts and durations, and a column "change": "new", "gone", "changed" or "same".
 */
struct table *table_diff(const struct table *before, const struct table *after);

#endif
