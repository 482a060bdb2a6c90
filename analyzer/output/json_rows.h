/*
 * Rows and tables as parts of a JSON document.
 */
#ifndef VMTRACE_JSON_ROWS_H
#define VMTRACE_JSON_ROWS_H

#include "output/json_writer.h"
#include "query/table.h"

/* One value. */
void json_put_cell(struct json_writer *j, const struct column *column, const struct stack_names *stacks,
                   union cell cell);
/* A row as an object on one line. */
void json_put_row(struct json_writer *j, const struct column *columns, unsigned count, const struct stack_names *stacks,
                  const union cell *row);
/* Within an object: the table's name with all rows; "rest" and "totals" if it has them. */
void json_table_members(struct json_writer *j, const struct table *t);

#endif
