/*
 * Pages found by PAGEMAP_SCAN, see present.h.  Called by present.c only.
 */
#include "frames/present.h"

/* A call holds the memory map for reading: at most this many pages (about a millisecond) before others get it. */
#define SCAN_PAGES 32768u

void present_refill_scan(struct present *present)
{
  uint64_t end = present->end, walked;
  long found;

  if (present->position < present->skip_start && end > present->skip_start && present->skip_end > present->skip_start)
    end = present->skip_start;
  found =
      proc_scan(present->files->pagemap, present->position, end, SCAN_PAGES, present->ranges, PRESENT_RANGES, &walked);
  if (found < 0 || walked <= present->position) {
    /* The probe succeeded, so this range is out of the kernel's reach: what was not seen is not claimed. */
    present->incomplete |= found < 0;
    present->position = found > 0 ? present->ranges[found - 1].end : end;
    present->count = found > 0 ? (unsigned)found : 0;
    return;
  }
  present->count = (unsigned)found;
  present->position = walked < end ? walked : end;
}
