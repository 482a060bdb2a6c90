/*
 * The marks that a program set (vmtrace_mark, vmtrace_snapshot), in order of
 * time.  The first MARKS_KEPT of them are kept, the others counted: a mark is
 * two bytes in a trace, and nobody reads a longer list.
 */
#ifndef VMTRACE_MARK_LIST_H
#define VMTRACE_MARK_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader/reader.h"

#define MARKS_KEPT 65536u

struct mark {
  uint64_t time_ns; /* CLOCK_MONOTONIC */
  char *name;       /* any bytes, length of them, and a NUL behind */
  size_t length;
};

struct marks {
  struct mark *all;
  size_t count, room;
  uint64_t more; /* that came after these */
};

/* Takes up a VT_R_MARK, and ignores all else. */
void marks_event(struct marks *m, const struct event *e);
void marks_release(struct marks *m);

#endif
