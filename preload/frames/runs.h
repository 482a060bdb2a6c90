/*
 * From single changed pages to runs: neighbours with the same state go to the
 * sink together, as a range of consecutive frames or as a list of frames.
 * The caller holds the sampler's lock and adds pages in rising order; an
 * address that does not follow the one before starts a new run.
 */
#ifndef VMTRACE_RUNS_H
#define VMTRACE_RUNS_H

#include <stdint.h>

#include "frames/page_entry.h"

#define RUNS_LIST_MAX 512u

struct sampler_sink;

struct runs {
  const struct sampler_sink *sink;
  unsigned state;
  /* The list: pages whose frames do not follow each other. */
  uint64_t list_addr;
  unsigned list_count;
  /* The progression: the pages right after the list, with frames pfn, pfn + step, ... */
  uint64_t addr, count, pfn, step;
  uint64_t list[RUNS_LIST_MAX];
};

void runs_begin(struct runs *runs, const struct sampler_sink *sink);
/* The page at addr changed to this entry; 0: it is gone. */
void runs_add(struct runs *runs, uint64_t addr, uint64_t entry);
/* Hands over what is still held back. */
void runs_flush(struct runs *runs);

#endif
