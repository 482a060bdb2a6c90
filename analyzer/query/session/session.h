/*
 * A session: any number of traces, read once, side by side in the order of the machine's clock.
 *
 *   open     every trace is opened once, its header checked, its chunks indexed; one that cannot be read
 *            is said and left out, and one that was given twice counts once
 *   want     trackers and instants are asked for
 *   run      one pass: each event goes to the trackers of its process; each child of a fork inherits what its
 *            parent's trackers have at the fork; at each instant the trackers are told
 *   ask      the trackers' states are there until the session is closed
 *
 * Progress on the terminal and cancelling are done here and nowhere else.
 */
#ifndef VMTRACE_SESSION_H
#define VMTRACE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "query/session/instant.h"
#include "track/tracker.h"

struct session;

/* One trace of a session. */
struct session_trace {
  struct reader *reader; /* open as long as the session is; its events are taken up by the session alone */
  const struct vt_file_header *header;
  const char *path;
  size_t number;                /* in the order given */
  struct session_trace *parent; /* that it was forked from, if that is here; NULL: none */
  uint64_t start_ns;
  uint64_t end_ns; /* after the pass: of the process, or of the last sign of life */
  uint64_t events; /* taken up */
};

/* How an instant came out, for one trace. */
struct session_instant {
  bool reached;     /* the process lived then: its trackers were told */
  uint64_t time_ns; /* CLOCK_MONOTONIC */
  bool exact;       /* a mark of its own: at that event, not only at that time */
};

/* Opens the traces; those that cannot be read get one line on stderr.  Never NULL; session_failed says whether all is
 * well. */
struct session *session_open(char *const *paths, size_t count);
void session_close(struct session *s);

/* How many traces could not be read, as a whole or in part. */
size_t session_failed(const struct session *s);

size_t session_count(const struct session *s);
struct session_trace *session_trace(const struct session *s, size_t number);

/* Asks for a tracker for every trace.  The same one may be asked for several times. */
void session_want(struct session *s, const struct tracker *tracker);

/* Asks for an instant; returns its number, from 0 on. */
unsigned session_at(struct session *s, const struct instant *instant);

/* Nothing is needed behind the latest instant: the pass may end there. */
void session_until(struct session *s);

/* The pass.  0, or -1 after one line on stderr: it was interrupted, or there is no such mark. */
int session_run(struct session *s);

/* Hands a thing over that release frees when the session is closed, before its traces are; and finds it again by the
 * same release.  NULL: there is none. */
void session_keep(struct session *s, void *thing, void (*release)(void *thing));
void *session_kept(const struct session *s, void (*release)(void *thing));

/* The state of a tracker that was asked for. */
void *session_state(const struct session_trace *t, const struct tracker *tracker);

/* How an instant came out for a trace; of a peak only the time is known here (track/heap/boot_group.h). */
const struct session_instant *session_instant(const struct session_trace *t, unsigned number);
/* When it was; 0: it did not come. */
uint64_t session_time(const struct session_trace *t, unsigned number);
/* How many were asked for, and what. */
unsigned session_instants(const struct session *s);
const struct instant *session_asked(const struct session *s, unsigned number);

#endif
