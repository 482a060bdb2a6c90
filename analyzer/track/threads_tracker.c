/*
 * See threads_tracker.h.
 */
#include "track/threads_tracker.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

static void threads_begin(void *state, const struct reader *r, struct boot_group *group)
{
  (void)group;
  ((struct threads_seen *)state)->reader = r;
  id_table_init(&((struct threads_seen *)state)->by_stream, sizeof(uint32_t));
}

#define LOOKED_BACK 1024u /* threads: a name that is given by another thread is given soon */

/* The thread of a stream, if it has that tid (0: any); else the latest one that has. */
static struct thread_seen *thread_find(struct threads_seen *t, uint32_t stream, uint64_t tid)
{
  const uint32_t *at = id_table_get(&t->by_stream, stream);
  size_t least = t->count > LOOKED_BACK ? t->count - LOOKED_BACK : 0;

  if (at && *at && (!tid || t->all[*at - 1].tid == tid))
    return &t->all[*at - 1];
  for (size_t i = t->count; tid && i-- > least;) {
    if (t->all[i].tid == tid)
      return &t->all[i];
  }
  return NULL;
}

static void thread_add(struct threads_seen *t, const struct event *e)
{
  uint32_t *at = id_table_make(&t->by_stream, e->thread);

  t->all = xgrow(t->all, t->count, &t->room, sizeof *t->all);
  t->all[t->count++] =
      (struct thread_seen){.stream = e->thread, .tid = e->field[2], .role = e->field[3], .start_ns = e->time_ns};
  if (at)
    *at = (uint32_t)t->count;
}

static void thread_name(struct thread_seen *thread, const struct event *e)
{
  size_t n = e->tail_len < sizeof thread->name - 1 ? e->tail_len : sizeof thread->name - 1;

  memset(thread->name, 0, sizeof thread->name);
  memcpy(thread->name, e->tail, n);
}

static void threads_event(void *state, const struct event *e)
{
  struct threads_seen *t = state;
  struct thread_seen *thread;

  if (e->type == VT_R_THREAD) {
    thread_add(t, e);
    return;
  }
  thread = thread_find(t, e->thread, e->type == VT_R_THREAD_NAME ? e->field[0] : 0);
  if (!thread)
    return;
  if (e->type == VT_R_THREAD_END)
    thread->end_ns = e->time_ns;
  else
    thread_name(thread, e);
}

static void threads_release(void *state)
{
  struct threads_seen *t = state;

  free(t->all);
  id_table_release(&t->by_stream);
}

const struct tracker tracker_threads = {
    .name = "threads",
    .size = sizeof(struct threads_seen),
    .records = RECORD_SET(THREAD) | RECORD_SET(THREAD_END) | RECORD_SET(THREAD_NAME),
    .begin = threads_begin,
    .event = threads_event,
    .release = threads_release,
};
