/*
 * One process's heap at an instant: what each call stack allocated, how much
 * of that was live and resident then, and what the stacks are.  A view of what the
 * trackers of a session have, which must outlive it.
 */
#ifndef VMTRACE_HEAP_PROCESS_H
#define VMTRACE_HEAP_PROCESS_H

#include "query/heap/heap_pages.h"
#include "query/heap/heap_resident.h"
#include "query/session/session.h"
#include "track/heap/heap_counts.h"
#include "track/trackers.h"

struct heap_process {
  const struct session_trace *trace;
  const struct vt_file_header *header;
  const char *path;
  const struct heap_counts *counts; /* of the whole run */
  const struct heap_then *then;     /* at the instant */
  struct names *names;
  const struct own_malloc *own_malloc;
  struct heap_residences residence; /* at the instant */
  uint64_t moment_ns;               /* since the trace began */
  uint64_t sample_ns;               /* since the trace began: when the pages were seen */
  uint64_t events;
  uint64_t lost; /* events that the trace does not have */
  uint64_t without_stack;
  bool is_orphan; /* it was forked, and the trace of its parent is not here */
};

/* Processes at one instant. */
struct heap_set {
  struct heap_process **process; /* those that lived then, in the order given */
  size_t count;
};

/* Asks a session for what heap_set_at needs. */
void heap_set_want(struct session *s);

/* All processes at an instant, frames compared.  One that did not live then is not counted, and one line on stderr says
 * so.  After session_run. */
void heap_set_at(struct session *s, unsigned number, struct heap_set *set);
void heap_set_release(struct heap_set *set);

/* Where the frames of a call stack are to be looked up: in the names of the process that met it. */
struct stack_place {
  struct names *names; /* NULL: nothing is known of it */
  unsigned generation; /* 0: the process itself; 1: its parent ... */
  uint32_t stack;
};
struct stack_place heap_process_place(const struct heap_process *p, uint32_t stack);

#endif
