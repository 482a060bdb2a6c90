/*
 * The numbers of a process and of each of its call stacks, as rows.
 */
#ifndef VMTRACE_HEAP_ROWS_H
#define VMTRACE_HEAP_ROWS_H

#include "query/heap/heap_process.h"
#include "query/heap/heap_values.h"

/* What a process's numbers are taken for. */
enum heap_scope {
  HEAP_WHOLE_RUN, /* counts of the whole run, live and resident at the moment */
  HEAP_UNTIL_THEN /* all as at the moment: for differences between moments */
};

/* The first call stack id at or after id that may have numbers; ID_TABLE_LIMIT at the end. */
uint32_t heap_process_stack(const struct heap_process *p, uint32_t id);

void heap_process_row(const struct heap_process *p, enum heap_scope scope, uint32_t id, struct heap_row *row);

/* All stacks together. */
void heap_process_totals(const struct heap_process *p, enum heap_scope scope, struct heap_row *row);

#endif
