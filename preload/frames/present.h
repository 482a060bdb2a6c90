/*
 * Where pages may be: a walk over the address space that yields, in rising
 * order, ranges that hold all pages which are present or swapped (and maybe
 * some that are not), and reads pagemap for them leaf by leaf.
 *
 * Two sources: PAGEMAP_SCAN, which finds them exactly (present_scan.c), and,
 * on kernels before 6.7, the list of mappings (present_list.c), where large
 * and mostly empty mappings are narrowed down, because pagemap costs the same
 * for a page that is not there.  The caller holds the sampler's lock.
 */
#ifndef VMTRACE_PRESENT_H
#define VMTRACE_PRESENT_H

#include <stdbool.h>
#include <stdint.h>

#include "frames/page_entry.h"
#include "frames/proc_files.h"

struct picture;
struct vmas;

#define PRESENT_RANGES 256u
#define PRESENT_CORE (UINT64_C(16) << 10) /* pages that one mincore call covers: 64 MiB */

struct present {
  const struct proc_files *files;
  const struct vmas *vmas; /* the list source only, as the next two */
  const struct picture *picture;
  uint64_t explore;              /* kept between walks: where to go on looking in large files and vast mappings */
  uint64_t explore_left;         /* bytes that this walk may still look at there */
  uint64_t skip_start, skip_end; /* never yielded */
  uint64_t position, end;        /* ranges below position have been found */
  bool incomplete;               /* out: some mapping was not looked at as a whole */
  unsigned count, cursor;
  struct scan_region ranges[PRESENT_RANGES]; /* count of them, used up before cursor */
  uint8_t core[PRESENT_CORE];
};

/* Starts a walk over [start, end), both multiples of LEAF_SIZE or SPACE_END.  Fields before position are set. */
void present_begin(struct present *present, uint64_t start, uint64_t end);
/* The first leaf, from the walk's place on, that has a range; LEAF_NONE at the end. */
uint64_t present_next(struct present *present);

/*
 * Reads the pages of a leaf that lie in the walk's ranges: raw gets pagemap's
 * words (0 elsewhere), categories SCAN_ZERO and SCAN_HUGE where the source
 * knows them.  Leaves are asked for in rising order, also such as have no range.  False: the kernel refused.
 */
bool present_read(struct present *present, uint64_t leaf, uint64_t raw[LEAF_PAGES], uint8_t categories[LEAF_PAGES]);

/* The sources: append ranges from position on (at least one, or position moves on), at most PRESENT_RANGES. */
void present_refill_scan(struct present *present);
void present_refill_list(struct present *present);

#endif
