/*
 * The report of the heap as what formats put out: a table of sites or of stacks, a graph of calls.
 */
#ifndef VMTRACE_HEAP_VIEW_H
#define VMTRACE_HEAP_VIEW_H

#include "output/call_graph.h"
#include "query/table.h"
#include "report/heap_report.h"

/* Sites or stacks in the order of the report's column: that column first, then those that most questions are about, the
 * others hidden.  r->where, r->top and r->columns are applied.  NULL after one line on stderr. */
struct table *heap_view_table(const struct heap_report *r);

/* The tree of calls, weighed by the report's column. */
struct call_graph *heap_view_graph(const struct heap_report *r);

/* Whether an expression and a list of columns hold for such tables (NULL: not given); false after one line on stderr.
 */
bool heap_view_holds(enum heap_shape shape, const char *where, const char *columns);

#endif
