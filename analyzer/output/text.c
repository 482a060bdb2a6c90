/*
 * Text for people: tables as wide as the terminal, trees of calls.
 */
#include <stdlib.h>
#include <string.h>

#include "output/cell_text.h"
#include "output/formats.h"
#include "output/quantity.h"
#include "output/text_graph.h"
#include "output/text_layout.h"
#include "output/text_width.h"
#include "reader/xalloc.h"

struct text_table {
  FILE *out;
  const struct table *t;
  const struct style *style;
  struct text_layout layout;
  char **tree;
  unsigned blanks; /* that come before the next text: none are left at the end of a line */
};

static void put_text(struct text_table *x, const char *text, unsigned width)
{
  if (!*text)
    return;
  fprintf(x->out, "%*s", (int)x->blanks, "");
  x->blanks = 0;
  text_put_cut(x->out, text, width);
}

static void put_end(struct text_table *x)
{
  putc('\n', x->out);
  x->blanks = 0;
}

/* One cell in its place: prefix is what stands before it and is never cut. */
static void put_cell(struct text_table *x, unsigned place, const char *prefix, const char *text)
{
  const struct text_column *c = &x->layout.shown[place];
  unsigned drawn = text_width(prefix, strlen(prefix)), width = text_width(text, strlen(text)), taken;
  unsigned least = LAYOUT_TEXT_MIN / 2, room = c->width > drawn + least ? c->width - drawn : least;

  if (!c->gives || width < room)
    room = width;
  taken = drawn + room;
  if (c->right && taken < c->width)
    x->blanks += c->width - taken;
  put_text(x, prefix, drawn);
  put_text(x, text, room);
  if (!*prefix && !*text)
    x->blanks += taken;
  if (!c->right && taken < c->width)
    x->blanks += c->width - taken;
  x->blanks += LAYOUT_GAP;
}

static void put_heading(struct text_table *x)
{
  fputs(x->style->colour ? "\033[1m" : "", x->out);
  for (unsigned i = 0; i < x->layout.count; i++)
    put_cell(x, i, "", x->t->columns[x->layout.shown[i].column].heading);
  fputs(x->style->colour ? "\033[0m" : "", x->out);
  put_end(x);
}

/* A whole stack: its innermost frame in the row, the others below it. */
static void put_stack(struct text_table *x, unsigned place, int64_t stack)
{
  unsigned count, blanks = 0;
  char **frames = cell_frames(x->t->stacks, stack, &count);

  for (unsigned i = 0; i < place; i++)
    blanks += x->layout.shown[i].width + LAYOUT_GAP;
  for (unsigned i = 0; i < count; i++) {
    if (i) {
      put_end(x);
      x->blanks = blanks;
    }
    put_cell(x, place, "", frames[i]);
    free(frames[i]);
  }
  free(frames);
}

/* label: what a sum is of, in place of a text; NULL: an ordinary row. */
static void put_row(struct text_table *x, const union cell *row, const char *prefix, const char *label)
{
  for (unsigned i = 0; i < x->layout.count; i++) {
    unsigned column = x->layout.shown[i].column;
    const struct column *c = &x->t->columns[column];
    struct cell_view view = {c, x->t->stacks, x->t->is_difference, x->style};
    bool sum = label && !column_adds(c);
    char *text;

    if (x->t->whole_stacks && c->kind == COLUMN_STACK && !label) {
      put_stack(x, i, row[column].number);
      continue;
    }
    text = sum ? xstrdup(i == x->layout.label ? label : "") : cell_text(&view, row[column]);

    put_cell(x, i, x->tree && column == x->t->tree_column ? prefix : "", text);
    free(text);
  }
  if (label && x->layout.label == x->layout.count)
    put_text(x, label, UINT32_MAX);
  put_end(x);
}

static bool shows_sums(const struct text_table *x)
{
  for (unsigned i = 0; i < x->layout.count; i++) {
    if (column_adds(&x->t->columns[x->layout.shown[i].column]))
      return true;
  }
  return false;
}

static void put_sums(struct text_table *x)
{
  char label[QUANTITY_MAX + 8], count[QUANTITY_MAX];

  if (x->t->rest) {
    snprintf(label, sizeof label, "%s more", quantity_count(count, x->t->rest_count));
    put_row(x, x->t->rest, "", label);
  }
  if (x->t->total && shows_sums(x))
    put_row(x, x->t->total, "", "in all");
}

/* Somebody may look for a column that there was no room for. */
static void put_left_out(const struct text_table *x)
{
  const struct text_layout *l = &x->layout;
  char *line = xstrdup("(no room for "), *more;
  const char *gap = "";

  for (unsigned i = 0; i < x->t->column_count; i++) {
    for (unsigned k = 0; k < l->left_out_count; k++) {
      if (l->left_out[k] != i)
        continue;
      more = xasprintf("%s%s%s", line, gap, x->t->columns[i].heading);
      free(line);
      line = more;
      gap = ", ";
    }
  }
  more = xasprintf("%s)", line);
  fputs(x->style->colour ? "\033[2m" : "", x->out);
  if (l->left_out_count)
    text_put_cut(x->out, more, x->style->width);
  fputs(x->style->colour ? "\033[0m" : "", x->out);
  fputs(l->left_out_count ? "\n" : "", x->out);
  free(line);
  free(more);
}

static int text_table_put(FILE *out, const struct table *t, const struct style *style)
{
  struct text_table x = {.out = out, .t = t, .style = style, .tree = text_tree_lines(t)};

  text_layout_make(&x.layout, t, style);
  put_heading(&x);
  for (size_t i = 0; i < t->count; i++)
    put_row(&x, table_row(t, i), x.tree ? x.tree[i] : "", NULL);
  put_sums(&x);
  put_left_out(&x);
  text_layout_release(&x.layout);
  text_tree_free(x.tree, t->count);
  return ferror(out) ? -1 : 0;
}

const struct format format_text = {
    .name = "text",
    .ending = ".txt",
    .meaning = "for people",
    .paged = true,
    .table = text_table_put,
    .graph = text_graph,
};
