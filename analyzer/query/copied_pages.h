/*
 * Copy-on-write, seen from the child of a fork.
 */
#ifndef VMTRACE_COPIED_PAGES_H
#define VMTRACE_COPIED_PAGES_H

#include <stdint.h>

#include "track/trackers.h"

/*
 * How many pages a process had then on frames of its own that at its fork were its parent's too: pages of anonymous
 * memory that its parent had, on a frame that the parent had neither in the sample before the fork nor in the one
 * after.  INT64_MIN: it was not forked, the parent's trace is not here or has no samples, or frame numbers are hidden.
 */
int64_t copied_pages(const struct page_states *states, const struct pages_then *then);

#endif
