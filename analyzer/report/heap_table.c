/*
 * The tables of sites and of stacks.  Called by report/heap_text.c.
 */
#include <stdlib.h>

#include "report/heap_order.h"

#define COLUMNS_MAX (HEAP_VALUES + 1)
#define WIDTH 10

/* What a table shows: the column that it is sorted by first, then those that most questions are about. */
static size_t choose(const struct heap_report *r, enum heap_value *columns)
{
  static const enum heap_value usual[] = {HEAP_RESIDENT, HEAP_LIVE,        HEAP_UNTOUCHED, HEAP_MAPPED,   HEAP_PEAK,
                                          HEAP_LEAKED,   HEAP_ALLOCATIONS, HEAP_REQUESTED, HEAP_TEMPORARY};
  bool sampled = heap_report_sampled(r);
  size_t n = 0;

  columns[n++] = r->sort;
  for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
    bool told = usual[i] != r->sort && (sampled || (usual[i] != HEAP_RESIDENT && usual[i] != HEAP_UNTOUCHED));

    if (told && (usual[i] != HEAP_MAPPED || r->totals.v[HEAP_MAPPED]))
      columns[n++] = usual[i];
  }
  return n;
}

static void print_row(FILE *out, const struct heap_report *r, const enum heap_value *columns, size_t n,
                      const struct heap_row *row)
{
  for (size_t i = 0; i < n; i++) {
    char cell[HEAP_CELL_MAX];

    fprintf(out, "%*s  ", WIDTH, heap_row_cell(cell, columns[i], row, r->before != NULL));
  }
}

static void print_heading(FILE *out, const struct heap_report *r, const enum heap_value *columns, size_t n)
{
  fputs(r->colour ? "\033[1m" : "", out);
  for (size_t i = 0; i < n; i++)
    fprintf(out, "%*s  ", WIDTH, heap_column(columns[i])->heading);
  fprintf(out, "%s%s\n", r->shape == HEAP_STACKS ? "CALL STACK" : "SITE", r->colour ? "\033[0m" : "");
}

static void print_frame(FILE *out, const struct call_tree *t, uint32_t frame)
{
  if (frame == CALL_NONE)
    fputs("[unknown]", out);
  else
    heap_frame_print(out, &t->frames[frame]);
  putc('\n', out);
}

/* Innermost first, one per line below the numbers. */
static void print_stack(FILE *out, const struct heap_report *r, const struct heap_line *line, size_t n)
{
  const struct call_tree *t = r->tree;
  bool first = true;

  for (uint32_t node = line->node; node != CALL_TREE_ROOT; node = t->nodes[node].parent) {
    if (!first)
      fprintf(out, "%*s", (int)n * (WIDTH + 2), "");
    print_frame(out, t, t->nodes[node].frame);
    first = false;
  }
  if (first)
    fputs("[unknown]\n", out);
}

int heap_table(FILE *out, const struct heap_report *r)
{
  enum heap_value columns[COLUMNS_MAX];
  size_t n = choose(r, columns), count, shown;
  struct heap_line *lines = r->shape == HEAP_STACKS ? heap_stacks(r, &count) : heap_sites(r, &count);
  struct heap_row rest = {0};

  if (!lines)
    return -1;
  shown = r->top && count > r->top ? r->top : count;
  print_heading(out, r, columns, n);
  for (size_t i = 0; i < count; i++) {
    if (i >= shown) {
      heap_row_add(&rest, &lines[i].row, 1);
      continue;
    }
    print_row(out, r, columns, n, &lines[i].row);
    if (r->shape == HEAP_STACKS)
      print_stack(out, r, &lines[i], n);
    else
      print_frame(out, r->tree, lines[i].frame);
  }
  if (count > shown) {
    print_row(out, r, columns, n, &rest);
    fprintf(out, "%zu more (--all shows them)\n", count - shown);
  }
  print_row(out, r, columns, n, &r->totals);
  fputs("in all\n", out);
  free(lines);
  return 0;
}
