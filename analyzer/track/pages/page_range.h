/*
 * Ranges of pages (or of frames) that change over time, and the sweep that
 * walks many lists of them side by side.  This is what keeps the page report
 * compact: a million pages that never changed are one range.
 *
 * Knows nothing of what a value means.
 */
#ifndef VMTRACE_PAGE_RANGE_H
#define VMTRACE_PAGE_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [start, start + count) took on value in the sample of that number.  start + count never overflows. */
struct range {
  uint64_t start;
  uint64_t value;
  uint32_t count;
  uint32_t sample;
};

/* All zero is an empty list. */
struct range_list {
  struct range *items;
  size_t count, room;
};

/* Appends.  0, or -1 when memory is exhausted (nothing changed). */
int range_list_add(struct range_list *list, struct range range);
/* By start, then by sample, then by the remaining fields. */
void range_list_sort(struct range_list *list);
void range_list_free(struct range_list *list);

/*
 * One step of a sweep: [start, start + count) lies wholly inside or outside
 * every range of every lane.  lanes names, ascending, the lanes that have
 * ranges here.
 */
struct segment {
  uint64_t start, count;
  const uint32_t *lanes;
  size_t lane_count;
};

struct sweep;

/* Sweeps over lane_count sorted lists, which must outlive the sweep.  NULL: out of memory. */
struct sweep *sweep_new(const struct range_list *const *lists, size_t lane_count);
void sweep_free(struct sweep *sweep);

/* The next segment that any range covers, in ascending order: 1; 0 at the end; -1 when memory is exhausted. */
int sweep_next(struct sweep *sweep, struct segment *segment);

/* The ranges of a lane over the present segment, by sample.  Valid until the next step. */
const struct range *const *sweep_ranges(const struct sweep *sweep, uint32_t lane, size_t *count);

#endif
