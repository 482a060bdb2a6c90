/*
 * A table: rows of cells in memory, with the names that they hold.  What is
 * sorted, grouped, compared, cut to its top and put out is a table.
 *
 * A table may be a tree: each row then knows the row above it, and rows stand
 * in the order of the tree, each before all that is below it.
 */
#ifndef VMTRACE_TABLE_H
#define VMTRACE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "query/relation.h"

#define TABLE_NO_ROW SIZE_MAX

struct row_source;

struct table {
  const char *name;       /* of what it has rows: "processes" */
  struct column *columns; /* its own copy */
  unsigned column_count;
  union cell *cells; /* count rows of column_count cells */
  size_t count, room;
  const struct stack_names *stacks; /* of its COLUMN_STACK cells */

  size_t *parent;       /* per row: the one above it, or TABLE_NO_ROW; NULL: no tree */
  unsigned tree_column; /* the column that shows the tree */

  bool whole_stacks;  /* in text, all frames of COLUMN_STACK cells are shown, one below the other; else one */
  bool is_difference; /* its bytes, counts and durations are differences: shown with a sign */
  union cell *rest;   /* sum of the rest_count rows that table_top left out; NULL: none */
  size_t rest_count;
  union cell *total; /* sum of all rows, those left out, too; NULL: not asked for */

  struct table_string *strings; /* each text once */
};

/* Empty; columns are copied, all strings in them must outlive the table. */
struct table *table_new(const char *name, const struct column *columns, unsigned column_count);
void table_free(struct table *t);

/* All rows of a source. */
struct table *table_load(const struct row_source *source);

/* Appends a copy of a row, texts too.  The copy is all of the table's own: cells may be changed until the next call. */
union cell *table_add(struct table *t, const union cell *row);

static inline union cell *table_row(const struct table *t, size_t row)
{
  return t->cells + row * t->column_count;
}

/* A text that lives as long as the table. */
const char *table_text(struct table *t, const char *text);

/* The column of that name; column_count when there is none. */
unsigned table_column(const struct table *t, const char *name);

/* Whether a cell's value is known. */
static inline bool cell_is_known(const struct column *column, union cell cell)
{
  return column->kind == COLUMN_TEXT ? cell.text != NULL : cell.number != CELL_UNKNOWN;
}

/* Whether sums over rows of that column mean something. */
static inline bool column_adds(const struct column *column)
{
  return column_kind_adds(column->kind) && !(column->flags & COLUMN_ALONE);
}

/* Makes the table a tree: above[i] is the row above row i, in the order at hand, or TABLE_NO_ROW.  Rows are put in the
 * tree's order; those below one row stay as they follow each other.  What goes round in a circle is a root. */
void table_make_tree(struct table *t, const size_t *above, unsigned tree_column);

/* Keeps the rows whose keep is true; in a tree, what was below a row that goes is then below the one above that. */
void table_keep(struct table *t, const bool *keep);

/* Shows these columns, in this order: they come first, with priority 0, the others are hidden. */
void table_show(struct table *t, const unsigned *columns, unsigned count);

#endif
