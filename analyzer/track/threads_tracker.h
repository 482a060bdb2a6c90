/*
 * The threads of a program, and of the tracer: when each lived, and what it was called.
 */
#ifndef VMTRACE_THREADS_TRACKER_H
#define VMTRACE_THREADS_TRACKER_H

#include "track/id_table.h"
#include "track/tracker.h"

struct thread_seen {
  uint32_t stream;
  uint64_t tid, role;        /* enum vt_role */
  uint64_t start_ns, end_ns; /* end_ns 0: it left no word of its end */
  char name[64];             /* the latest, any bytes up to a NUL; "": none was given */
};

struct threads_seen {
  const struct reader *reader; /* which knows their lineage */
  struct thread_seen *all;
  size_t count, room;
  struct id_table by_stream; /* uint32_t: the latest of that stream, counted from 1 */
};

/* State: struct threads_seen. */
extern const struct tracker tracker_threads;

#endif
