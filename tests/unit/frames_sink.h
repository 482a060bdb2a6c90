/*
 * A sink for the sampler's findings that keeps them in static tables, and
 * what the tests of the frames room compare them with.  Its functions may run
 * in the sampler's bare thread: no libc state.  A broken order of calls ends the program.
 */
#ifndef VMTRACE_FRAMES_SINK_H
#define VMTRACE_FRAMES_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "frames/sampler.h"

#define SINK_VMAS 4096
#define SINK_SAMPLES 4096

struct sink_sample {
  enum vt_sample_reason reason;
  unsigned flags;
  uint64_t number, present, cost_ns;
  uint64_t changes; /* pages reported, of any state */
  uint64_t records; /* calls of pages and pfns */
  uint64_t vmas, vmas_gone, values;
  uint64_t rss, tracer, tables; /* 0: not reported, as before */
};

struct sink_vma {
  uint64_t start, size, offset, inode, dev;
  uint32_t flags;
  char path[256];
};

extern const struct sampler_sink sink_table;

void sink_reset(void);

/* Samples that have ended so far, and the one of this index: the latest SINK_SAMPLES are kept. */
unsigned sink_count(void);
const struct sink_sample *sink_sample(unsigned index);
const struct sink_sample *sink_last(void);
/* Waits until count samples have ended; false after ten seconds. */
bool sink_wait(unsigned count);

/* State and frame of the page at addr as last reported; state 0: not present, or never reported. */
unsigned sink_state(const void *addr);
uint64_t sink_pfn(const void *addr);
/* Times that the page was reported. */
unsigned sink_reports(const void *addr);
/* Pages known that are present or swapped, and whether any of them lies in [start, end). */
uint64_t sink_present(void);
bool sink_any(uint64_t start, uint64_t end);

unsigned sink_vma_count(void);
const struct sink_vma *sink_vma_at(const void *addr); /* the mapping around addr, NULL: none */
const struct sink_vma *sink_vma(unsigned index);      /* in no order */

unsigned sink_alive_count(void);
uint64_t sink_alive(unsigned index);

unsigned sink_value_count(void);
uint64_t sink_value(unsigned index); /* bits of the values in the order of their reports */

/* The kernel's word for a page, by a file descriptor of pagemap. */
uint64_t pagemap_word(int pagemap, const void *addr);

/* How often a helper has left by itself. */
unsigned sink_left_count(void);

#endif
