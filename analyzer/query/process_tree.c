/*
 * See process_tree.h.
 */
#include "query/process_tree.h"

#include <stdlib.h>
#include <string.h>

#include "query/table_order.h"
#include "reader/hash.h"

/* An image found by its trace's id. */
struct image {
  UT_hash_handle hh;
  size_t row;
};

struct tree_making {
  const struct table *images;
  unsigned pid, start, boot, trace_id, parent_id;
  struct image *all; /* per row */
  struct image *by_id;
  size_t *before; /* per image: the one of the same process before it; TABLE_NO_ROW */
  size_t *above;  /* per image: the one that forked or spawned its process; TABLE_NO_ROW */
};

static const char *text_of(const struct tree_making *m, size_t row, unsigned column)
{
  const char *text = table_row(m->images, row)[column].text;

  return text ? text : "";
}

static int64_t number_of(const struct tree_making *m, size_t row, unsigned column)
{
  return table_row(m->images, row)[column].number;
}

static size_t image_by_id(const struct tree_making *m, const char *id)
{
  struct image *image;

  HASH_FIND(hh, m->by_id, id, strlen(id), image);
  return image ? image->row : TABLE_NO_ROW;
}

/* An image comes from one of the same boot that began before it: then nothing can go round in a circle. */
static void find_origin(struct tree_making *m, size_t row)
{
  size_t from = image_by_id(m, text_of(m, row, m->parent_id));

  m->before[row] = m->above[row] = TABLE_NO_ROW;
  if (from == TABLE_NO_ROW || from == row || strcmp(text_of(m, from, m->boot), text_of(m, row, m->boot)) != 0 ||
      number_of(m, from, m->start) >= number_of(m, row, m->start))
    return;
  if (number_of(m, from, m->pid) == number_of(m, row, m->pid))
    m->before[row] = from;
  else
    m->above[row] = from;
}

static void making_begin(struct tree_making *m, const struct table *images)
{
  *m = (struct tree_making){.images = images,
                            .pid = table_column(images, "pid"),
                            .start = table_column(images, "start"),
                            .boot = table_column(images, "boot_id"),
                            .trace_id = table_column(images, "trace_id"),
                            .parent_id = table_column(images, "parent_id"),
                            .all = xcalloc(images->count + 1, sizeof *m->all),
                            .before = xcalloc(images->count + 1, sizeof *m->before),
                            .above = xcalloc(images->count + 1, sizeof *m->above)};
  for (size_t i = 0; i < images->count; i++) {
    const char *id = text_of(m, i, m->trace_id);

    m->all[i].row = i;
    if (image_by_id(m, id) == TABLE_NO_ROW)
      HASH_ADD_KEYPTR(hh, m->by_id, id, strlen(id), &m->all[i]);
  }
  for (size_t i = 0; i < images->count; i++)
    find_origin(m, i);
}

static void making_end(struct tree_making *m)
{
  HASH_CLEAR(hh, m->by_id);
  free(m->all);
  free(m->before);
  free(m->above);
}

/* The first of them: an image of which two others say that it became them by exec (damage) has only the first. */
static size_t *find_successors(const struct tree_making *m)
{
  size_t *after = xcalloc(m->images->count + 1, sizeof *after);

  memset(after, 0xff, (m->images->count + 1) * sizeof *after);
  for (size_t i = 0; i < m->images->count; i++) {
    if (m->before[i] != TABLE_NO_ROW && after[m->before[i]] == TABLE_NO_ROW)
      after[m->before[i]] = i;
    else if (m->before[i] != TABLE_NO_ROW) {
      m->above[i] = m->before[i];
      m->before[i] = TABLE_NO_ROW;
    }
  }
  return after;
}

/* How a column goes on from one image of a process to the next. */
static void cell_follow(const struct column *column, union cell *cell, union cell next)
{
  bool peak = column->flags & COLUMN_ALONE && column_kind_adds(column->kind);
  bool whole_life = !strcmp(column->name, "events") || !strcmp(column->name, "allocations") ||
                    !strcmp(column->name, "frees") || !strcmp(column->name, "requested") ||
                    !strcmp(column->name, "lost");

  if (!strcmp(column->name, "start") || !strcmp(column->name, "ppid") || !strcmp(column->name, "origin"))
    return;
  if (!strcmp(column->name, "life") || whole_life) {
    if (cell->number == CELL_UNKNOWN || next.number == CELL_UNKNOWN)
      cell->number = CELL_UNKNOWN;
    else if (__builtin_add_overflow(cell->number, next.number, &cell->number))
      cell->number = INT64_MAX;
  } else if (!peak || next.number > cell->number) {
    *cell = next;
  }
}

static struct table *tree_table(const struct table *images)
{
  static const struct column count = {
      "images", NULL, "IMAGES", COLUMN_COUNT, COLUMN_HIDDEN, "programs that the process ran, by exec", 0};
  struct column *columns = xcalloc(images->column_count + 1, sizeof *columns);
  struct table *t;

  memcpy(columns, images->columns, images->column_count * sizeof *columns);
  columns[images->column_count] = count;
  t = table_new(images->name, columns, images->column_count + 1);
  free(columns);
  return t;
}

/* Adds the process that begins with image first; the row of each of its images is noted in row_of. */
static void tree_add(struct table *t, const struct tree_making *m, size_t first, const size_t *after, size_t *row_of,
                     bool by_image)
{
  unsigned count = m->images->column_count;
  union cell *row = xcalloc(count + 1, sizeof *row);
  size_t image = first, steps = 1;

  memcpy(row, table_row(m->images, first), count * sizeof *row);
  row_of[first] = t->count;
  for (image = after[first]; image != TABLE_NO_ROW && !by_image; image = after[image], steps++) {
    for (unsigned i = 0; i < count; i++)
      cell_follow(&m->images->columns[i], &row[i], table_row(m->images, image)[i]);
    row_of[image] = t->count;
  }
  row[count].number = (int64_t)steps;
  table_add(t, row);
  free(row);
}

struct table *process_tree(const struct table *images, bool by_image)
{
  struct table *t = tree_table(images);
  struct sort_key by_start = {table_column(images, "start"), true};
  size_t *after, *row_of, *above;
  struct tree_making m;

  making_begin(&m, images);
  after = find_successors(&m);
  t->stacks = images->stacks;
  row_of = xcalloc(images->count + 1, sizeof *row_of);
  above = xcalloc(images->count + 1, sizeof *above);
  for (size_t i = 0; i < images->count; i++) {
    if (by_image || m.before[i] == TABLE_NO_ROW)
      tree_add(t, &m, i, after, row_of, by_image);
  }
  for (size_t i = 0; i < images->count; i++) {
    size_t from = by_image && m.before[i] != TABLE_NO_ROW ? m.before[i] : m.above[i];

    if (by_image || m.before[i] == TABLE_NO_ROW)
      above[row_of[i]] = from == TABLE_NO_ROW ? TABLE_NO_ROW : row_of[from];
  }
  table_make_tree(t, above, table_column(t, "command"));
  table_sort(t, &by_start, 1);
  making_end(&m);
  free(after);
  free(row_of);
  free(above);
  return t;
}
