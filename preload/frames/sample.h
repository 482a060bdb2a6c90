/*
 * One sample: mappings, pages and watched values, in that order, between the
 * sink's begin and end, and how much of it fits into a bound.  The caller
 * holds the sampler's lock.
 */
#ifndef VMTRACE_SAMPLE_H
#define VMTRACE_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "frames/proc_files.h"
#include "frames/values.h"
#include "frames/vmas.h"
#include "frames/walk.h"
#include "vmtrace/format.h"

/* All that is kept between samples: about 60 KiB and the picture.  In memory that children do not inherit, as what it
 * points at: a child begins with a new one. */
struct sampling {
  const struct sampler_sink *sink;
  struct values values;
  struct vmas vmas;
  struct walk walk;
  uint64_t number;              /* samples so far */
  uint64_t cursor;              /* where the walk goes on; 0: at the start of the space */
  uint64_t page_cost;           /* picoseconds per present page, a moving average */
  uint64_t mapping_cost;        /* nanoseconds that the latest reading of the mappings took */
  uint64_t skip_tables;         /* the skipped range: of the tracer up to here, of the heap's tables from here on */
  uint64_t rss, tracer, tables; /* pages, as reported last */
};

struct sample_request {
  enum vt_sample_reason reason;
  uint64_t limit_ns;     /* bound on CPU time; 0: the usual one of a slice */
  bool (*abandon)(void); /* asked now and then: whether to end early */
};

void sample_init(struct sampling *s, const struct sampler_sink *sink);
/* Takes it; the CPU time that it took, in nanoseconds. */
uint64_t sample_take(struct sampling *s, const struct proc_files *files, const struct sample_request *request);
/* Watched values alone: a sample without pages, and only when some value has changed. */
void sample_values(struct sampling *s, const struct proc_files *files);

#endif
