/*
 * Which columns of a table a terminal has room for, and how wide each is.
 */
#ifndef VMTRACE_TEXT_LAYOUT_H
#define VMTRACE_TEXT_LAYOUT_H

#include "output/style.h"
#include "query/table.h"

#define LAYOUT_GAP 2 /* blanks between two columns */

struct text_column {
  unsigned column; /* of the table */
  unsigned width;
  unsigned natural; /* what its longest cell takes */
  bool right;
  bool gives; /* a text that may be cut */
  bool wide;  /* COLUMN_WIDE */
};

struct text_layout {
  struct text_column *shown; /* in order */
  unsigned count;
  unsigned *left_out; /* columns for which there was no room */
  unsigned left_out_count;
  unsigned label; /* the place in shown of the text that a sum is labelled in; count: none */
};

/*
 * A table that does not fit loses columns, those of the highest priority number first; then its texts are cut, the
 * longest first.  What must stay is never cut below LAYOUT_TEXT_MIN, even if lines then are too long.
 */
#define LAYOUT_TEXT_MIN 12 /* columns of a text that is cut */
#define LAYOUT_TEXT_GOOD                                                                                               \
  28 /* columns of a text for which other columns give way: so many, or a third of the line, or, if it is wide, half   \
        of it */

void text_layout_make(struct text_layout *l, const struct table *t, const struct style *style);
void text_layout_release(struct text_layout *l);

/* Per row, what stands before the tree column's text: "│ ├─"; to be freed with text_tree_free. */
char **text_tree_lines(const struct table *t);
void text_tree_free(char **lines, size_t count);

#endif
