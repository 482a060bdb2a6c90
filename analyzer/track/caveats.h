/*
 * What a trace says of itself: from which event of which thread on addresses
 * may differ from run to run (NONDET), where events are missing (LOSS), and
 * what the tracer cannot see (UNTRACED).  Memory is bounded: the first ones are kept, all are counted.
 */
#ifndef VMTRACE_CAVEATS_H
#define VMTRACE_CAVEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader/reader.h"

#define CAVEATS_MOST 1000 /* kept per kind */

struct caveat {
  uint32_t thread, reason; /* reason: enum vt_nondet, vt_loss or vt_untraced, by the kind */
  uint64_t event;          /* the thread's allocation events before it */
  uint64_t time_ns;
  uint64_t value; /* NONDET: the address; LOSS: events */
  char *text;     /* UNTRACED: any bytes, length of them, and a NUL behind; else NULL */
  size_t length;
};

struct caveat_list {
  struct caveat *all;
  size_t count;  /* kept */
  uint64_t seen; /* all there are */
  uint64_t sum;  /* of all values */
};

struct caveats {
  struct caveat_list nondet, losses, untraced;
};

/* Takes up a record of these kinds, and ignores all else.  False when out of memory. */
bool caveats_event(struct caveats *c, const struct event *e);
void caveats_release(struct caveats *c);

#endif
