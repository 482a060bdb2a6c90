/*
 * Watched values (VMTRACE_WATCH): read without touching a page that the
 * program has not touched, reported when changed.  The caller holds the
 * sampler's lock.
 */
#ifndef VMTRACE_VALUES_H
#define VMTRACE_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/option.h"

struct values {
  const struct option_watch *watch;
  unsigned count;
  uint64_t last[OPTION_WATCH_MAX]; /* as reported */
  uint64_t now[OPTION_WATCH_MAX];
  uint32_t known, changed; /* a bit for each: was reported; differs from what was reported */
};

_Static_assert(OPTION_WATCH_MAX <= 32, "one bit for each value");

void values_init(struct values *values, const struct option_watch *watch, unsigned count);
/* Reads all; pagemap may be -1.  Whether anything has changed. */
bool values_read(struct values *values, int pagemap);

struct sampler_sink;
/* Reports what values_read found changed. */
void values_report(struct values *values, const struct sampler_sink *sink);

#endif
