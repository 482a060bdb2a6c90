/*
 * The frames that call stacks consist of, by call stack id.
 */
#ifndef VMTRACE_STACK_NODES_H
#define VMTRACE_STACK_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "reader/reader.h"
#include "track/id_table.h"

/* One frame of a call stack, on top of the stack parent. */
struct stack_node {
  uint64_t pc;
  uint64_t time_ns; /* when it was met: decides which module pc was in */
  uint32_t parent;  /* below VT_STACK_FIRST: enum vt_stack_root */
  bool known;
};

/*
 * Call stacks that a process has from the one that it was forked from are
 * numbered from here on; the first VT_STACK_FIRST of them are inherited blocks without a whole stack.
 */
#define STACK_INHERITED (ID_TABLE_LIMIT / 2)

/* Takes up a STACK_NODE into a table of struct stack_node; what cannot be true is left out. */
static inline void stack_nodes_add(struct id_table *nodes, const struct event *e)
{
  struct stack_node *node = e->field[0] >= VT_STACK_FIRST && e->field[0] < STACK_INHERITED
                                ? id_table_make(nodes, (uint32_t)e->field[0])
                                : NULL;

  if (!node)
    return;
  *node = (struct stack_node){.pc = e->field[2],
                              .time_ns = e->time_ns,
                              .parent = e->field[1] < STACK_INHERITED ? (uint32_t)e->field[1] : VT_STACK_BROKEN,
                              .known = true};
}

#endif
