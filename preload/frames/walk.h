/*
 * One walk over the pages of the process: what differs from the kept picture
 * goes to the sink and into the picture.  The caller holds the sampler's lock.
 */
#ifndef VMTRACE_WALK_H
#define VMTRACE_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "frames/page_entry.h"
#include "frames/picture.h"
#include "frames/present.h"
#include "frames/runs.h"

struct walk {
  struct picture picture;
  struct present present; /* the caller sets its fields before position */
  struct runs runs;
  uint64_t seen, changes; /* counted up: pages found present or swapped, and pages reported */
  bool merging;           /* the kernel has merged pages somewhere: such as may be are looked up again */
  uint64_t compare;       /* bits of an entry whose change is worth a look; see walk_pages */
  uint64_t raw[LEAF_PAGES], entry[LEAF_PAGES], flags[LEAF_PAGES];
  uint16_t changed[LEAF_PAGES];
  uint8_t categories[LEAF_PAGES];
};

/* Asked between leaves: whether the walk ends here. */
typedef bool (*walk_stop_fn)(void *arg);

/*
 * Walks [start, end), both multiples of LEAF_SIZE or SPACE_END.  Returns the
 * address up to which it came: end, or a leaf's start when stop said so.
 */
uint64_t walk_pages(struct walk *walk, const struct sampler_sink *sink, uint64_t start, uint64_t end, walk_stop_fn stop,
                    void *arg);

#endif
