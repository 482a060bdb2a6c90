/*
 * Lists of changes, boiled down to what each place has become.  See
 * range_settle.h.  Called by track/pages/pages_tracker.c now and then.
 */
#include "track/pages/range_settle.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"
#include "track/pages/process_picture.h"

/* Since which of the ranges over one page its last frame has been there without a break. */
static const struct range *tenure_begin(const struct range *const *ranges, size_t count, uint64_t page)
{
  size_t i = count - 1;
  uint64_t pfn = PICTURE_PFN(ranges[i]->value) + page - ranges[i]->start;

  if (!PICTURE_PFN(ranges[i]->value))
    return ranges[i];
  while (i && PICTURE_PFN(ranges[i - 1]->value) &&
         PICTURE_PFN(ranges[i - 1]->value) + page - ranges[i - 1]->start == pfn)
    i--;
  return ranges[i];
}

/* The last state of one piece of a list; false when nothing is there any more. */
static bool last_state(const struct range *const *ranges, size_t count, const struct segment *segment, bool pages,
                       struct range *state)
{
  const struct range *last = ranges[count - 1];

  if (pages ? !PICTURE_STATE(last->value) : last->value == PICTURE_NO_VMA)
    return false;
  *state = *last;
  state->start = segment->start;
  state->count = (uint32_t)segment->count;
  if (pages && PICTURE_PFN(last->value))
    state->value = PICTURE_VALUE(PICTURE_STATE(last->value), PICTURE_PFN(last->value) + segment->start - last->start);
  if (pages)
    state->sample = tenure_begin(ranges, count, segment->start)->sample;
  return true;
}

static void settle(struct range_list *list, bool pages)
{
  const struct range_list *one[] = {list};
  struct range_list settled = {0};
  struct segment segment;
  struct sweep *sweep;
  struct range state;

  range_list_sort(list);
  sweep = sweep_new(one, 1);
  while (sweep_next(sweep, &segment) > 0) {
    size_t n;
    const struct range *const *ranges = sweep_ranges(sweep, 0, &n);

    if (last_state(ranges, n, &segment, pages, &state))
      range_list_add(&settled, state);
  }
  sweep_free(sweep);
  range_list_free(list);
  *list = settled;
}

void range_list_settle_pages(struct range_list *list)
{
  settle(list, true);
}

void range_list_settle_vmas(struct range_list *list)
{
  settle(list, false);
}

void range_list_copy(struct range_list *to, const struct range_list *from)
{
  to->items = from->count ? xcalloc(from->count, sizeof *to->items) : NULL;
  to->count = to->room = from->count;
  if (from->count)
    memcpy(to->items, from->items, from->count * sizeof *from->items);
}
