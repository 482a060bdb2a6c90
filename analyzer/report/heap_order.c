/*
 * Sites and stacks in order, and names.  See heap_order.h.  Called by
 * report/heap_table.c, heap_tree_text.c, heap_folded.c and heap_json.c.
 */
#include "report/heap_order.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "reader/plain_text.h"
#include "reader/xalloc.h"

/* Where the column of the report's choice is alike, these decide. */
static const enum heap_value then[] = {HEAP_RESIDENT, HEAP_LIVE, HEAP_PEAK, HEAP_REQUESTED, HEAP_ALLOCATIONS};

static int compare_value(const struct heap_report *r, int64_t a, int64_t b)
{
  if (r->before) {
    a = a < 0 ? -a : a;
    b = b < 0 ? -b : b;
  }
  return (a < b) - (a > b);
}

int heap_row_compare(const struct heap_report *r, const struct heap_row *a, const struct heap_row *b)
{
  int order = compare_value(r, a->v[r->sort], b->v[r->sort]);

  for (size_t i = 0; !order && i < sizeof then / sizeof *then; i++)
    order = compare_value(r, a->v[then[i]], b->v[then[i]]);
  return order;
}

static int compare_lines(const void *a, const void *b, void *report)
{
  const struct heap_line *x = a, *y = b;
  int order = heap_row_compare(report, &x->row, &y->row);

  if (!order)
    order = (x->frame > y->frame) - (x->frame < y->frame);
  return order ? order : (x->node > y->node) - (x->node < y->node);
}

static struct heap_line *in_order(const struct heap_report *r, struct heap_line *lines, size_t count)
{
  if (count)
    qsort_r(lines, count, sizeof *lines, compare_lines, (void *)r);
  return lines;
}

struct heap_line *heap_stacks(const struct heap_report *r, size_t *count)
{
  const struct call_tree *t = r->tree;
  struct heap_line *lines = xcalloc(t->row_count + 1, sizeof *lines);

  *count = 0;
  for (uint32_t i = 0; lines && i < t->node_count; i++) {
    const struct heap_row *row = t->nodes[i].row == CALL_NONE ? NULL : &t->rows[t->nodes[i].row];

    if (row && !heap_row_empty(row))
      lines[(*count)++] = (struct heap_line){call_tree_site(t, i, NULL), i, 1, *row};
  }
  return lines ? in_order(r, lines, *count) : NULL;
}

struct heap_line *heap_sites(const struct heap_report *r, size_t *count)
{
  const struct call_tree *t = r->tree;
  struct heap_line *lines = xcalloc(t->frame_count + 1, sizeof *lines); /* by frame; the last one: the root */
  size_t kept = 0;

  *count = 0;
  if (!lines)
    return NULL;
  for (uint32_t i = 0; i < t->node_count; i++) {
    uint32_t frame = t->nodes[i].row == CALL_NONE ? CALL_NONE : call_tree_site(t, i, NULL);
    struct heap_line *line = &lines[frame == CALL_NONE ? t->frame_count : frame];

    if (t->nodes[i].row == CALL_NONE)
      continue;
    line->frame = frame;
    line->node = CALL_NONE;
    line->stacks++;
    heap_row_add(&line->row, &t->rows[t->nodes[i].row], 1);
  }
  for (size_t i = 0; i <= t->frame_count; i++) {
    if (lines[i].stacks && !heap_row_empty(&lines[i].row))
      lines[kept++] = lines[i];
  }
  *count = kept;
  return in_order(r, lines, kept);
}

static void put_name(FILE *out, const char *text, char instead_of_semicolon)
{
  for (size_t n = strlen(text); n;) {
    const char *shown;
    size_t length, here = plain_next(text, n, &shown, &length);

    if (*shown == ';')
      shown = &instead_of_semicolon;
    fwrite(shown, 1, length, out);
    text += here;
    n -= here;
  }
}

void heap_frame_name(FILE *out, const struct symbol *f, char instead_of_semicolon)
{
  if (f->function) {
    put_name(out, f->function, instead_of_semicolon);
    return;
  }
  if (f->module) {
    put_name(out, f->module, instead_of_semicolon);
    putc('+', out);
  }
  fprintf(out, "0x%" PRIx64, f->address);
}

void heap_frame_print(FILE *out, const struct symbol *f)
{
  const char *slash = f->file ? strrchr(f->file, '/') : NULL;

  heap_frame_name(out, f, ';');
  if (!f->function)
    return;
  if (f->file) {
    fputs(" (", out);
    plain_puts(out, slash ? slash + 1 : f->file);
    if (f->line)
      fprintf(out, ":%u", f->line);
    putc(')', out);
  }
  if (f->module) {
    fputs(" in ", out);
    plain_puts(out, f->module);
  }
}
