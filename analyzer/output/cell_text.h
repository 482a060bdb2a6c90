/*
 * Cells as people read them.
 */
#ifndef VMTRACE_CELL_TEXT_H
#define VMTRACE_CELL_TEXT_H

#include "output/style.h"
#include "query/relation.h"

/* What of a table a cell is shown with. */
struct cell_view {
  const struct column *column;
  const struct stack_names *stacks;
  bool is_difference;
  const struct style *style;
};

/* "12.3 MiB", "24,113", "0x200000", a name: clean text for a terminal, "-" for what is not known.  To be freed. */
char *cell_text(const struct cell_view *view, union cell cell);

/* The frames of a stack, innermost first, each as such a text: an array of *count texts (one at least), all to be
 * freed. */
char **cell_frames(const struct stack_names *stacks, int64_t stack, unsigned *count);

/* Whether cells of that kind stand at the right of their column. */
bool cell_is_right(enum column_kind kind);

#endif
