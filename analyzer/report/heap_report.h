/*
 * The report of the heap in its shapes: a table of sites or of stacks, a tree,
 * folded lines, JSON.  All of them are views of one call tree.
 */
#ifndef VMTRACE_HEAP_REPORT_H
#define VMTRACE_HEAP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "output/style.h"
#include "query/heap/call_tree.h"
#include "report/heap_column.h"

struct format; /* output/output_format.h */

enum heap_shape { HEAP_SITES, HEAP_STACKS, HEAP_TREE, HEAP_TREE_INVERTED };

struct heap_report {
  const struct call_tree *tree;
  struct heap_process *const *processes; /* whose sum the tree is */
  size_t count;
  struct heap_process *const *before; /* a difference: what was taken off; else NULL */
  size_t before_count;
  struct heap_row totals; /* of the tree */
  enum heap_value sort;   /* --sort, and --weight of folded lines and trees */
  enum heap_shape shape;
  size_t top;          /* rows of a table, at most; 0: all, in trees too */
  const char *where;   /* an SQL expression over the columns of the table; NULL: all rows */
  const char *columns; /* which of them, in which order; NULL: as heap_view.h has it */
  struct style style;
};

/* Whether pages were seen in a process at least (in a difference, in all); else nothing is known about residence. */
bool heap_report_sampled(const struct heap_report *r);

/* The kernel's own count of resident bytes, of all processes whose pages were seen; false when it is not known of one.
 */
bool heap_report_rss(const struct heap_report *r, uint64_t *bytes);

/* What is resident beside what the stacks have, in bytes, of all processes. */
struct heap_parts {
  uint64_t rest[REST_COUNT], slack;
  uint64_t pages;   /* all resident pages, those of the stacks among them */
  uint64_t zero;    /* the kernel's zero page, not in pages */
  uint64_t hugetlb; /* pages of hugetlbfs, not in pages */
};
struct heap_parts heap_report_parts(const struct heap_report *r);

/* Each writes one report; 0, or -1 after one line on stderr. */
int heap_text(FILE *out, const struct heap_report *r);
/* Its table or, if the format or the shape asks for it, its graph of calls alone. */
int heap_format(FILE *out, const struct heap_report *r, const struct format *format);
/* An object; first and last say where it stands in an array of several (both: alone, no array). */
int heap_json(FILE *out, const struct heap_report *r, bool first, bool last);

#endif
