/*
 * A tracker is one state machine over the events of one trace: blocks, mappings,
 * names, pages, marks, errors ...  It knows neither files nor other traces nor output.
 * A session (query/session/session.h) reads each trace once and hands every event to the
 * trackers that asked for its type.
 *
 * To add one: a file in track/ with a state that is right when all its bytes are zero after begin,
 * and a struct tracker that describes it.
 *
 * Out of memory ends the program (reader/xalloc.h); no function here reports it.
 */
#ifndef VMTRACE_TRACKER_H
#define VMTRACE_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader/reader.h"
#include "track/heap/boot_group.h"

/* Sets of records: one bit for each VT_CLASS_* or each VT_R_*. */
#define CLASS_SET(class) (UINT64_C(1) << (VT_CLASS_##class))
#define RECORD_SET(type) (UINT64_C(1) << (VT_R_##type))

/* An instant that has come; the peak of a group is none of these, for it is known afterwards (track/heap/boot_group.h).
 */
struct tracker_instant {
  unsigned number; /* of those that the session was asked for */
  uint64_t time_ns;
  bool at_end;       /* it is the process's own end */
  bool marked;       /* the process set a mark: a sample of its pages was asked for, and not waited for */
  bool foreign_mark; /* another process did */
  bool sampled;      /* the latest sample of its pages was taken for it, however long ago */
};

/* Events between two looks at the clock for the progress line: some milliseconds. */
#define TRACKER_STEP 65536u

/* How far a run has come. */
struct tracker_taken {
  uint64_t count;   /* events, at most TRACKER_STEP */
  uint64_t seen_ns; /* time of the latest */
};

/* Whether a run goes on with e, the n-th of it. */
static inline bool tracker_runs(const struct event *e, uint64_t limit_ns, uint64_t n)
{
  return e && (e->type == VT_R_ALLOC || e->type == VT_R_FREE) && e->time_ns <= limit_ns && n < TRACKER_STEP;
}

struct tracker {
  const char *name; /* for a debugger */
  size_t size;      /* bytes of the state; all zero before begin */
  uint64_t classes; /* of records that it takes */
  uint64_t records; /* and single ones */
  bool names;       /* what it takes may come a little after its first use: FORMAT.md, section 7 */

  /* When the process begins.  r and group live as long as the state. */
  void (*begin)(void *state, const struct reader *r, struct boot_group *group);
  /* One of those, in the reader's order. */
  void (*event)(void *state, const struct event *e);
  /* Most records are of allocations and frees.  Where no other tracker wants these, this one is given them in runs: it
   * takes up e and what follows it until an event is something else or later than limit_ns, or
   * TRACKER_STEP of them were taken,
   * returns that event (NULL: the end), and brings *taken up to date.  NULL: event does. */
  const struct event *(*run)(void *state, struct reader *r, const struct event *e, uint64_t limit_ns,
                             struct tracker_taken *taken);
  /* The process of state was just forked from the one of parent, which has taken up all its events until then; after
   * begin, before the first event.  NULL: nothing is inherited. */
  void (*inherit)(void *state, void *parent);
  /* An instant (query/session/instant.h) has come for this process.  All events up to it were taken up, later ones were
   * not. NULL: of no matter. */
  void (*instant)(void *state, const struct tracker_instant *instant);
  /* After the last event.  NULL: nothing is left to do. */
  void (*finish)(void *state);
  void (*release)(void *state);
};

#endif
