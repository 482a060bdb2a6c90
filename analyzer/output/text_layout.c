/*
 * See text_layout.h.
 */
#include "output/text_layout.h"

#include <stdlib.h>
#include <string.h>

#include "output/cell_text.h"
#include "output/text_width.h"
#include "reader/xalloc.h"

#define TREE_DEPTH_MAX 16u /* levels that are drawn; what is deeper stands under them */

/* Of its longest frame. */
static unsigned width_of_stack(const struct table *t, union cell cell)
{
  unsigned count, width = 0;
  char **frames = cell_frames(t->stacks, cell.number, &count);

  for (unsigned i = 0; i < count; i++) {
    unsigned frame = text_width(frames[i], strlen(frames[i]));

    width = frame > width ? frame : width;
    free(frames[i]);
  }
  free(frames);
  return width;
}

static unsigned width_of(const struct table *t, unsigned column, union cell cell, const struct style *style)
{
  struct cell_view view = {&t->columns[column], t->stacks, t->is_difference, style};
  char *text;
  unsigned width;

  if (t->whole_stacks && view.column->kind == COLUMN_STACK && cell_is_known(view.column, cell))
    return width_of_stack(t, cell);
  text = cell_text(&view, cell);
  width = text_width(text, strlen(text));
  free(text);
  return width;
}

static void widen(struct text_column *c, unsigned width)
{
  if (width > c->natural)
    c->natural = width;
}

static void measure(struct text_column *c, const struct table *t, char *const *tree, const struct style *style)
{
  widen(c, text_width(t->columns[c->column].heading, strlen(t->columns[c->column].heading)));
  for (size_t row = 0; row < t->count; row++) {
    unsigned drawn = tree && c->column == t->tree_column ? text_width(tree[row], strlen(tree[row])) : 0;

    widen(c, drawn + width_of(t, c->column, table_row(t, row)[c->column], style));
  }
  if (t->rest)
    widen(c, width_of(t, c->column, t->rest[c->column], style));
  if (t->total)
    widen(c, width_of(t, c->column, t->total[c->column], style));
}

/* What a column needs at least for the others to stay. */
static unsigned good_width(const struct text_column *c, unsigned width)
{
  unsigned good = width / 3 < LAYOUT_TEXT_GOOD ? width / 3 : LAYOUT_TEXT_GOOD;

  if (c->wide)
    good = width / 2;

  return c->gives && c->natural > good ? good : c->natural;
}

static unsigned layout_need(const struct text_layout *l, unsigned width)
{
  unsigned need = l->count ? (l->count - 1) * LAYOUT_GAP : 0;

  for (unsigned i = 0; i < l->count; i++)
    need += good_width(&l->shown[i], width);
  return need;
}

/* The column that gives way next: the highest priority, of these the rightmost; count: all have to stay. */
static unsigned layout_next_out(const struct text_layout *l, const struct table *t)
{
  unsigned out = l->count, highest = 0;

  for (unsigned i = 0; i < l->count; i++) {
    unsigned priority = t->columns[l->shown[i].column].priority;

    if (priority && priority >= highest) {
      highest = priority;
      out = i;
    }
  }
  return out;
}

static void layout_drop(struct text_layout *l, const struct table *t, unsigned width)
{
  while (layout_need(l, width) > width) {
    unsigned out = layout_next_out(l, t);

    if (out == l->count)
      return;
    l->left_out[l->left_out_count++] = l->shown[out].column;
    memmove(l->shown + out, l->shown + out + 1, (l->count - out - 1) * sizeof *l->shown);
    l->count--;
  }
}

/* Takes columns from the widest text until all fit. */
static void layout_cut(struct text_layout *l, unsigned width)
{
  unsigned need = l->count ? (l->count - 1) * LAYOUT_GAP : 0;

  for (unsigned i = 0; i < l->count; i++)
    need += l->shown[i].width;
  while (need > width) {
    struct text_column *widest = NULL;
    unsigned second = LAYOUT_TEXT_MIN, less;

    for (unsigned i = 0; i < l->count; i++) {
      struct text_column *c = &l->shown[i];

      if (!c->gives || c->width <= LAYOUT_TEXT_MIN)
        continue;
      if (!widest || c->width > widest->width) {
        second = widest ? widest->width : LAYOUT_TEXT_MIN;
        widest = c;
      } else if (c->width > second) {
        second = c->width;
      }
    }
    if (!widest)
      return;
    less = widest->width > second ? widest->width - second : 1;
    less = less > need - width ? need - width : less;
    widest->width -= less;
    need -= less;
  }
}

static bool is_text(enum column_kind kind)
{
  return kind == COLUMN_TEXT || kind == COLUMN_STACK;
}

void text_layout_make(struct text_layout *l, const struct table *t, const struct style *style)
{
  char **tree = text_tree_lines(t);

  *l = (struct text_layout){.shown = xcalloc(t->column_count + 1, sizeof *l->shown),
                            .left_out = xcalloc(t->column_count + 1, sizeof *l->left_out)};
  for (unsigned i = 0; i < t->column_count; i++) {
    struct text_column *c = &l->shown[l->count];

    if (t->columns[i].priority == COLUMN_HIDDEN)
      continue;
    *c = (struct text_column){.column = i,
                              .right = cell_is_right(t->columns[i].kind),
                              .gives = is_text(t->columns[i].kind),
                              .wide = t->columns[i].flags & COLUMN_WIDE};
    measure(c, t, tree, style);
    l->count++;
  }
  text_tree_free(tree, t->count);
  if (style->width)
    layout_drop(l, t, style->width);
  for (unsigned i = 0; i < l->count; i++)
    l->shown[i].width = l->shown[i].natural;
  if (style->width)
    layout_cut(l, style->width);
  l->label = l->count;
  for (unsigned i = 0; i < l->count; i++) { /* the widest text has the most room */
    if (l->shown[i].gives && (l->label == l->count || l->shown[i].width >= l->shown[l->label].width))
      l->label = i;
  }
}

void text_layout_release(struct text_layout *l)
{
  free(l->shown);
  free(l->left_out);
}

/* Trees: a row is the last below the one above it when no later row is below that one, too. */

static void tree_draw(char *end, const struct table *t, const bool *is_last, size_t row)
{
  size_t chain[TREE_DEPTH_MAX];
  unsigned depth = 0;

  for (; t->parent[row] != TABLE_NO_ROW && depth < TREE_DEPTH_MAX; row = t->parent[row])
    chain[depth++] = row;
  for (unsigned i = depth; i-- > 1;)
    end = stpcpy(end, is_last[chain[i]] ? "  " : "\u2502 ");
  if (depth)
    end = stpcpy(end, is_last[chain[0]] ? "\u2514\u2500" : "\u251c\u2500");
  *end = '\0';
}

char **text_tree_lines(const struct table *t)
{
  char **lines;
  bool *is_last, *seen;

  if (!t->parent)
    return NULL;
  lines = xcalloc(t->count + 1, sizeof *lines);
  is_last = xcalloc(t->count + 1, sizeof *is_last);
  seen = xcalloc(t->count + 1, sizeof *seen); /* per row above: a later row is below it */
  for (size_t row = t->count; row-- > 0;) {
    size_t above = t->parent[row];

    if (above == TABLE_NO_ROW)
      continue;
    is_last[row] = !seen[above];
    seen[above] = true;
  }
  for (size_t row = 0; row < t->count; row++) {
    char drawn[TREE_DEPTH_MAX * 8];

    tree_draw(drawn, t, is_last, row);
    lines[row] = xstrdup(drawn);
  }
  free(is_last);
  free(seen);
  return lines;
}

void text_tree_free(char **lines, size_t count)
{
  for (size_t i = 0; lines && i < count; i++)
    free(lines[i]);
  free(lines);
}
