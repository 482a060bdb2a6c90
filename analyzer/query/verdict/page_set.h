/*
 * The merged picture of several processes: every page that at least one of
 * them held, with its verdict.  What `vmtrace pages` reports.
 */
#ifndef VMTRACE_PAGE_SET_H
#define VMTRACE_PAGE_SET_H

#include <stddef.h>
#include <stdint.h>

#include "query/verdict/elsewhere.h"
#include "query/verdict/kin.h"
#include "query/verdict/verdict.h"
#include "track/pages/process_picture.h"

struct page_set {
  struct picture **pictures; /* in the order given; a sighting's process is an index into it */
  size_t count;
  struct kin *kin;
  struct elsewhere_index elsewhere;
  uint32_t page_shift;
  uint64_t start_ns, end_ns; /* of all processes, on the clock of the first one's boot */
  uint64_t overlap_ns;       /* how long at least two of them (of one boot) ran at once */
  uint64_t together_ns;      /* how long all of them did */
  size_t most_at_once;       /* how many ran at once at most */
};

/* A run of pages that are alike but for the frame numbers, which count up from page to page. */
struct page_run {
  uint64_t page, count;             /* in pages */
  const struct sighting *sightings; /* of the first page: by process, then by time */
  size_t sighting_count;
  const struct elsewhere *elsewhere; /* of the first page: the same frames at other addresses */
  size_t elsewhere_count;
  struct claim claim;
};

/* Takes the pictures over (and frees them in any case).  NULL after one line on stderr. */
struct page_set *page_set_new(struct picture **pictures, size_t count);
void page_set_free(struct page_set *set);

/* Calls visit for all runs within [first, end), in pages, ascending; the run is valid during the call.  A result other
 * than 0 ends the walk.  That result, 0, or -1 after one line on stderr: out of memory. */
typedef int (*page_visit)(void *context, const struct page_run *run);
int page_set_walk(const struct page_set *set, uint64_t first, uint64_t end, page_visit visit, void *context);

/* How many processes hold the run's pages. */
size_t page_run_holders(const struct page_run *run);

/* The watched addresses of all processes, ascending, each once.  The caller frees it; *count 0 when there are none. */
uint64_t *page_set_watched(const struct page_set *set, size_t *count);

#endif
