/*
 * What the parts of the page report share.  For report/pages_*.c only.
 */
#ifndef VMTRACE_PAGES_PARTS_H
#define VMTRACE_PAGES_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "query/verdict/page_set.h"
#include "report/pages_report.h"

/* How many pages got which verdict. */
struct pages_tally {
  uint64_t verdicts[VERDICT_COUNT];
  uint64_t total;
};
void pages_tally_add(struct pages_tally *tally, const struct page_run *run);

/* What a page belongs to, in a word or two: "heap", "stack", "libc.so.6", "anonymous".  Lives as long as the set. */
const char *pages_label(const struct page_set *set, const struct page_run *run);
/* Whether the program's own allocations are there. */
bool pages_is_heap(const struct page_set *set, const struct page_run *run);
/* The run's last sighting of a process, NULL: it has none. */
const struct sighting *pages_current(const struct page_run *run, uint32_t process);

/* The columns of the table: a process each as long as they fit, else one for all. */
#define PAGES_COLUMNS_MAX 5

/* The table of pages: address, what, frames, verdict. */
int pages_table(FILE *out, const struct page_set *set, const struct pages_view *view);

/* The table of frames that stand at different addresses; nothing when there are none. */
int pages_elsewhere_table(FILE *out, const struct page_set *set, const struct pages_view *view);

/* The time table of each watched value; nothing when none is watched. */
int pages_values_table(FILE *out, const struct page_set *set);

/* The marks of each process; nothing when there are none. */
void pages_marks_list(FILE *out, const struct page_set *set);

#endif
