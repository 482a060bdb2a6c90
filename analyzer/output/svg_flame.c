/*
 * A flame graph: a box for each frame, as wide as what its stacks have, on top of who called it.
 * What a box stands for is in its tooltip.
 */
#include <stdlib.h>
#include <string.h>

#include "output/cell_text.h"
#include "output/svg.h"
#include "reader/xalloc.h"

#define ROW 17 /* pixels of height */
#define MARGIN 10
#define HEAD 40
#define BOX_MIN 0.25 /* pixels: what is narrower is left out */
#define LETTER 6.2   /* pixels of width, on average, at the size of the labels */
#define LABEL_MIN 3  /* letters */

struct flame {
  FILE *out;
  const struct call_graph *g;
  const struct style *style;
  double scale;    /* pixels per unit */
  unsigned levels; /* that are drawn, the root's included */
  double *x;       /* per node: where its box begins; < 0: not drawn */
  unsigned *depth;
};

/* Lays out all boxes: a node comes before those below it. */
static void flame_place(struct flame *f)
{
  const struct call_graph_node *nodes = f->g->nodes;

  for (size_t i = 1; i < f->g->count; i++)
    f->x[i] = -1;
  f->x[CALL_GRAPH_ROOT] = MARGIN;
  for (size_t i = 0; i < f->g->count; i++) {
    double x = f->x[i];

    if (x < 0)
      continue;
    if (f->depth[i] + 1 > f->levels)
      f->levels = f->depth[i] + 1;
    for (size_t child = nodes[i].child; child != CALL_GRAPH_NONE; child = nodes[child].sibling) {
      double width = (double)nodes[child].sum * f->scale;

      f->depth[child] = f->depth[i] + 1;
      if (width >= BOX_MIN)
        f->x[child] = x;
      x += width > 0 ? width : 0;
    }
  }
}

/* Warm, and the same for the same name in every figure. */
static void flame_colour(FILE *out, const char *name)
{
  uint32_t hash = 2166136261u;

  for (; *name; name++)
    hash = (hash ^ (unsigned char)*name) * 16777619u;
  hash ^= hash >> 15;
  fprintf(out, "#%02x%02x%02x", 225u + hash % 30, 120u + hash / 30 % 100, 60u + hash / 3000 % 40);
}

static void flame_box(const struct flame *f, size_t i)
{
  const struct call_graph_node *node = &f->g->nodes[i];
  double width = (double)node->sum * f->scale, share = 100 * width / (SVG_WIDTH - 2 * MARGIN);
  unsigned y = HEAD + (f->levels - 1 - f->depth[i]) * ROW, letters = (unsigned)(width > 6 ? (width - 6) / LETTER : 0);
  struct cell_view view = {&f->g->measure, NULL, false, f->style};
  char *sum = cell_text(&view, (union cell){.number = node->sum});
  char *self = cell_text(&view, (union cell){.number = node->self});

  fputs("<g><title>", f->out);
  svg_put(f->out, node->detail);
  fprintf(f->out, ": %s, %.1f%%", sum, share);
  if (node->self && node->self != node->sum)
    fprintf(f->out, "; of its own %s", self);
  fprintf(f->out, "</title><rect x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%d\" rx=\"1\" fill=\"", f->x[i], y, width,
          ROW - 1);
  flame_colour(f->out, node->name);
  fputs("\"/>", f->out);
  if (letters >= LABEL_MIN) {
    fprintf(f->out, "<text x=\"%.2f\" y=\"%u\">", f->x[i] + 3, y + ROW - 5);
    svg_put_cut(f->out, node->name, letters);
    fputs("</text>", f->out);
  }
  fputs("</g>\n", f->out);
  free(sum);
  free(self);
}

int svg_flame(FILE *out, const struct call_graph *g, const struct style *style)
{
  struct flame f = {.out = out, .g = g, .style = style};
  int64_t total = g->nodes[CALL_GRAPH_ROOT].sum;
  struct cell_view view = {&g->measure, NULL, false, style};
  char *sum = cell_text(&view, (union cell){.number = total});

  f.scale = total > 0 ? (SVG_WIDTH - 2.0 * MARGIN) / (double)total : 0;
  f.x = xcalloc(g->count, sizeof *f.x);
  f.depth = xcalloc(g->count, sizeof *f.depth);
  flame_place(&f);
  svg_begin(out, HEAD + f.levels * ROW + MARGIN, g->title);
  fprintf(out, "<text x=\"%d\" y=\"24\" font-size=\"15\">", MARGIN);
  svg_put_cut(out, g->title, 100);
  fprintf(out, ", %s</text>\n<g font-size=\"11\" stroke-width=\"0\">\n", sum);
  for (size_t i = 0; i < g->count; i++) {
    if (f.x[i] >= 0)
      flame_box(&f, i);
  }
  fputs("</g>\n", out);
  svg_end(out);
  free(sum);
  free(f.x);
  free(f.depth);
  return ferror(out) ? -1 : 0;
}
