/*
 * A tracker is one state machine over the events of one trace: blocks, mappings,
 * names, pages, marks, errors ...  It knows neither files nor other traces nor output.
 * A session (query/session.h) reads each trace once and hands every event to the
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
#include "track/boot_group.h"

/* Sets of records: one bit for each VT_CLASS_* or each VT_R_*. */
#define CLASS_SET(class) (UINT64_C(1) << (VT_CLASS_##class))
#define RECORD_SET(type) (UINT64_C(1) << (VT_R_##type))

/* An instant that has come; the peak of a group is none of these, for it is known afterwards (track/boot_group.h). */
struct tracker_instant {
  unsigned number; /* of those that the session was asked for */
  uint64_t time_ns;
  bool at_end;       /* it is the process's own end */
  bool marked;       /* the process set a mark: a sample of its pages was asked for, and not waited for */
  bool foreign_mark; /* another process did */
  bool sampled;      /* the latest sample of its pages was taken for it, however long ago */
};

struct tracker {
  const char *name; /* for whoever debugs a session */
  size_t size;      /* bytes of the state; all zero before begin */
  uint64_t classes; /* of records that it takes */
  uint64_t records; /* and single ones */
  bool names;       /* what it takes may come a little after its first use: FORMAT.md, section 7 */

  /* When the process begins.  r and group live as long as the state. */
  void (*begin)(void *state, const struct reader *r, struct boot_group *group);
  /* One of those, in the reader's order. */
  void (*event)(void *state, const struct event *e);
  /* The process of state was just forked from the one of parent, which has taken up all its events until then; after
   * begin, before the first event.  NULL: nothing is inherited. */
  void (*inherit)(void *state, void *parent);
  /* An instant (query/instant.h) has come for this process.  All events up to it were taken up, later ones were not.
   * NULL: of no matter. */
  void (*instant)(void *state, const struct tracker_instant *instant);
  /* After the last event.  NULL: nothing is left to do. */
  void (*finish)(void *state);
  void (*release)(void *state);
};

#endif
