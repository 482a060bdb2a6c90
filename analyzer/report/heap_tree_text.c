/*
 * The call tree for people: from the root downwards, or (inverted) from the
 * innermost frames outwards.  Called by report/heap_text.c.
 */
#include <stdlib.h>

#include "reader/xalloc.h"
#include "report/heap_order.h"

#define SHOWN_PERMILLE 5 /* smaller branches are left out, unless all are asked for */
#define DEPTH_MAX 200    /* of indentation */

struct branch {
  uint32_t node;
  uint32_t depth;
};

struct printing {
  FILE *out;
  const struct heap_report *r;
  const struct call_tree *tree;
  const struct heap_row *sums;
  int64_t least;        /* of the report's column: branches with less are left out */
  struct branch *stack; /* what is to be printed, next one last */
  size_t count, room;
  size_t left_out;
};

static int64_t size_of(const struct printing *p, uint32_t node)
{
  int64_t value = p->sums[node].v[p->r->sort];

  return value < 0 ? -value : value;
}

static int compare_branches(const void *a, const void *b, void *printing)
{
  const struct printing *p = printing;
  const struct branch *x = a, *y = b;
  int order = -heap_row_compare(p->r, &p->sums[x->node], &p->sums[y->node]);

  return order ? order : (x->node < y->node) - (x->node > y->node);
}

static int push(struct printing *p, uint32_t node, uint32_t depth)
{
  if (p->count == p->room) {
    size_t room = p->room ? p->room * 2 : 256;
    struct branch *stack = xreallocarray(p->stack, room, sizeof *stack);

    if (!stack)
      return -1;
    p->stack = stack;
    p->room = room;
  }
  p->stack[p->count++] = (struct branch){node, depth};
  return 0;
}

/* The children of node, the largest on top of the stack. */
static int push_children(struct printing *p, uint32_t node, uint32_t depth)
{
  size_t from = p->count;

  for (uint32_t child = p->tree->nodes[node].child; child != CALL_NONE; child = p->tree->nodes[child].sibling) {
    if (size_of(p, child) < p->least || !size_of(p, child))
      p->left_out++;
    else if (push(p, child, depth < DEPTH_MAX ? depth : DEPTH_MAX) < 0)
      return -1;
  }
  if (p->count > from)
    qsort_r(p->stack + from, p->count - from, sizeof *p->stack, compare_branches, p);
  return 0;
}

static void print_branch(const struct printing *p, const struct branch *b)
{
  enum heap_value sort = p->r->sort;
  int64_t value = p->sums[b->node].v[sort], total = p->sums[CALL_TREE_ROOT].v[sort];
  char cell[HEAP_CELL_MAX];

  fprintf(p->out, "%11s", heap_row_cell(cell, sort, &p->sums[b->node], p->r->before != NULL));
  if (total && !p->r->before && heap_row_tells(&p->sums[CALL_TREE_ROOT], sort))
    fprintf(p->out, "  %5.1f%%", 100 * (double)value / (double)total);
  fprintf(p->out, "  %*s", (int)b->depth, "");
  heap_frame_print(p->out, &p->tree->frames[p->tree->nodes[b->node].frame]);
  putc('\n', p->out);
}

static int print_tree(struct printing *p)
{
  if (push_children(p, CALL_TREE_ROOT, 0) < 0)
    return -1;
  while (p->count) {
    struct branch b = p->stack[--p->count];

    print_branch(p, &b);
    if (push_children(p, b.node, b.depth + 1) < 0)
      return -1;
  }
  return 0;
}

int heap_tree_text(FILE *out, const struct heap_report *r)
{
  struct call_tree inverted = {0};
  struct printing p = {.out = out, .r = r, .tree = r->tree};
  struct heap_row *sums;
  int64_t total;
  int result;

  if (r->shape == HEAP_TREE_INVERTED) {
    if (!call_tree_invert(&inverted, r->tree))
      return -1;
    p.tree = &inverted;
  }
  p.sums = sums = call_tree_sums(p.tree);
  if (!sums) {
    call_tree_release(&inverted);
    return -1;
  }
  total = size_of(&p, CALL_TREE_ROOT);
  p.least = r->top ? total / 1000 * SHOWN_PERMILLE : 0;
  fprintf(out, "%s%11s  %s%s\n", r->colour ? "\033[1m" : "", heap_column(r->sort)->heading,
          r->shape == HEAP_TREE ? "CALL TREE, FROM THE ROOT" : "CALL TREE, FROM WHERE MEMORY IS ALLOCATED",
          r->colour ? "\033[0m" : "");
  result = print_tree(&p);
  if (!result && p.left_out && r->top)
    fprintf(out, "%zu branches of less than %.1f%% each are left out (--all shows them)\n", p.left_out,
            SHOWN_PERMILLE / 10.0);
  free(p.stack);
  free(sums);
  call_tree_release(&inverted);
  return result;
}
