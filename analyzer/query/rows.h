/*
 * Where rows come from: a relation of a session, read as it goes, or a table.
 * Formats and SQL take either.
 */
#ifndef VMTRACE_ROWS_H
#define VMTRACE_ROWS_H

#include "query/relation.h"
#include "query/table.h"

struct row_source {
  const char *name; /* plural: "processes" */
  const struct column *columns;
  unsigned column_count;
  const struct stack_names *stacks; /* NULL: no column is a stack */

  /* Which of the two it is: the other is NULL. */
  const struct relation *relation;
  struct session *session;
  const struct table *table;
};

struct row_source rows_of_relation(const struct relation *r, struct session *s);
struct row_source rows_of_table(const struct table *t);

/* Rows, one after the other; never NULL. */
struct rows *rows_open(const struct row_source *source);
/* Writes the next row, column_count cells; false at the end. */
bool rows_next(struct rows *rows, union cell *row);
void rows_close(struct rows *rows);

#endif
