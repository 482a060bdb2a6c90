/*
 * All streams of a trace as one sequence: by time, and for each address in
 * the exact order of allocation, release and reuse.
 *
 * Times are coarse: the program reads the clock once for several events, so an event is
 * later than its recorded time by anything up to its thread's next reading.
 * Merging by recorded time alone could put the free of a block that was handed to another thread before its
 * allocation.  Hence the live set: a free of what is not live, or an
 * allocation of what is, waits until another stream has brought what must come
 * before, at the latest until all others have passed its thread's next reading (then there
 * is nothing to wait for: the other event was lost, or the block is not one of this trace).
 */
#ifndef VMTRACE_MERGE_H
#define VMTRACE_MERGE_H

#include "reader/liveness.h"
#include "reader/prefetch.h"
#include "reader/stream.h"
#include "reader/stream_list.h"

/* A stream that has begun and not ended. */
struct lane {
  struct stream stream;
  struct prefetch prefetch;
  uint64_t key; /* when it is its turn: its clock, or while it waits the latest time to wait for */
  size_t place; /* in the heap */
  bool held;    /* stream.event is decoded and has not been returned */
  bool waiting; /* it is held for the sake of unit */
  uint64_t unit;
  struct lane *next_waiting;
};

#define MERGE_BUCKETS 256

struct merge {
  struct lane *top; /* whose next event is due; NULL: to be found out */
  bool ordered;     /* several streams allocate: the live set is kept */
  struct stream_shared *shared;
  uint64_t now; /* no event returned from here on is earlier */
  struct lane **heap;
  size_t count, room;
  struct stream_info **starts; /* streams that have not begun, by their time */
  size_t next_start, start_count;
  struct liveness live;
  size_t waiting_count;
  struct lane *waiting[MERGE_BUCKETS]; /* by unit */
};

/* Takes the streams for which wanted says true. */
void merge_init(struct merge *m, struct stream_shared *shared, const struct stream_list *streams,
                bool (*wanted)(const struct stream_info *));
void merge_release(struct merge *m);

const struct event *merge_next_slow(struct merge *m);

/* The next event, NULL at the end; valid until the next call. */
static inline const struct event *merge_next(struct merge *m)
{
  struct lane *lane = m->top;

  if (lane && !m->ordered && stream_hot(&lane->stream))
    return &lane->stream.event;
  return merge_next_slow(m);
}

#endif
