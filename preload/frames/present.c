/*
 * The walk over places where pages may be, see present.h: what both sources
 * share.  Called by walk.c.
 */
#include "frames/present.h"

#include <string.h>

#include "base/sys.h"

/* Pages between two ranges that are read along rather than by a call of their own: 14 ns each against 260 ns. */
#define GAP_PAGES 16u

void present_begin(struct present *present, uint64_t start, uint64_t end)
{
  present->position = start;
  present->end = end;
  present->count = 0;
  present->cursor = 0;
}

/* Makes ranges[cursor] valid; false at the end of the walk. */
static bool have_range(struct present *present)
{
  while (present->cursor == present->count) {
    if (present->position >= present->end)
      return false;
    present->count = 0;
    present->cursor = 0;
    if (present->position >= present->skip_start && present->position < present->skip_end) {
      present->position = present->skip_end;
      continue;
    }
    if (present->files->flags & VT_SAMPLE_SCAN)
      present_refill_scan(present);
    else
      present_refill_list(present);
  }
  return true;
}

uint64_t present_next(struct present *present)
{
  return have_range(present) ? present->ranges[present->cursor].start >> LEAF_SHIFT : LEAF_NONE;
}

static bool read_words(const struct present *present, uint64_t leaf, unsigned from, unsigned to, uint64_t *raw)
{
  off_t offset = (off_t)(((leaf << LEAF_SHIFT >> FRAME_SHIFT) + from) * sizeof *raw);
  ssize_t size = (ssize_t)((to - from) * sizeof *raw);

  return sys_pread(present->files->pagemap, raw + from, (size_t)size, offset) == size;
}

bool present_read(struct present *present, uint64_t leaf, uint64_t raw[LEAF_PAGES], uint8_t categories[LEAF_PAGES])
{
  uint64_t start = leaf << LEAF_SHIFT, end = start + LEAF_SIZE;
  unsigned from = 0, to = 0; /* pages found that were not read yet */
  bool good = true;

  memset(raw, 0, LEAF_PAGES * sizeof *raw);
  memset(categories, 0, LEAF_PAGES);
  while (have_range(present) && present->ranges[present->cursor].start < end) {
    struct scan_region *range = &present->ranges[present->cursor];
    unsigned first = range->start <= start ? 0 : (unsigned)((range->start - start) >> FRAME_SHIFT);
    unsigned last = range->end >= end ? LEAF_PAGES : (unsigned)((range->end - start) >> FRAME_SHIFT);

    if (range->categories)
      memset(categories + first, (uint8_t)range->categories, last - first);
    if (from < to && first > to + GAP_PAGES) {
      good &= read_words(present, leaf, from, to, raw);
      from = first;
    } else if (from == to) {
      from = first;
    }
    to = last;
    if (range->end > end) {
      range->start = end; /* the rest belongs to the next leaf */
      break;
    }
    present->cursor++;
  }
  if (from < to)
    good &= read_words(present, leaf, from, to, raw);
  return good;
}
