/*
 * The instants of a pass: when each is, on the clock of each boot, and which
 * processes it was told to.  Called by pass.c.
 */
#include <string.h>

#include "query/session/session_private.h"
#include "reader/complain.h"
#include "reader/xalloc.h"

#define NAMES_GRACE_MS 100u /* how late names may come without a sampler, whose period bounds it */

void instants_reach(struct trace *t, const struct tracker_instant *instant)
{
  const struct session *s = t->session;

  t->done[instant->number] = true;
  t->at[instant->number] =
      (struct session_instant){.reached = true, .time_ns = instant->time_ns, .exact = instant->marked};
  for (size_t i = 0; i < s->tracker_count; i++) {
    if (s->tracker[i]->instant)
      s->tracker[i]->instant(t->state[i], instant);
  }
}

/* The first instant that its trackers are to be told of; without any left, only names may matter. */
static void find_cut(struct trace *t)
{
  const struct session *s = t->session;
  uint64_t grace_ms = t->public.header->sample_ms ? t->public.header->sample_ms : NAMES_GRACE_MS;
  bool left = false;

  t->cut_ns = UINT64_MAX;
  for (size_t i = 0; i < s->instant_count; i++) {
    if (t->done[i])
      continue;
    left = true;
    if (t->group->time_ns[i] < t->cut_ns)
      t->cut_ns = t->group->time_ns[i];
  }
  if (left || !s->until || t->past)
    return;
  t->past = true;
  t->names_ns = t->seen_ns + grace_ms * UINT64_C(1000000);
}

void instants_pass(struct trace *t, uint64_t time_ns)
{
  const struct session *s = t->session;

  for (size_t i = 0; i < s->instant_count; i++) {
    uint64_t at_ns = t->group->time_ns[i];

    if (t->done[i] || at_ns >= time_ns)
      continue;
    t->done[i] = true;
    if (at_ns >= t->public.start_ns)
      instants_reach(t, &(struct tracker_instant){.number = (unsigned)i,
                                                  .time_ns = at_ns,
                                                  .foreign_mark = s->instant[i].kind == INSTANT_MARK});
  }
  find_cut(t);
}

static bool is_mark(const struct instant *instant, const struct event *e)
{
  return instant->kind == INSTANT_MARK && e->tail_len == instant->mark_len &&
         !memcmp(e->tail, instant->mark, e->tail_len);
}

/* A mark is an instant for all processes of its boot; for the one that set it, it lies between two events. */
void instants_meet_mark(void *state, const struct event *e)
{
  struct trace *t = state;
  struct session *s = t->session;

  for (size_t i = 0; i < s->instant_count; i++) {
    if (!is_mark(&s->instant[i], e) || ++t->group->marks[i] != s->instant[i].nth)
      continue;
    t->seen_ns = t->group->time_ns[i] = e->time_ns;
    instants_reach(t, &(struct tracker_instant){.number = (unsigned)i,
                                                .time_ns = e->time_ns,
                                                .marked = true,
                                                .sampled = mark_watch_sampled(&t->marks, e->thread)});
    for (size_t k = 0; k < s->count; k++) {
      if (s->trace[k]->group == t->group && s->trace[k]->begun)
        find_cut(s->trace[k]);
    }
  }
}

/* CLOCK_REALTIME to CLOCK_MONOTONIC, by what a trace says of both. */
static uint64_t by_clock(const struct group *g, uint64_t real_ns)
{
  if (real_ns >= g->start_real_ns)
    return g->start_ns + (real_ns - g->start_real_ns);
  return g->start_real_ns - real_ns < g->start_ns ? g->start_ns - (g->start_real_ns - real_ns) : 0;
}

void instants_resolve(const struct session *s, struct group *g)
{
  g->boot.alone = g->unfinished == 1;
  g->time_ns = xcalloc(s->instant_count + 1, sizeof *g->time_ns);
  g->marks = xcalloc(s->instant_count + 1, sizeof *g->marks);
  for (size_t i = 0; i < s->instant_count; i++) {
    const struct instant *instant = &s->instant[i];
    uint64_t off = instant->offset_ns;

    g->time_ns[i] = TIME_UNKNOWN;
    if (instant->kind == INSTANT_START_PLUS)
      g->time_ns[i] = g->start_ns + off;
    if (instant->kind == INSTANT_END_MINUS)
      g->time_ns[i] = g->end_ns > g->start_ns && g->end_ns - g->start_ns > off ? g->end_ns - off : g->start_ns;
    if (instant->kind == INSTANT_CLOCK || instant->kind == INSTANT_OF_DAY)
      g->time_ns[i] = by_clock(g, instant_clock(instant, g->start_real_ns));
  }
}

int instants_missing(const struct session *s)
{
  for (size_t i = 0; s->count && i < s->instant_count; i++) {
    const struct instant *instant = &s->instant[i];
    const char *path = s->count == 1 ? s->trace[0]->public.path : NULL;
    bool found = instant->kind != INSTANT_MARK;
    uint64_t most = 0;

    for (size_t k = 0; k < s->group_count; k++) {
      found |= s->group[k]->time_ns[i] != TIME_UNKNOWN;
      most = s->group[k]->marks[i] > most ? s->group[k]->marks[i] : most;
    }
    if (found)
      continue;
    if (most)
      complain("%s%smark '%.*s' was set %llu times only", path ? path : "", path ? ": " : "", (int)instant->mark_len,
               instant->mark, (unsigned long long)most);
    else
      complain("%s%sthere is no mark '%.*s'", path ? path : "", path ? ": " : "", (int)instant->mark_len,
               instant->mark);
    return -1;
  }
  return 0;
}
