/*
 * One way to walk relations and tables.  See rows.h.
 */
#include "query/rows.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

struct rows {
  const struct relation *relation;
  struct cursor *cursor;
  const struct table *table;
  size_t row;
};

struct row_source rows_of_relation(const struct relation *r, struct session *s)
{
  return (struct row_source){.name = r->name,
                             .columns = r->columns,
                             .column_count = r->column_count,
                             .stacks = r->stacks ? r->stacks(s) : NULL,
                             .relation = r,
                             .session = s};
}

struct row_source rows_of_table(const struct table *t)
{
  return (struct row_source){
      .name = t->name, .columns = t->columns, .column_count = t->column_count, .stacks = t->stacks, .table = t};
}

struct rows *rows_open(const struct row_source *source)
{
  struct rows *rows = xcalloc(1, sizeof *rows);

  rows->relation = source->relation;
  rows->table = source->table;
  if (rows->relation)
    rows->cursor = rows->relation->open(source->relation, source->session);
  return rows;
}

bool rows_next(struct rows *rows, union cell *row)
{
  if (rows->relation)
    return rows->relation->next(rows->cursor, row);
  if (rows->row == rows->table->count)
    return false;
  memcpy(row, table_row(rows->table, rows->row++), rows->table->column_count * sizeof *row);
  return true;
}

void rows_close(struct rows *rows)
{
  if (rows->relation)
    rows->relation->close(rows->cursor);
  free(rows);
}
