/*
 * Opening traces, and who belongs together.  See session.h; the pass itself is
 * query/session/pass.c's.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "query/session/session_private.h"
#include "reader/complain.h"
#include "reader/xalloc.h"

static bool same_id(const uint8_t a[16], const uint8_t b[16])
{
  static const uint8_t none[16];

  return !memcmp(a, b, sizeof none) && memcmp(a, none, sizeof none) != 0;
}

/* Every trace holds a descriptor. */
static void allow_files(size_t count)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < count + 64) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

static struct group *group_of(struct session *s, const struct vt_file_header *h)
{
  bool known = h->clock_offset != VT_CLOCK_UNKNOWN && same_id(h->boot_id, h->boot_id);
  struct group *g;

  for (size_t i = 0; known && i < s->group_count; i++) {
    if (s->group[i]->known && same_id(s->group[i]->boot_id, h->boot_id))
      return s->group[i];
  }
  g = xcalloc(1, sizeof *g);
  memcpy(g->boot_id, h->boot_id, sizeof g->boot_id);
  g->known = known;
  g->start_ns = UINT64_MAX;
  s->group = xreallocarray(s->group, s->group_count + 1, sizeof(struct group *));
  s->group[s->group_count++] = g;
  return g;
}

static bool is_repeated(const struct session *s, const struct vt_file_header *h)
{
  for (size_t i = 0; i < s->count; i++) {
    if (same_id(s->trace[i]->public.header->trace_id, h->trace_id))
      return true;
  }
  return false;
}

static void join_group(struct session *s, struct trace *t)
{
  const struct vt_file_header *h = t->public.header;

  t->group = group_of(s, h);
  t->group->unfinished++;
  if (h->start_ns < t->group->start_ns) {
    t->group->start_ns = h->start_ns;
    t->group->start_real_ns = h->start_real_ns;
  }
  if (t->public.end_ns > t->group->end_ns)
    t->group->end_ns = t->public.end_ns;
}

static void add_trace(struct session *s, const char *path)
{
  struct reader *r = reader_open(path, READER_ALL);
  struct trace *t;

  if (!r) {
    s->failed++;
    return;
  }
  if (is_repeated(s, reader_header(r))) {
    complain("%s: the same trace was given before; it counts once", path);
    reader_close(r);
    return;
  }
  t = xcalloc(1, sizeof *t);
  t->public = (struct session_trace){.reader = r,
                                     .header = reader_header(r),
                                     .path = reader_path(r),
                                     .number = s->count,
                                     .start_ns = reader_header(r)->start_ns,
                                     .end_ns = reader_last_ns(r)};
  t->session = s;
  join_group(s, t);
  s->trace[s->count++] = t;
}

static int compare_starts(const void *a, const void *b)
{
  const struct trace *x = *(struct trace *const *)a, *y = *(struct trace *const *)b;

  if (x->public.start_ns != y->public.start_ns)
    return x->public.start_ns < y->public.start_ns ? -1 : 1;
  return (x->public.number > y->public.number) - (x->public.number < y->public.number);
}

static bool is_child(const struct trace *t, const struct trace *parent)
{
  const struct vt_file_header *h = t->public.header, *of = parent->public.header;
  bool forked = h->origin == VT_ORIGIN_FORK || (h->origin == VT_ORIGIN_UNKNOWN && h->pid != of->pid);

  return forked && t->group == parent->group && t->group->known && same_id(h->parent_id, of->trace_id);
}

/* Whom each was forked from: somebody who began before. */
static void find_parents(struct session *s)
{
  struct trace **order = xcalloc(s->count + 1, sizeof(struct trace *));

  memcpy(order, s->trace, s->count * sizeof(struct trace *));
  qsort(order, s->count, sizeof *order, compare_starts);
  for (size_t i = 0; i < s->count; i++) {
    for (size_t j = 0; j < i && !order[i]->public.parent; j++)
      order[i]->public.parent = is_child(order[i], order[j]) ? &order[j]->public : NULL;
  }
  free(order);
}

struct session *session_open(char *const *paths, size_t count)
{
  struct session *s = xcalloc(1, sizeof *s);

  allow_files(count);
  s->trace = xcalloc(count + 1, sizeof(struct trace *));
  for (size_t i = 0; i < count; i++)
    add_trace(s, paths[i]);
  find_parents(s);
  return s;
}

static void close_trace(struct session *s, struct trace *t)
{
  for (size_t i = 0; t->begun && i < s->tracker_count; i++) {
    s->tracker[i]->release(t->state[i]);
    free(t->state[i]);
  }
  free(t->state);
  free(t->lists);
  free(t->at);
  free(t->done);
  mark_watch_release(&t->marks);
  reader_close(t->public.reader);
  free(t);
}

void session_close(struct session *s)
{
  if (!s)
    return;
  while (s->kept_count) {
    struct kept *kept = &s->kept[--s->kept_count];

    kept->release(kept->thing);
  }
  free(s->kept);
  for (size_t i = 0; i < s->count; i++)
    close_trace(s, s->trace[i]);
  for (size_t i = 0; i < s->group_count; i++) {
    free(s->group[i]->time_ns);
    free(s->group[i]->marks);
    free(s->group[i]);
  }
  free(s->trace);
  free(s->group);
  free(s->tracker);
  free(s->instant);
  free(s->heap);
  free(s);
}

size_t session_failed(const struct session *s)
{
  return s->failed;
}

size_t session_count(const struct session *s)
{
  return s->count;
}

struct session_trace *session_trace(const struct session *s, size_t number)
{
  return &s->trace[number]->public;
}

static const struct trace *private_of(const struct session_trace *t)
{
  return (const struct trace *)t;
}

void session_want(struct session *s, const struct tracker *tracker)
{
  for (size_t i = 0; i < s->tracker_count; i++) {
    if (s->tracker[i] == tracker)
      return;
  }
  s->tracker = xgrow(s->tracker, s->tracker_count, &s->tracker_room, sizeof(struct tracker *));
  s->tracker[s->tracker_count++] = tracker;
}

unsigned session_at(struct session *s, const struct instant *instant)
{
  s->instant = xgrow(s->instant, s->instant_count, &s->instant_room, sizeof *s->instant);
  s->instant[s->instant_count] = *instant;
  s->marked |= instant->kind == INSTANT_MARK;
  for (size_t i = 0; instant->kind == INSTANT_PEAK && i < s->group_count; i++)
    s->group[i]->boot.wanted = true;
  return (unsigned)s->instant_count++;
}

void session_until(struct session *s)
{
  s->until = true;
}

void session_keep(struct session *s, void *thing, void (*release)(void *thing))
{
  s->kept = xgrow(s->kept, s->kept_count, &s->kept_room, sizeof *s->kept);
  s->kept[s->kept_count++] = (struct kept){thing, release};
}

void *session_kept(const struct session *s, void (*release)(void *thing))
{
  for (size_t i = 0; i < s->kept_count; i++) {
    if (s->kept[i].release == release)
      return s->kept[i].thing;
  }
  return NULL;
}

void *session_state(const struct session_trace *t, const struct tracker *tracker)
{
  const struct trace *p = private_of(t);

  for (size_t i = 0; p->begun && i < p->session->tracker_count; i++) {
    if (p->session->tracker[i] == tracker)
      return p->state[i];
  }
  return NULL;
}

const struct session_instant *session_instant(const struct session_trace *t, unsigned number)
{
  return &private_of(t)->at[number];
}

uint64_t session_time(const struct session_trace *t, unsigned number)
{
  const struct trace *p = private_of(t);

  if (p->session->instant[number].kind == INSTANT_PEAK)
    return p->group->boot.peak_ns;
  return p->at[number].reached ? p->at[number].time_ns : 0;
}

unsigned session_instants(const struct session *s)
{
  return (unsigned)s->instant_count;
}

const struct instant *session_asked(const struct session *s, unsigned number)
{
  return &s->instant[number];
}
