/*
 * Who the streams of a trace are: their chunks, their roles, their lineages.
 * Small, because all streams of a trace are known at once, also 100,000.
 */
#ifndef VMTRACE_TRACK_H
#define VMTRACE_TRACK_H

#include "reader/trace_file.h"

struct track {
  uint32_t thread;
  uint32_t parent; /* stream number of the creator or VT_NO_THREAD */
  uint32_t ordinal;
  uint32_t role;                   /* enum vt_role; ADOPTED when its first record cannot be read */
  const struct chunk_place *first; /* its chunks */
  size_t count;
  uint64_t start_ns; /* of its first chunk */
  char *lineage;     /* as reader_lineage gives it */
};

struct tracks {
  struct track *all; /* by stream number */
  size_t count;
  size_t programs; /* those that are not the sampler's */
};

/* -1 after a message.  The file's index must outlive the tracks. */
void tracks_build(struct tracks *tracks, const struct trace_file *file);
void tracks_release(struct tracks *tracks);

/* NULL when there is no such stream. */
struct track *tracks_find(const struct tracks *tracks, uint32_t thread);

#endif
