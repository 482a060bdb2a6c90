/*
 * See call_graph.h.
 */
#include "output/call_graph.h"

#include <stdlib.h>
#include <string.h>

#include "query/stack_text.h"
#include "reader/hash.h"
#include "reader/xalloc.h"

/* Finds a node by parent and detail (which is one pointer for one text). */
struct call_graph_slot {
  UT_hash_handle hh;
  struct {
    size_t parent;
    const char *detail;
  } key;
  size_t node;
};

struct call_graph *call_graph_new(const char *title, struct column measure)
{
  struct call_graph *g = xcalloc(1, sizeof *g);

  g->measure = measure;
  g->texts = table_new("texts", &measure, 1);
  g->title = table_text(g->texts, title);
  g->nodes = xgrow(NULL, 0, &g->room, sizeof *g->nodes);
  g->nodes[g->count++] = (struct call_graph_node){
      .name = "all", .detail = "all", .parent = CALL_GRAPH_NONE, .child = CALL_GRAPH_NONE, .sibling = CALL_GRAPH_NONE};
  return g;
}

void call_graph_free(struct call_graph *g)
{
  struct call_graph_slot *slot, *next;

  if (!g)
    return;
  HASH_ITER(hh, g->slots, slot, next)
  {
    HASH_DEL(g->slots, slot);
    free(slot);
  }
  table_free(g->texts);
  free(g->nodes);
  free(g);
}

size_t call_graph_child(struct call_graph *g, size_t parent, const char *name, const char *detail)
{
  struct call_graph_slot *slot, wanted = {.key = {parent, table_text(g->texts, detail)}};

  HASH_FIND(hh, g->slots, &wanted.key, sizeof wanted.key, slot);
  if (slot)
    return slot->node;
  slot = xcalloc(1, sizeof *slot);
  slot->key = wanted.key;
  slot->node = call_graph_append(g, parent, name, detail);
  HASH_ADD(hh, g->slots, key, sizeof slot->key, slot);
  return slot->node;
}

size_t call_graph_append(struct call_graph *g, size_t parent, const char *name, const char *detail)
{
  g->nodes = xgrow(g->nodes, g->count, &g->room, sizeof *g->nodes);
  g->nodes[g->count] = (struct call_graph_node){.name = table_text(g->texts, name),
                                                .detail = table_text(g->texts, detail),
                                                .parent = parent,
                                                .child = CALL_GRAPH_NONE,
                                                .sibling = g->nodes[parent].child};
  g->nodes[parent].child = g->count;
  return g->count++;
}

static int compare_names(const void *a, const void *b, void *graph)
{
  const struct call_graph *g = graph;
  size_t x = *(const size_t *)a, y = *(const size_t *)b;
  int order = strcmp(g->nodes[x].name, g->nodes[y].name);

  if (!order)
    order = strcmp(g->nodes[x].detail, g->nodes[y].detail);
  return order ? order : (x > y) - (x < y);
}

/* order has room for all nodes. */
static void sort_children(struct call_graph *g, size_t node, size_t *order)
{
  size_t n = 0;

  for (size_t child = g->nodes[node].child; child != CALL_GRAPH_NONE; child = g->nodes[child].sibling)
    order[n++] = child;
  if (n < 2)
    return;
  qsort_r(order, n, sizeof *order, compare_names, g);
  g->nodes[node].child = order[0];
  for (size_t i = 0; i < n; i++)
    g->nodes[order[i]].sibling = i + 1 < n ? order[i + 1] : CALL_GRAPH_NONE;
}

void call_graph_finish(struct call_graph *g)
{
  size_t *order = xcalloc(g->count, sizeof *order);

  for (size_t i = 0; i < g->count; i++)
    g->nodes[i].sum = g->nodes[i].self;
  for (size_t i = g->count; i-- > 1;) /* a node comes before all below it */
    g->nodes[g->nodes[i].parent].sum += g->nodes[i].sum;
  for (size_t i = 0; i < g->count; i++)
    sort_children(g, i, order);
  free(order);
}

static size_t graph_stack(struct call_graph *g, const struct symbol **frames, unsigned count, bool inverted)
{
  size_t node = CALL_GRAPH_ROOT;

  for (unsigned i = 0; i < count; i++) {
    const struct symbol *frame = frames[inverted ? i : count - 1 - i];
    char *name = frame_function(frame), *detail = frame_text(frame);

    node = call_graph_child(g, node, name, detail);
    free(name);
    free(detail);
  }
  return count ? node : call_graph_child(g, node, "[unknown]", "[unknown]");
}

struct call_graph *call_graph_of_table(const struct table *t, const char *title, unsigned stack, unsigned measure,
                                       bool inverted)
{
  struct call_graph *g = call_graph_new(title, t->columns[measure]);
  const struct symbol **frames = xcalloc(STACK_FRAMES_MAX, sizeof *frames);

  g->inverted = inverted;
  for (size_t i = 0; i < t->count; i++) {
    const union cell *row = table_row(t, i);
    unsigned count = 0;

    if (row[measure].number == CELL_UNKNOWN || !row[measure].number)
      continue;
    if (t->stacks && row[stack].number != CELL_UNKNOWN)
      count = t->stacks->frames(t->stacks->arg, row[stack].number, frames, STACK_FRAMES_MAX);
    count = count > STACK_FRAMES_MAX ? STACK_FRAMES_MAX : count;
    call_graph_add(g, graph_stack(g, frames, count, inverted), row[measure].number);
  }
  free(frames);
  call_graph_finish(g);
  return g;
}
