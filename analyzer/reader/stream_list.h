/*
 * Who the streams of a trace are: their chunks, their roles, their lineages.
 * Small, because all streams of a trace are known at once, also 100,000.
 */
#ifndef VMTRACE_STREAM_LIST_H
#define VMTRACE_STREAM_LIST_H

#include "reader/trace_file.h"

struct stream_info {
  uint32_t thread;
  uint32_t parent; /* stream number of the creator or VT_NO_THREAD */
  uint32_t ordinal;
  uint32_t role;                   /* enum vt_role; ADOPTED when its first record cannot be read */
  const struct chunk_place *first; /* its chunks */
  size_t count;
  uint64_t start_ns; /* of its first chunk */
  char *lineage;     /* as reader_lineage gives it */
};

struct stream_list {
  struct stream_info *all; /* by stream number */
  size_t count;
  size_t programs; /* those that are not the sampler's */
};

/* The file's index must outlive the streams. */
void stream_list_build(struct stream_list *streams, const struct trace_file *file);
void stream_list_release(struct stream_list *streams);

/* NULL when there is no such stream. */
struct stream_info *stream_list_find(const struct stream_list *streams, uint32_t thread);

#endif
