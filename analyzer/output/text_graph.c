/*
 * The tree of calls for people: from where threads begin inwards, or (inverted) from where memory is allocated
 * outwards.
 */
#include <stdlib.h>
#include <string.h>

#include "output/cell_text.h"
#include "output/text_graph.h"
#include "output/text_width.h"
#include "reader/plain_text.h"
#include "reader/xalloc.h"

#define SHOWN_PERMILLE 5 /* smaller branches are left out, unless all are asked for */
#define INDENT_MAX 40u
#define NAME_MIN 20u
#define NUMBER_WIDTH 11u

struct text_branch {
  size_t node;
  unsigned depth;
};

struct text_graph {
  FILE *out;
  const struct call_graph *g;
  const struct style *style;
  int64_t least;
  struct text_branch *waiting; /* the next one last */
  size_t count, room;
  size_t left_out;
};

static int64_t magnitude(int64_t n)
{
  return n < 0 ? -n : n;
}

static int compare_branches(const void *a, const void *b, void *graph)
{
  const struct call_graph *g = graph;
  const struct text_branch *x = a, *y = b;
  int64_t m = magnitude(g->nodes[x->node].sum), n = magnitude(g->nodes[y->node].sum);

  if (m != n)
    return m < n ? -1 : 1;
  return strcmp(g->nodes[y->node].detail, g->nodes[x->node].detail);
}

/* The branches of node, the largest on top. */
static void push_branches(struct text_graph *x, size_t node, unsigned depth)
{
  const struct call_graph_node *nodes = x->g->nodes;
  size_t from = x->count;

  for (size_t child = nodes[node].child; child != CALL_GRAPH_NONE; child = nodes[child].sibling) {
    if (!nodes[child].sum || magnitude(nodes[child].sum) < x->least) {
      x->left_out++;
      continue;
    }
    x->waiting = xgrow(x->waiting, x->count, &x->room, sizeof *x->waiting);
    x->waiting[x->count++] = (struct text_branch){child, depth};
  }
  if (x->count > from)
    qsort_r(x->waiting + from, x->count - from, sizeof *x->waiting, compare_branches, (void *)x->g);
}

static void put_branch(struct text_graph *x, const struct text_branch *b)
{
  const struct call_graph_node *node = &x->g->nodes[b->node];
  int64_t total = x->g->nodes[CALL_GRAPH_ROOT].sum;
  struct cell_view view = {&x->g->measure, NULL, x->g->is_difference, x->style};
  char *number = cell_text(&view, (union cell){.number = node->sum});
  char *name = plain_dup(node->detail, strlen(node->detail));
  unsigned indent = b->depth < INDENT_MAX ? b->depth : INDENT_MAX, taken = NUMBER_WIDTH + 10 + indent;
  unsigned room = x->style->width > taken + NAME_MIN ? x->style->width - taken : NAME_MIN;

  fprintf(x->out, "%*s  ", (int)NUMBER_WIDTH, number);
  if (total && !x->g->is_difference)
    fprintf(x->out, "%5.1f%%  ", 100 * (double)node->sum / (double)total);
  fprintf(x->out, "%*s", (int)indent, "");
  text_put_cut(x->out, name, x->style->width ? room : UINT32_MAX);
  putc('\n', x->out);
  free(number);
  free(name);
}

int text_graph(FILE *out, const struct call_graph *g, const struct style *style)
{
  struct text_graph x = {.out = out, .g = g, .style = style};

  x.least = style->whole ? 0 : magnitude(g->nodes[CALL_GRAPH_ROOT].sum) / 1000 * SHOWN_PERMILLE;
  fprintf(out, "%s%*s  %s%s%s\n", style->colour ? "\033[1m" : "", (int)NUMBER_WIDTH, g->measure.heading,
          g->is_difference ? "" : " SHARE  ",
          g->inverted ? "CALL TREE, FROM WHERE MEMORY IS ALLOCATED" : "CALL TREE, FROM THE ROOT",
          style->colour ? "\033[0m" : "");
  push_branches(&x, CALL_GRAPH_ROOT, 0);
  while (x.count) {
    struct text_branch b = x.waiting[--x.count];

    put_branch(&x, &b);
    push_branches(&x, b.node, b.depth + 1);
  }
  if (x.left_out && !style->whole)
    fprintf(out, "%zu branches of less than %.1f%% each are left out (--all shows them)\n", x.left_out,
            SHOWN_PERMILLE / 10.0);
  free(x.waiting);
  return ferror(out) ? -1 : 0;
}
