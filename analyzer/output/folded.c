/*
 * Folded lines, "outermost;...;innermost value": what flame-graph tools read.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "output/formats.h"
#include "reader/plain_text.h"
#include "reader/xalloc.h"

/* A ';' ends a frame, so that one in a name (of D, of lambdas) becomes a ':'. */
static void folded_name(FILE *out, const char *name)
{
  char *clean = plain_dup(name, strlen(name));

  for (char *p = clean; (p = strchr(p, ';'));)
    *p = ':';
  fputs(clean, out);
  free(clean);
}

static int folded_graph(FILE *out, const struct call_graph *g, const struct style *style)
{
  size_t *path = xcalloc(g->count, sizeof *path);

  (void)style;
  for (size_t i = 1; i < g->count; i++) {
    size_t depth = 0;

    if (g->nodes[i].self <= 0) /* in a difference: what shrank has no place in a flame graph */
      continue;
    for (size_t node = i; node != CALL_GRAPH_ROOT; node = g->nodes[node].parent)
      path[depth++] = node;
    while (depth-- > 0) {
      folded_name(out, g->nodes[path[depth]].name);
      putc(depth ? ';' : ' ', out);
    }
    fprintf(out, "%" PRId64 "\n", g->nodes[i].self);
  }
  free(path);
  return ferror(out) ? -1 : 0;
}

const struct format format_folded = {
    .name = "folded",
    .ending = ".folded",
    .meaning = "call stacks for flame-graph tools",
    .graph = folded_graph,
};
