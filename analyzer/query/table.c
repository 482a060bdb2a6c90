/*
 * Rows in memory.  See table.h; sorting, sums and groups are in table_order.c and table_group.c.
 */
#include "query/table.h"

#include <stdlib.h>
#include <string.h>

#include "query/rows.h"
#include "reader/hash.h"
#include "reader/xalloc.h"

struct table_string {
  UT_hash_handle hh;
  char text[];
};

struct table *table_new(const char *name, const struct column *columns, unsigned column_count)
{
  struct table *t = xcalloc(1, sizeof *t);

  t->name = name;
  t->columns = xmalloc((column_count + 1) * sizeof *columns);
  memcpy(t->columns, columns, column_count * sizeof *columns);
  t->column_count = column_count;
  return t;
}

void table_free(struct table *t)
{
  struct table_string *string, *next;

  if (!t)
    return;
  HASH_ITER(hh, t->strings, string, next)
  {
    HASH_DEL(t->strings, string);
    free(string);
  }
  free(t->columns);
  free(t->cells);
  free(t->parent);
  free(t->rest);
  free(t->total);
  free(t);
}

const char *table_text(struct table *t, const char *text)
{
  size_t length = strlen(text);
  struct table_string *string;

  HASH_FIND(hh, t->strings, text, length, string);
  if (!string) {
    string = xmalloc(sizeof *string + length + 1);
    memcpy(string->text, text, length + 1);
    HASH_ADD_KEYPTR(hh, t->strings, string->text, length, string);
  }
  return string->text;
}

union cell *table_add(struct table *t, const union cell *row)
{
  size_t size = t->column_count * sizeof *row;
  union cell *copy;

  t->cells = xgrow(t->cells, t->count, &t->room, size);
  copy = table_row(t, t->count++);
  memcpy(copy, row, size);
  for (unsigned i = 0; i < t->column_count; i++) {
    if (t->columns[i].kind == COLUMN_TEXT && copy[i].text)
      copy[i].text = table_text(t, copy[i].text);
  }
  return copy;
}

struct table *table_load(const struct row_source *source)
{
  struct table *t = table_new(source->name, source->columns, source->column_count);
  union cell *row = xcalloc(source->column_count + 1, sizeof *row);
  struct rows *rows = rows_open(source);

  t->stacks = source->stacks;
  while (rows_next(rows, row))
    table_add(t, row);
  rows_close(rows);
  free(row);
  return t;
}

unsigned table_column(const struct table *t, const char *name)
{
  unsigned i = 0;

  while (i < t->column_count && strcmp(t->columns[i].name, name) != 0)
    i++;
  return i;
}

/* Puts the rows named by order, count of them, in the place of all. */
static void table_take(struct table *t, const size_t *order, size_t count)
{
  size_t size = t->column_count * sizeof *t->cells;
  union cell *cells = xmalloc(count * size + 1);

  for (size_t i = 0; i < count; i++)
    memcpy(cells + i * t->column_count, table_row(t, order[i]), size);
  free(t->cells);
  t->cells = cells;
  t->count = t->room = count;
}

/* The rows below each one, as lists: first[row], then next[row]; those without one above begin at first[count]. */
struct tree_lists {
  size_t *first, *next;
};

static struct tree_lists lists_make(const size_t *above, size_t count)
{
  struct tree_lists lists = {xcalloc(count + 1, sizeof(size_t)), xcalloc(count + 1, sizeof(size_t))};

  for (size_t i = 0; i <= count; i++)
    lists.first[i] = TABLE_NO_ROW;
  for (size_t i = count; i-- > 0;) {
    size_t *head = &lists.first[above[i] < count ? above[i] : count];

    lists.next[i] = *head;
    *head = i;
  }
  return lists;
}

/* Walks down from root; place[row] is where each row comes to stand.  Returns how many have a place by then. */
static size_t lists_walk(const struct tree_lists *lists, const size_t *above, size_t root, size_t *order, size_t *place,
                         size_t placed)
{
  for (size_t row = root; row != TABLE_NO_ROW;) {
    if (place[row] == TABLE_NO_ROW) {
      place[row] = placed;
      order[placed++] = row;
      if (lists->first[row] != TABLE_NO_ROW && place[lists->first[row]] == TABLE_NO_ROW) {
        row = lists->first[row];
        continue;
      }
    }
    while (row != root && lists->next[row] == TABLE_NO_ROW)
      row = above[row];
    if (row == root)
      break;
    row = lists->next[row];
  }
  return placed;
}

void table_make_tree(struct table *t, const size_t *above, unsigned tree_column)
{
  size_t count = t->count, placed = 0;
  size_t *order = xcalloc(count + 1, sizeof *order), *place = xcalloc(count + 1, sizeof *place);
  size_t *up = xcalloc(count + 1, sizeof *up);
  struct tree_lists lists;

  memcpy(up, above, count * sizeof *up);
  for (size_t i = 0; i < count; i++) { /* in a circle, nobody is the first: cut where it closes */
    size_t steps = 0;

    for (size_t row = up[i]; row < count && steps <= count; row = up[row])
      steps++;
    if (steps > count || up[i] >= count)
      up[i] = TABLE_NO_ROW;
  }
  lists = lists_make(up, count);
  memset(place, 0xff, (count + 1) * sizeof *place);
  for (size_t root = lists.first[count]; root != TABLE_NO_ROW; root = lists.next[root])
    placed = lists_walk(&lists, up, root, order, place, placed);
  free(t->parent);
  t->parent = xcalloc(count + 1, sizeof *t->parent);
  t->tree_column = tree_column;
  for (size_t i = 0; i < placed; i++)
    t->parent[i] = up[order[i]] == TABLE_NO_ROW ? TABLE_NO_ROW : place[up[order[i]]];
  table_take(t, order, placed);
  free(lists.first);
  free(lists.next);
  free(order);
  free(place);
  free(up);
}

void table_keep(struct table *t, const bool *keep)
{
  size_t *order = xcalloc(t->count + 1, sizeof *order), *place = xcalloc(t->count + 1, sizeof *place);
  size_t kept = 0;

  for (size_t i = 0; i < t->count; i++) {
    size_t above = t->parent && t->parent[i] != TABLE_NO_ROW ? place[t->parent[i]] : TABLE_NO_ROW;

    place[i] = above; /* of a row that goes: where the one above it has come to stand */
    if (!keep[i])
      continue;
    order[kept] = i;
    if (t->parent)
      t->parent[kept] = above;
    place[i] = kept++;
  }
  table_take(t, order, kept);
  free(order);
  free(place);
}

void table_show(struct table *t, const unsigned *columns, unsigned count)
{
  unsigned *order = xcalloc(t->column_count + 1, sizeof *order), n = 0;
  struct column *old = xmalloc((t->column_count + 1) * sizeof *old);
  union cell *row = xcalloc(t->column_count + 1, sizeof *row);
  bool *shown = xcalloc(t->column_count + 1, sizeof *shown);
  union cell *extra[] = {t->rest, t->total};

  for (unsigned i = 0; i < count; i++) {
    if (!shown[columns[i]])
      order[n++] = columns[i];
    shown[columns[i]] = true;
  }
  count = n;
  for (unsigned i = 0; i < t->column_count; i++) {
    if (!shown[i])
      order[n++] = i;
  }
  memcpy(old, t->columns, t->column_count * sizeof *old);
  for (unsigned i = 0; i < n; i++) {
    t->columns[i] = old[order[i]];
    t->columns[i].priority = i < count ? 0 : COLUMN_HIDDEN;
  }
  for (size_t i = 0; i < t->count + 2; i++) {
    union cell *cells = i < t->count ? table_row(t, i) : extra[i - t->count];

    if (!cells)
      continue;
    memcpy(row, cells, n * sizeof *row);
    for (unsigned k = 0; k < n; k++)
      cells[k] = row[order[k]];
  }
  for (unsigned i = 0; i < n && t->parent; i++) {
    if (order[i] == t->tree_column) {
      t->tree_column = i;
      break;
    }
  }
  free(order);
  free(old);
  free(row);
  free(shown);
}
