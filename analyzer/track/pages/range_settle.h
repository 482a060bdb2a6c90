/*
 * Lists of changes of pages and of mappings (track/pages/process_picture.h), boiled
 * down to the latest state of each place.
 */
#ifndef VMTRACE_RANGE_SETTLE_H
#define VMTRACE_RANGE_SETTLE_H

#include "track/pages/page_range.h"

/* What each page has become, since when it has had its frame; what is gone leaves the list.  The list is sorted then.
 */
void range_list_settle_pages(struct range_list *list);
/* What is mapped at each place. */
void range_list_settle_vmas(struct range_list *list);

/* Makes to, which is empty, a copy of from. */
void range_list_copy(struct range_list *to, const struct range_list *from);

#endif
