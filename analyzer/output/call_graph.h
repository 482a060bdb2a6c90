/*
 * Call stacks with one measure, as a tree of named frames: what flame graphs and folded lines show.
 */
#ifndef VMTRACE_CALL_GRAPH_H
#define VMTRACE_CALL_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "query/table.h"

#define CALL_GRAPH_ROOT ((size_t)0)
#define CALL_GRAPH_NONE SIZE_MAX

struct call_graph_node {
  const char *name;              /* function */
  const char *detail;            /* "function (file.c:12) in module" */
  size_t parent, child, sibling; /* CALL_GRAPH_NONE: none */
  int64_t self;                  /* of stacks that end here */
  int64_t sum;                   /* with all below; after call_graph_finish */
};

struct call_graph {
  const char *title;     /* "Live bytes of 4711 ./prog" */
  struct column measure; /* what the numbers are */
  bool is_difference;    /* they may be negative, and shares of them mean nothing */
  bool inverted;         /* the first level is where memory is allocated; else where threads begin */
  struct call_graph_node *nodes;
  size_t count, room;
  struct table *texts; /* each name once */
  struct call_graph_slot *slots;
};

struct call_graph *call_graph_new(const char *title, struct column measure);
void call_graph_free(struct call_graph *g);

/* The node of that frame (what tells two apart is detail) below parent, made if need be; or made in any case, by a
 * caller who knows that it is new. */
size_t call_graph_child(struct call_graph *g, size_t parent, const char *name, const char *detail);
size_t call_graph_append(struct call_graph *g, size_t parent, const char *name, const char *detail);

static inline void call_graph_add(struct call_graph *g, size_t node, int64_t value)
{
  g->nodes[node].self += value;
}

/* After the last: sums, and children in the order of their names, so that flame graphs of different runs look alike. */
void call_graph_finish(struct call_graph *g);

/* The stacks of a table: a column of them and one that measures.  Rows that do not know the measure are left out. */
struct call_graph *call_graph_of_table(const struct table *t, const char *title, unsigned stack, unsigned measure,
                                       bool inverted);

#endif
