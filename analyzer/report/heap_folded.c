/*
 * Call stacks as folded lines, "outermost;...;innermost value": what
 * flame-graph tools read.  Called by cmd/heap.c.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "reader/complain.h"
#include "reader/xalloc.h"
#include "report/heap_order.h"

struct path {
  uint32_t *node;
  size_t count, room;
};

static bool find_path(struct path *path, const struct call_tree *t, uint32_t node)
{
  for (path->count = 0; node != CALL_TREE_ROOT; node = t->nodes[node].parent) {
    if (path->count == path->room) {
      size_t room = path->room ? path->room * 2 : 256;
      uint32_t *more = xreallocarray(path->node, room, sizeof *more);

      if (!more)
        return false;
      path->node = more;
      path->room = room;
    }
    path->node[path->count++] = node;
  }
  return true;
}

int heap_folded(FILE *out, const struct heap_report *r)
{
  const struct call_tree *t = r->tree;
  struct path path = {0};
  bool good = true;

  for (uint32_t i = 0; good && i < t->node_count; i++) {
    const struct heap_row *row = t->nodes[i].row == CALL_NONE ? NULL : &t->rows[t->nodes[i].row];
    int64_t value = row && heap_row_tells(row, r->sort) ? row->v[r->sort] : 0;

    if (value <= 0) /* in a difference: what shrank has no place in a flame graph */
      continue;
    good = find_path(&path, t, i);
    for (size_t k = path.count; good && k-- > 0;) {
      heap_frame_name(out, &t->frames[t->nodes[path.node[k]].frame], ':');
      putc(k ? ';' : ' ', out);
    }
    if (good && !path.count)
      fputs("[unknown] ", out);
    if (good)
      fprintf(out, "%" PRId64 "\n", value);
  }
  free(path.node);
  if (!good)
    complain("out of memory");
  return good ? 0 : -1;
}
