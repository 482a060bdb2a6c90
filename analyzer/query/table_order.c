/*
 * Sorting, top and sums.  See table_order.h.
 */
#include "query/table_order.h"

#include <stdlib.h>
#include <string.h>

#include "query/column_list.h"
#include "reader/complain.h"
#include "reader/xalloc.h"

/* Looks up the n bytes at name. */
static unsigned column_of(const struct table *t, const char *name, size_t n)
{
  unsigned i = 0;

  while (i < t->column_count && (strncmp(t->columns[i].name, name, n) != 0 || t->columns[i].name[n]))
    i++;
  return i;
}

static void complain_column(const struct table *t, const char *name, size_t n)
{
  char *all = column_names(t->columns, t->column_count);

  complain("%s have no column '%.*s'; they have %s", t->name, (int)n, name, all);
  free(all);
}

int columns_parse(const struct table *t, const char *text, unsigned **columns)
{
  int count = 0;

  *columns = xcalloc(strlen(text) + 1, sizeof **columns);
  for (;; text++) {
    size_t n = strcspn(text, ",");
    unsigned column = column_of(t, text, n);

    if (column == t->column_count) {
      complain_column(t, text, n);
      free(*columns);
      *columns = NULL;
      return -1;
    }
    (*columns)[count++] = column;
    text += n;
    if (!*text)
      return count;
  }
}

int sort_keys_parse(const struct table *t, const char *text, struct sort_key keys[SORT_KEYS_MAX])
{
  int count = 0;

  for (;; text++) {
    bool turned = *text == '-';
    size_t n = strcspn(text += turned, ",");
    unsigned column = column_of(t, text, n);

    if (column == t->column_count) {
      complain_column(t, text, n);
      return -1;
    }
    if (count == SORT_KEYS_MAX) {
      complain("a table is sorted by %d columns at most", SORT_KEYS_MAX);
      return -1;
    }
    keys[count++] = (struct sort_key){column, (t->columns[column].kind == COLUMN_TEXT) != turned};
    text += n;
    if (!*text)
      return count;
  }
}

struct sorting {
  const struct table *t;
  const struct sort_key *keys;
  unsigned count;
};

static uint64_t magnitude(int64_t n)
{
  return n < 0 ? -(uint64_t)n : (uint64_t)n;
}

static int compare_numbers(const struct table *t, const struct column *column, int64_t a, int64_t b)
{
  if (t->is_difference && column_kind_adds(column->kind) && magnitude(a) != magnitude(b))
    return magnitude(a) < magnitude(b) ? -1 : 1;
  if (column->kind == COLUMN_ADDRESS || column->kind == COLUMN_FRAME)
    return ((uint64_t)a > (uint64_t)b) - ((uint64_t)a < (uint64_t)b);
  return (a > b) - (a < b);
}

static int compare_cells(const struct table *t, const struct sort_key *key, union cell a, union cell b)
{
  const struct column *column = &t->columns[key->column];
  bool known = cell_is_known(column, a);
  int order;

  if (known != cell_is_known(column, b))
    return known ? -1 : 1;
  if (!known)
    return 0;
  order = column->kind == COLUMN_TEXT ? strcmp(a.text, b.text) : compare_numbers(t, column, a.number, b.number);
  return key->ascending ? order : -order;
}

static int compare_rows(const void *x, const void *y, void *arg)
{
  const struct sorting *s = arg;
  size_t a = *(const size_t *)x, b = *(const size_t *)y;

  for (unsigned i = 0; i < s->count; i++) {
    unsigned column = s->keys[i].column;
    int order = compare_cells(s->t, &s->keys[i], table_row(s->t, a)[column], table_row(s->t, b)[column]);

    if (order)
      return order;
  }
  return (a > b) - (a < b);
}

/* Rows stand in the order at first; above[], if not NULL, goes with them. */
static void table_reorder(struct table *t, const size_t *order, size_t *above)
{
  size_t size = t->column_count * sizeof *t->cells;
  union cell *cells = xmalloc(t->count * size + 1);
  size_t *place = xcalloc(t->count + 1, sizeof *place);
  size_t *moved = xcalloc(t->count + 1, sizeof *moved);

  for (size_t i = 0; i < t->count; i++) {
    memcpy(cells + i * t->column_count, table_row(t, order[i]), size);
    place[order[i]] = i;
  }
  for (size_t i = 0; i < t->count && above; i++)
    moved[i] = above[order[i]] == TABLE_NO_ROW ? TABLE_NO_ROW : place[above[order[i]]];
  if (above)
    memcpy(above, moved, t->count * sizeof *above);
  free(t->cells);
  t->cells = cells;
  t->room = t->count;
  free(place);
  free(moved);
}

void table_sort(struct table *t, const struct sort_key *keys, unsigned count)
{
  struct sorting sorting = {.t = t, .keys = keys, .count = count};
  size_t *order = xcalloc(t->count + 1, sizeof *order), *above = t->parent;

  for (size_t i = 0; i < t->count; i++)
    order[i] = i;
  qsort_r(order, t->count, sizeof *order, compare_rows, &sorting);
  t->parent = NULL;
  table_reorder(t, order, above);
  if (above)
    table_make_tree(t, above, t->tree_column);
  free(above);
  free(order);
}

static void row_add(const struct table *t, union cell *sum, const union cell *row)
{
  for (unsigned i = 0; i < t->column_count; i++) {
    if (!column_adds(&t->columns[i]) || row[i].number == CELL_UNKNOWN)
      continue;
    if (sum[i].number == CELL_UNKNOWN)
      sum[i].number = 0;
    if (__builtin_add_overflow(sum[i].number, row[i].number, &sum[i].number))
      sum[i].number = row[i].number < 0 ? -INT64_MAX : INT64_MAX;
  }
}

/* Of the rows from `from` on.  A column of which no row knows anything stays unknown. */
static union cell *table_sum_from(const struct table *t, size_t from)
{
  union cell *sum = xcalloc(t->column_count + 1, sizeof *sum);

  for (unsigned i = 0; i < t->column_count; i++) {
    if (t->columns[i].kind != COLUMN_TEXT)
      sum[i].number = CELL_UNKNOWN;
  }
  for (size_t row = from; row < t->count; row++)
    row_add(t, sum, table_row(t, row));
  return sum;
}

void table_sum(struct table *t)
{
  free(t->total);
  t->total = table_sum_from(t, 0);
}

void table_top(struct table *t, size_t rows)
{
  free(t->rest);
  t->rest = NULL;
  t->rest_count = 0;
  if (!rows || t->count <= rows)
    return;
  t->rest = table_sum_from(t, rows);
  t->rest_count = t->count - rows;
  t->count = rows;
}
