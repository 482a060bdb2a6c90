/*
 * Call stacks of any number of processes as one tree of named frames, with a
 * row of numbers for each stack.  Stacks that read the same are the same, in
 * whatever process and at whatever address they were.
 */
#ifndef VMTRACE_CALL_TREE_H
#define VMTRACE_CALL_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "query/heap/heap_process.h"
#include "query/heap/heap_rows.h"
#include "symbols/symbols.h"

#define CALL_TREE_ROOT 0u
#define CALL_NONE UINT32_MAX
#define CALL_DEPTH_MAX 1024u /* frames of a stack that are shown: the library keeps no more (VMTRACE_STACK) */

struct call_node {
  uint32_t frame;  /* index into frames; the root has none */
  uint32_t parent; /* its caller */
  uint32_t child;  /* the first one; CALL_NONE: none */
  uint32_t sibling;
  uint32_t row;   /* index into rows, for stacks that end here; CALL_NONE: no stack does */
  uint32_t depth; /* frames from the root to it */
};

/* What makes two frames one. */
enum call_merge {
  CALL_BY_LINE,    /* function, file, line */
  CALL_BY_FUNCTION /* function: to compare builds whose lines differ */
};

/* Of the hash table of nodes; the root, which is nobody's callee, marks an empty one. */
struct call_slot {
  uint32_t node, tag; /* tag: more of the hash, so that few nodes are looked at in vain */
};

/* A symbol whose frame was looked up, by its address. */
#define CALL_KNOWN_BITS 15
struct call_known {
  const struct symbol *symbol;
  uint32_t frame;
};

struct call_tree {
  enum call_merge merge;
  bool innermost;          /* sites are the innermost frames, wrappers or not */
  struct symbols *symbols; /* the caller's; owns the strings */
  struct symbol *frames;
  size_t frame_count, frame_room;
  struct call_node *nodes;
  size_t node_count, node_room;
  struct heap_row *rows;
  size_t row_count, row_room;
  uint32_t *frame_slots; /* a hash table of indices + 1 */
  struct call_slot *node_slots;
  size_t frame_mask, node_mask;
  struct call_known *known;
};

/* False when out of memory. */
bool call_tree_init(struct call_tree *t, struct symbols *symbols, enum call_merge merge);
void call_tree_release(struct call_tree *t);

/* Adds all stacks of a process, their numbers times factor.  False when out of memory. */
bool call_tree_add(struct call_tree *t, const struct heap_process *p, enum heap_scope scope, int factor);

/* The node of frame called from parent, made if need be; CALL_NONE when out of memory.  And its row. */
uint32_t call_tree_child(struct call_tree *t, uint32_t parent, uint32_t frame);
struct heap_row *call_tree_row(struct call_tree *t, uint32_t node);

/* The frame that a report names for a stack: the innermost that is not an allocator's or a container's; CALL_NONE for
 * the root.  *depth (may be NULL): how many frames are further in. */
uint32_t call_tree_site(const struct call_tree *t, uint32_t node, unsigned *depth);

/* The same stacks from the leaf: the first level is the innermost frames.  False when out of memory. */
bool call_tree_invert(struct call_tree *to, const struct call_tree *from);

/* The sums over each node and all below it, one row per node; the caller frees it.  NULL: out of memory. */
struct heap_row *call_tree_sums(const struct call_tree *t);

#endif
