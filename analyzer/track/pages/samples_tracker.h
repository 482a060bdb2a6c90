/*
 * Memory over time: what the kernel counted, sample by sample.
 */
#ifndef VMTRACE_SAMPLES_TRACKER_H
#define VMTRACE_SAMPLES_TRACKER_H

#include "track/tracker.h"

#define SAMPLES_KEPT 1000000u /* of one trace: more than a day's at the shortest period; later ones are left out */

struct memory_sample {
  uint64_t time_ns; /* when it began */
  uint64_t number;
  uint64_t reason;              /* enum vt_sample_reason */
  uint64_t rss, tracer, tables; /* bytes; MEMORY_UNKNOWN */
  uint64_t present;             /* bytes of the pages that it found */
  uint64_t cost_ns;
  bool ended; /* the sample came to its end */
};
#define MEMORY_UNKNOWN UINT64_MAX

struct memory_samples {
  struct memory_sample *all;
  size_t count, room;
  uint64_t page_size;
  uint64_t rss_peak; /* bytes, of all samples; MEMORY_UNKNOWN */
};

/* State: struct memory_samples. */
extern const struct tracker tracker_samples;

/* The latest sample that began by then and knows Rss; NULL: none. */
const struct memory_sample *memory_samples_at(const struct memory_samples *m, uint64_t time_ns);

#endif
