/*
 * See copied_pages.h.
 */
#include "query/copied_pages.h"

#include "track/pages/page_range.h"
#include "track/pages/process_picture.h"

enum { LANE_NOW, LANE_BEFORE, LANE_AFTER, LANES };

/* The state of a segment's pages in one of the lists, and its first frame; false: none of its own kind. */
struct anonymous {
  bool there;
  uint64_t pfn; /* 0: hidden */
};

static struct anonymous anonymous_at(const struct sweep *sweep, uint32_t lane, const struct segment *segment)
{
  size_t n;
  const struct range *const *ranges = sweep_ranges(sweep, lane, &n);
  const struct range *r = n ? ranges[n - 1] : NULL;
  uint32_t state = r ? PICTURE_STATE(r->value) : 0;
  uint64_t pfn = r ? PICTURE_PFN(r->value) : 0;

  if ((state & (VT_PG_PRESENT | VT_PG_FILE | VT_PG_ZERO | VT_PG_KSM)) != VT_PG_PRESENT)
    return (struct anonymous){false, 0};
  return (struct anonymous){true, pfn ? pfn + (segment->start - r->start) : 0};
}

int64_t copied_pages(const struct page_states *states, const struct pages_then *then)
{
  const struct pages_inherited *from = page_states_inherited(states);
  const struct range_list *const lists[LANES] = {&then->pages, &from->before, &from->after};
  struct sweep *sweep;
  struct segment segment;
  int64_t copied = 0;

  if (!from->known)
    return INT64_MIN;
  sweep = sweep_new(lists, LANES);
  while (copied != INT64_MIN && sweep_next(sweep, &segment) > 0) {
    struct anonymous now = anonymous_at(sweep, LANE_NOW, &segment);
    struct anonymous before = anonymous_at(sweep, LANE_BEFORE, &segment);
    struct anonymous after = anonymous_at(sweep, LANE_AFTER, &segment);

    if (!now.there || (!before.there && !after.there))
      continue;
    if (!now.pfn || (before.there && !before.pfn) || (after.there && !after.pfn))
      copied = INT64_MIN;
    else if (now.pfn != before.pfn && now.pfn != after.pfn)
      copied += (int64_t)segment.count;
  }
  sweep_free(sweep);
  return copied;
}
