/*
 * Grouping and comparing by the values of columns.  See table_group.h.
 */
#include "query/table_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/hash.h"

/* A row of the result, found by what its key columns hold. */
struct group {
  UT_hash_handle hh;
  size_t row;
  char key[];
};

/* The values of some columns as bytes: a number as it is, a text with its NUL, an unknown one apart from both. */
struct group_key {
  char *bytes;
  size_t used, room;
};

static void key_put(struct group_key *key, const void *bytes, size_t n)
{
  while (key->used + n > key->room)
    key->bytes = xgrow(key->bytes, key->room, &key->room, 1);
  memcpy(key->bytes + key->used, bytes, n);
  key->used += n;
}

static void key_make(struct group_key *key, const struct table *t, const unsigned *by, unsigned count,
                     const union cell *row)
{
  key->used = 0;
  for (unsigned i = 0; i < count; i++) {
    const struct column *column = &t->columns[by[i]];

    bool known = cell_is_known(column, row[by[i]]);

    key_put(key, known ? "=" : "?", 1);
    if (known && column->kind == COLUMN_TEXT)
      key_put(key, row[by[i]].text, strlen(row[by[i]].text) + 1);
    else if (known)
      key_put(key, &row[by[i]], sizeof *row);
  }
}

struct grouping {
  struct table *result;
  struct group *groups;
  struct group_key key;
  union cell *blank; /* of a new row: nothing known */
};

/* The row of the result for a row with that key; *is_new: it has just been made. */
static union cell *grouping_row(struct grouping *g, bool *is_new)
{
  struct group *group;

  HASH_FIND(hh, g->groups, g->key.bytes, g->key.used, group);
  *is_new = !group;
  if (!group) {
    group = xmalloc(sizeof *group + g->key.used);
    memcpy(group->key, g->key.bytes, g->key.used);
    group->row = g->result->count;
    HASH_ADD_KEYPTR(hh, g->groups, group->key, g->key.used, group);
    table_add(g->result, g->blank);
  }
  return table_row(g->result, group->row);
}

static void grouping_begin(struct grouping *g, struct table *result, const struct table *like)
{
  *g = (struct grouping){.result = result, .blank = xcalloc(result->column_count + 1, sizeof *g->blank)};
  result->stacks = like->stacks;
  for (unsigned i = 0; i < result->column_count; i++) {
    if (result->columns[i].kind != COLUMN_TEXT)
      g->blank[i].number = CELL_UNKNOWN;
  }
}

static void grouping_end(struct grouping *g)
{
  struct group *group, *next;

  HASH_ITER(hh, g->groups, group, next)
  {
    HASH_DEL(g->groups, group);
    free(group);
  }
  free(g->key.bytes);
  free(g->blank);
}

static union cell own_text(struct table *t, unsigned column, union cell cell)
{
  if (t->columns[column].kind == COLUMN_TEXT && cell.text)
    cell.text = table_text(t, cell.text);
  return cell;
}

static void cell_add(union cell *sum, union cell more, int64_t sign)
{
  int64_t n = more.number;

  if (n == CELL_UNKNOWN)
    return;
  if (sum->number == CELL_UNKNOWN)
    sum->number = 0;
  if (__builtin_add_overflow(sum->number, sign * n, &sum->number))
    sum->number = sign * n < 0 ? -INT64_MAX : INT64_MAX;
}

struct table *table_group(const struct table *t, const unsigned *by, unsigned count)
{
  static const struct column rows = {"rows", NULL, "ROWS", COLUMN_COUNT, 0, "how many rows this one stands for", 0};
  struct column *columns = xcalloc(count + 1 + t->column_count, sizeof *columns);
  unsigned *from = xcalloc(count + 1 + t->column_count, sizeof *from), n = 0;
  struct grouping g;

  for (; n < count; n++) {
    columns[n] = t->columns[by[n]];
    columns[n].flags |= COLUMN_KEY;
    from[n] = by[n];
  }
  columns[n++] = rows;
  for (unsigned i = 0; i < t->column_count; i++) {
    if (!column_adds(&t->columns[i]))
      continue;
    columns[n] = t->columns[i];
    from[n++] = i;
  }
  grouping_begin(&g, table_new(t->name, columns, n), t);
  for (size_t i = 0; i < t->count; i++) {
    const union cell *row = table_row(t, i);
    union cell *sum;
    bool is_new;

    key_make(&g.key, t, by, count, row);
    sum = grouping_row(&g, &is_new);
    for (unsigned k = 0; is_new && k < count; k++)
      sum[k] = own_text(g.result, k, row[by[k]]);
    cell_add(&sum[count], (union cell){.number = 1}, 1);
    for (unsigned k = count + 1; k < n; k++)
      cell_add(&sum[k], row[from[k]], 1);
  }
  grouping_end(&g);
  free(columns);
  free(from);
  return g.result;
}

/* The columns of a difference: those of t that are keys, then those that can be subtracted. */
struct diff_columns {
  struct column *columns;
  unsigned *from;
  unsigned *keys;
  unsigned key_count, count; /* with "change", which is the last one */
};

static void diff_columns_choose(struct diff_columns *c, const struct table *t)
{
  static const struct column change = {
      "change", NULL, "CHANGE", COLUMN_TEXT, 1, "new, gone, changed or same: whether both sides have it", 0};

  *c = (struct diff_columns){.columns = xcalloc(t->column_count + 2, sizeof *c->columns),
                             .from = xcalloc(t->column_count + 2, sizeof *c->from),
                             .keys = xcalloc(t->column_count + 1, sizeof *c->keys)};
  for (unsigned i = 0; i < t->column_count; i++) {
    if (t->columns[i].flags & COLUMN_KEY) {
      c->columns[c->count] = t->columns[i];
      c->from[c->count++] = i;
      c->keys[c->key_count++] = i;
    }
  }
  for (unsigned i = 0; i < t->column_count; i++) {
    if (!(t->columns[i].flags & COLUMN_KEY) && column_kind_adds(t->columns[i].kind)) {
      c->columns[c->count] = t->columns[i];
      c->from[c->count++] = i;
    }
  }
  c->columns[c->count++] = change;
}

static void diff_take(struct grouping *g, const struct diff_columns *c, const struct table *t, int64_t sign)
{
  for (size_t i = 0; i < t->count; i++) {
    const union cell *row = table_row(t, i);
    union cell *to;
    bool is_new;

    key_make(&g->key, t, c->keys, c->key_count, row);
    to = grouping_row(g, &is_new);
    for (unsigned k = 0; is_new && k < c->key_count; k++)
      to[k] = own_text(g->result, k, row[c->keys[k]]);
    for (unsigned k = c->key_count; k + 1 < c->count; k++)
      cell_add(&to[k], row[c->from[k]], sign);
    if (is_new)
      to[c->count - 1].text = sign < 0 ? "gone" : "new";
    else if (sign > 0 && to[c->count - 1].text && !strcmp(to[c->count - 1].text, "gone"))
      to[c->count - 1].text = "same";
  }
}

struct table *table_diff(const struct table *before, const struct table *after)
{
  struct diff_columns c;
  struct grouping g;

  diff_columns_choose(&c, after);
  grouping_begin(&g, table_new(after->name, c.columns, c.count), after);
  g.result->is_difference = true;
  diff_take(&g, &c, before, -1);
  diff_take(&g, &c, after, 1);
  for (size_t i = 0; i < g.result->count; i++) {
    union cell *row = table_row(g.result, i);

    for (unsigned k = c.key_count; k + 1 < c.count; k++) {
      if (row[k].number != CELL_UNKNOWN && row[k].number && !strcmp(row[c.count - 1].text, "same"))
        row[c.count - 1].text = "changed";
    }
  }
  grouping_end(&g);
  free(c.columns);
  free(c.from);
  free(c.keys);
  return g.result;
}
