/*
 * A session from inside: for query/session/session.c, which opens it, and query/session/pass.c.
 */
#ifndef VMTRACE_SESSION_PRIVATE_H
#define VMTRACE_SESSION_PRIVATE_H

#include "query/session/mark_watch.h"
#include "query/session/progress.h"
#include "query/session/session.h"

/* Who hears of a record type: a tracker, a list of several, or nobody; there is always something to call. */
struct listener {
  void (*event)(void *state, const struct event *e); /* NULL: the end of a list */
  void *state;
};

/* Who takes allocations and frees in runs (track/tracker.h); run NULL: nobody. */
struct runner {
  const struct event *(*run)(void *state, struct reader *r, const struct event *e, uint64_t limit_ns,
                             struct tracker_taken *taken);
  void *state;
};

struct trace {
  struct session_trace public; /* first */
  struct session *session;
  struct group *group;
  size_t place; /* in the session's heap */
  uint64_t key; /* when it is its turn */
  const struct event *held;
  bool begun;
  bool has_children;              /* in the session */
  bool drained;                   /* it has no more events */
  bool past;                      /* all instants are behind it, and only names are still taken */
  bool quiet;                     /* and its listeners were told */
  uint64_t cut_ns;                /* later events come after an instant that its trackers know nothing of */
  uint64_t names_ns;              /* once past: until when */
  uint64_t seen_ns;               /* time of the latest event */
  void **state;                   /* by tracker */
  struct listener of[VT_R_LIMIT]; /* by record type */
  struct runner runner;
  struct listener *lists;     /* room for those of several */
  struct session_instant *at; /* by instant */
  bool *done;                 /* by instant: it came, or the process did not live then */
  struct mark_watch marks;
};

/* The traces of one boot. */
struct group {
  struct boot_group boot;
  uint8_t boot_id[16];
  bool known;             /* boot_id names a boot: else the group has one trace */
  uint64_t start_ns;      /* of the first */
  uint64_t start_real_ns; /* at the same instant */
  uint64_t end_ns;        /* of the last, as far as headers tell */
  size_t unfinished;      /* traces */
  uint64_t *time_ns;      /* by instant; TIME_UNKNOWN: not known yet */
  uint64_t *marks;        /* by instant: how many of that name there were */
};

/* A thing that lives as long as the session. */
struct kept {
  void *thing;
  void (*release)(void *thing);
};

#define TIME_UNKNOWN UINT64_MAX

struct session {
  struct trace **trace;
  size_t count;
  size_t failed;
  struct group **group;
  size_t group_count;
  const struct tracker **tracker;
  size_t tracker_count, tracker_room;
  struct instant *instant;
  size_t instant_count, instant_room;
  bool until;          /* nothing behind the latest instant counts */
  bool marked;         /* there is an instant that a mark tells */
  struct trace **heap; /* those that have events left, by key */
  size_t heap_count;
  struct progress progress;
  uint64_t steps;
  struct kept *kept;
  size_t kept_count, kept_room;
};

/* The heap of traces: trace_heap.c. */

/* The key of a trace has become smaller, or larger. */
void trace_heap_up(struct session *s, struct trace *t);
void trace_heap_down(struct session *s, struct trace *t);
/* Takes the trace on top out. */
void trace_heap_take_top(struct session *s);
/* The key of the one that comes after it; UINT64_MAX: none does. */
uint64_t trace_heap_second(const struct session *s);

/* Instants: pass_instants.c. */

/* Finds when those are that traces of a group do not have to tell. */
void instants_resolve(const struct session *s, struct group *g);
/* Tells the trackers of a process that an instant has come. */
void instants_reach(struct trace *t, const struct tracker_instant *instant);
/* The same for all that came before time_ns, of an event or of the process's end. */
void instants_pass(struct trace *t, uint64_t time_ns);
/* A listener for marks; state is the trace. */
void instants_meet_mark(void *state, const struct event *e);
/* After the pass: 0, or -1 after one line on stderr about a mark that nobody set. */
int instants_missing(const struct session *s);

#endif
