/*
 * What of a trace before a mark decides which sample of its pages belongs to
 * the mark: the program may have asked for one and waited (vmtrace_snapshot).
 */
#ifndef VMTRACE_MARK_WATCH_H
#define VMTRACE_MARK_WATCH_H

#include "reader/reader.h"
#include "track/id_table.h"

/* All zero has seen nothing. */
struct mark_watch {
  bool begun;
  struct id_table latest; /* by stream, uint64_t: number of its latest event but marks */
  uint64_t events;
  uint64_t asked; /* number of the event that began the latest sample, if the program had asked for it; else 0 */
};

/* Takes note of every event of a trace. */
void mark_watch_event(struct mark_watch *w, const struct event *e);
void mark_watch_release(struct mark_watch *w);

/* A thread that asked for the latest sample, and did nothing since: however long the machine took, it is that sample
 * that a mark of it is about. */
bool mark_watch_sampled(const struct mark_watch *w, uint32_t thread);

#endif
