/*
 * Places of pages without PAGEMAP_SCAN, see present.h: from the kept list of
 * mappings.  Called by present.c only.
 *
 * A small mapping is read as a whole.  In a large anonymous one, mincore tells
 * cheaply which leaves have pages (15 times cheaper than pagemap for what is
 * empty).  For files mincore answers from the page cache, slowly and beside
 * the point, and for terabytes it is not cheap enough: there the leaves known to have pages are read, and, from
 * walk to walk, one window further that is explored.  A mapping without any
 * permission, once looked at, cannot get new pages: only its known leaves are read.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "base/sys.h"
#include "frames/picture.h"
#include "frames/present.h"
#include "frames/vmas.h"

#define LARGE (UINT64_C(16) << 20)
#define VAST (UINT64_C(256) << 30) /* mincore for this much takes 60 ms of CPU */
/* mincore calls of one refill that may find nothing: a walk looks at its budget between refills. */
#define CORE_CALLS 64

static void put(struct present *present, uint64_t start, uint64_t end)
{
  if (start < end)
    present->ranges[present->count++] = (struct scan_region){start, end, 0};
  present->position = end;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

static bool any_set(const uint8_t *core, uint64_t n)
{
  uint8_t any = 0;

  for (uint64_t i = 0; i < n; i++)
    any |= core[i] & 1;
  return any;
}

/* The next known leaf within [position, end), if it starts below limit; else position moves to limit. */
static void put_known(struct present *present, uint64_t limit)
{
  uint64_t leaf = picture_next(present->picture, present->position >> LEAF_SHIFT);
  uint64_t start = greater(present->position, leaf << LEAF_SHIFT);

  if (leaf >= LEAF_NONE || start >= limit)
    present->position = limit;
  else
    put(present, start, lesser(limit, (leaf + 1) << LEAF_SHIFT));
}

/* Anonymous and large: leaves of [position, end) that mincore or the picture has pages in, for one mincore call. */
static void refill_core(struct present *present, uint64_t end)
{
  uint64_t start = present->position;
  uint64_t stop = lesser(end, (start & ~(LEAF_SIZE - 1)) + PRESENT_CORE * FRAME_SIZE);
  long error =
      sys_filtered() ? -EPERM : sys_call(SYS_mincore, (long)start, (long)(stop - start), (long)present->core, 0, 0, 0);
  uint64_t known = picture_next(present->picture, start >> LEAF_SHIFT);

  while (present->position < stop) {
    uint64_t leaf = present->position >> LEAF_SHIFT;
    uint64_t leaf_end = lesser(stop, (leaf + 1) << LEAF_SHIFT);
    const uint8_t *core = present->core + ((present->position - start) >> FRAME_SHIFT);

    if (known < leaf)
      known = picture_next(present->picture, leaf);
    /* After an error (the mapping has changed meanwhile, or a filter is there) pagemap is asked for all of it. */
    if (error || known == leaf || any_set(core, (leaf_end - present->position) >> FRAME_SHIFT))
      put(present, present->position, leaf_end);
    else
      present->position = leaf_end;
  }
}

/* A large file, or anything vast: known leaves, and what of the window to explore lies in [position, end). */
static void refill_window(struct present *present, uint64_t end)
{
  uint64_t from = greater(present->position, present->explore);
  uint64_t to = from < end ? lesser(end, from + present->explore_left) : from;

  if (from >= to) {
    put_known(present, end);
  } else if (present->position < from) {
    put_known(present, from);
  } else {
    to = lesser(to, (from & ~(LEAF_SIZE - 1)) + LEAF_SIZE);
    present->explore = to;
    present->explore_left -= to - from;
    put(present, from, to);
  }
}

static void refill_from(struct present *present, const struct vma *vma, uint64_t end)
{
  bool quiet = !(vma->flags & (VT_VMA_R | VT_VMA_W | VT_VMA_X)) && vma->passes;

  if (vma->end - vma->start <= LARGE) {
    put(present, present->position, end);
  } else if (quiet) {
    put_known(present, end);
  } else if (vma->inode == 0 && vma->end - vma->start <= VAST) {
    refill_core(present, end);
  } else {
    present->incomplete = true;
    refill_window(present, end);
  }
}

void present_refill_list(struct present *present)
{
  const struct vmas *vmas = present->vmas;
  uint64_t i = vmas_find(vmas, present->position);

  for (int calls = 0; calls < CORE_CALLS && present->count == 0; calls++) {
    uint64_t end;

    while (i < vmas->now.count && vmas->now.vma[i].end <= present->position)
      i++;
    if (i == vmas->now.count || vmas->now.vma[i].start >= present->end) {
      present->position = present->end;
      return;
    }
    end = lesser(vmas->now.vma[i].end, present->end);
    present->position = greater(present->position, vmas->now.vma[i].start);
    refill_from(present, &vmas->now.vma[i], end);
  }
  /* Nothing for a long while: yield one page, so that the caller gets a chance to stop. */
  if (present->count == 0 && present->position < present->end)
    put(present, present->position, present->position + FRAME_SIZE);
}
