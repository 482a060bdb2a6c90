/*
 * Whose the latest sample is.  See mark_watch.h.  Called by query/session/pass.c, for
 * traces with marks if a mark is asked for.
 */
#include "query/session/mark_watch.h"

void mark_watch_event(struct mark_watch *w, const struct event *e)
{
  uint64_t *latest;

  if (!w->begun)
    id_table_init(&w->latest, sizeof(uint64_t));
  w->begun = true;
  w->events++;
  if (e->type == VT_R_SAMPLE)
    w->asked = e->field[0] == VT_SAMPLE_MARK ? w->events : 0;
  latest = e->type == VT_R_MARK ? NULL : id_table_make(&w->latest, e->thread);
  if (latest)
    *latest = w->events;
}

bool mark_watch_sampled(const struct mark_watch *w, uint32_t thread)
{
  const uint64_t *latest = w->begun ? id_table_get(&w->latest, thread) : NULL;

  return w->asked && (!latest || *latest < w->asked);
}

void mark_watch_release(struct mark_watch *w)
{
  if (w->begun)
    id_table_release(&w->latest);
}
