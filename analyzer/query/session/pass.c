/*
 * The pass over all traces of a session.
 *
 * Traces take turns by time: one goes on until its next event is later than the next event of another, or than an
 * instant that its trackers were not told of.  A child waits until its parent has come to the fork.  So at any
 * time all trackers are as of one instant of the machine's clock, and what is known of one process then
 * (a mark, a fork) holds for all.
 */
#include <stdlib.h>

#include "query/session/session_private.h"
#include "reader/xalloc.h"

/*
 * A fork is recorded when it has returned, and the child's trace begins when the child has run: either may
 * be first.  Without a record (a child that no hook saw) what was so long after its start is taken for its start.
 */
#define FORK_LATE_NS UINT64_C(50000000)
/* A record of the same pid that much before the child began is an earlier child's. */
#define FORK_EARLY_NS UINT64_C(1000000000)

/* processes */

static void begin(struct trace *t);

static void inherit(struct trace *t)
{
  struct trace *parent = (struct trace *)t->public.parent;

  if (!parent->begun)
    begin(parent);
  for (size_t i = 0; i < t->session->tracker_count; i++) {
    if (t->session->tracker[i]->inherit)
      t->session->tracker[i]->inherit(t->state[i], parent->state[i]);
  }
}

/* A parent has come to the fork of a child. */
static void meet_fork(void *state, const struct event *e)
{
  struct trace *t = state;
  struct session *s = t->session;

  for (size_t i = 0; i < s->count; i++) {
    struct trace *child = s->trace[i];
    uint64_t start_ns = child->public.start_ns;

    if (child->begun || child->public.parent != &t->public || child->public.header->pid != (int32_t)e->field[0] ||
        e->time_ns + FORK_EARLY_NS < start_ns || (e->time_ns > start_ns && e->time_ns - start_ns > FORK_LATE_NS))
      continue;
    begin(child);
    child->key = start_ns;
    trace_heap_up(s, child);
    return;
  }
}

static bool has_children(const struct trace *t)
{
  for (size_t i = 0; i < t->session->count; i++) {
    if (t->session->trace[i]->public.parent == &t->public)
      return true;
  }
  return false;
}

static bool hears(const struct tracker *tracker, unsigned type)
{
  return (tracker->records >> type | tracker->classes >> vt_record_class(type)) & 1;
}

static void tell_nobody(void *state, const struct event *e)
{
  (void)state;
  (void)e;
}

static void tell_all(void *state, const struct event *e)
{
  for (const struct listener *l = state; l->event; l++)
    l->event(l->state, e);
}

/* Who is to hear of a record type, as a list without an end. */
static size_t find_listeners(struct trace *t, unsigned type, struct listener *list)
{
  const struct session *s = t->session;
  size_t n = 0;

  if (type == VT_R_MARK && s->marked && !t->past)
    list[n++] = (struct listener){instants_meet_mark, t};
  if (type == VT_R_FORK && t->has_children && !t->past)
    list[n++] = (struct listener){meet_fork, t};
  for (size_t i = 0; i < s->tracker_count; i++) {
    if (hears(s->tracker[i], type) && (s->tracker[i]->names || !t->past))
      list[n++] = (struct listener){s->tracker[i]->event, t->state[i]};
  }
  return n;
}

/* The one tracker that wants allocations and frees, if it takes them in runs. */
static void find_runner(struct trace *t)
{
  const struct session *s = t->session;

  t->runner = (struct runner){NULL, NULL};
  for (size_t i = 0; i < s->tracker_count; i++) {
    if (t->of[VT_R_ALLOC].state == t->state[i] && t->of[VT_R_FREE].state == t->state[i])
      t->runner = (struct runner){s->tracker[i]->run, t->state[i]};
  }
}

static void listen(struct trace *t)
{
  struct listener *list = t->lists;

  for (unsigned type = 0; type < VT_R_LIMIT; type++) {
    size_t n = find_listeners(t, type, list);

    if (n <= 1) {
      t->of[type] = n ? list[0] : (struct listener){tell_nobody, NULL};
      continue;
    }
    list[n] = (struct listener){NULL, NULL};
    t->of[type] = (struct listener){tell_all, list};
    list += n + 1;
  }
  find_runner(t);
}

static void begin(struct trace *t)
{
  const struct session *s = t->session;

  t->begun = true;
  t->state = xcalloc(s->tracker_count + 1, sizeof(void *));
  t->at = xcalloc(s->instant_count + 1, sizeof *t->at);
  t->done = xcalloc(s->instant_count + 1, sizeof *t->done);
  t->lists = xcalloc(VT_R_LIMIT * (s->tracker_count + 3), sizeof *t->lists);
  t->has_children = has_children(t);
  t->seen_ns = t->public.start_ns;
  for (size_t i = 0; i < s->tracker_count; i++) {
    t->state[i] = xcalloc(1, s->tracker[i]->size);
    s->tracker[i]->begin(t->state[i], t->public.reader, &t->group->boot);
  }
  if (t->public.parent)
    inherit(t);
  listen(t);
  instants_pass(t, t->public.start_ns); /* those before its time */
}

static uint64_t end_of(const struct trace *t)
{
  const struct vt_file_header *h = t->public.header;

  if (h->end_ns)
    return h->end_ns;
  return h->last_ns > t->seen_ns ? h->last_ns : t->seen_ns;
}

/* The instants that came when a process did nothing any more; what lies behind all of them is the last one's end. */
static void finish(struct trace *t)
{
  const struct session *s = t->session;
  uint64_t end_ns = t->public.end_ns = end_of(t);
  bool last = --t->group->unfinished == 0;

  instants_pass(t, end_ns + 1);
  for (size_t i = 0; i < s->instant_count; i++) {
    bool at_end = s->instant[i].kind == INSTANT_END;

    if (!t->done[i] && (at_end || (last && t->group->time_ns[i] != TIME_UNKNOWN)))
      instants_reach(t, &(struct tracker_instant){.number = (unsigned)i, .time_ns = end_ns, .at_end = true});
  }
  for (size_t i = 0; i < s->tracker_count; i++) {
    if (s->tracker[i]->finish)
      s->tracker[i]->finish(t->state[i]);
  }
}

/* the pass */

static void show_progress(struct session *s)
{
  double done = 0, all = 0;

  for (size_t i = 0; i < s->count; i++) {
    double size = (double)reader_size(s->trace[i]->public.reader);

    all += size;
    done += size * (s->trace[i]->begun ? reader_progress(s->trace[i]->public.reader) : 0);
  }
  progress_step(&s->progress, all > 0 ? done / all : 1);
}

static inline void take_event(const struct trace *t, const struct event *e)
{
  const struct listener *l = &t->of[e->type & (VT_R_LIMIT - 1)];

  l->event(l->state, e);
}

/* After it, the heap may have changed: a child has begun, or an instant has come. */
static inline bool ends_turn(const struct event *e)
{
  return e->type == VT_R_FORK || e->type == VT_R_MARK;
}

/* Takes up events until one is later than the limit, which becomes the held one; NULL at the end. */
static void take_turn(struct session *s, struct trace *t, uint64_t limit_ns)
{
  struct reader *r = t->public.reader;
  const struct event *e = t->held;
  struct tracker_taken taken = {0, t->seen_ns};

  while (e && e->time_ns <= limit_ns && taken.count < TRACKER_STEP) {
    if (t->runner.run && tracker_runs(e, limit_ns, taken.count)) {
      e = t->runner.run(t->runner.state, r, e, limit_ns, &taken);
      continue;
    }
    taken.seen_ns = e->time_ns;
    taken.count++;
    take_event(t, e);
    if (ends_turn(e))
      limit_ns = 0;
    e = reader_next(r);
  }
  t->seen_ns = taken.seen_ns;
  t->public.events += t->past ? 0 : taken.count;
  t->held = e;
  s->steps += taken.count;
}

/* The same, one event at a time, of which marks that come want to know (query/session/mark_watch.h). */
static void take_watched(struct session *s, struct trace *t)
{
  const struct event *e = t->held;

  t->seen_ns = e->time_ns;
  take_event(t, e);
  mark_watch_event(&t->marks, e);
  t->public.events += !t->past;
  t->held = reader_next(t->public.reader);
  s->steps++;
}

/* The trace whose turn it is. */
static void go_on(struct session *s, struct trace *t)
{
  uint64_t limit_ns = trace_heap_second(s);

  if (!t->begun)
    begin(t);
  if (!t->held && !t->drained)
    t->held = reader_next(t->public.reader);
  if (t->held && t->held->time_ns > t->cut_ns)
    instants_pass(t, t->held->time_ns);
  if (t->past && !t->quiet) {
    t->quiet = true;
    listen(t);
  }
  if (!t->held && !t->drained && !t->past) {
    /* It does nothing any more, and lives on. */
    t->drained = true;
    t->key = end_of(t);
    trace_heap_down(s, t);
    return;
  }
  if (!t->held || (t->past && t->held->time_ns > t->names_ns)) {
    trace_heap_take_top(s);
    finish(t);
    return;
  }
  if (s->marked && t->public.header->marks && t->held->time_ns <= limit_ns)
    take_watched(s, t);
  else
    take_turn(s, t, limit_ns < t->cut_ns ? limit_ns : t->cut_ns);
  if (s->steps >= TRACKER_STEP) {
    s->steps = 0;
    show_progress(s);
  }
  if (t->held)
    t->key = t->held->time_ns;
  trace_heap_down(s, t);
}

/* Whether nobody wants more of a trace than the sampler's stream has. */
static bool samples_suffice(const struct session *s, const struct trace *t)
{
  const uint64_t samples = CLASS_SET(SAMPLE) | CLASS_SET(VALUE);
  uint64_t rest = s->marked ? UINT64_MAX : 0;

  for (size_t i = 0; i < s->tracker_count; i++)
    rest |= s->tracker[i]->inherit ? UINT64_MAX : (s->tracker[i]->classes & ~samples) | s->tracker[i]->records;
  return !rest || (rest == CLASS_SET(MARK) && !t->public.header->marks);
}

int session_run(struct session *s)
{
  char *what = s->count == 1 ? xstrdup(s->trace[0]->public.path) : xasprintf("%zu traces", s->count);

  s->heap = xcalloc(s->count + 1, sizeof(struct trace *));
  for (size_t i = 0; i < s->group_count; i++)
    instants_resolve(s, s->group[i]);
  for (size_t i = 0; i < s->count; i++) {
    struct trace *t = s->trace[i];

    if (samples_suffice(s, t))
      reader_samples_alone(t->public.reader);
    t->key = t->public.start_ns + (t->public.parent ? FORK_LATE_NS : 0);
    t->place = s->heap_count;
    s->heap[s->heap_count++] = t;
    trace_heap_up(s, t);
  }
  progress_begin(&s->progress, what);
  while (s->heap_count)
    go_on(s, s->heap[0]);
  progress_end(&s->progress);
  free(what);
  return instants_missing(s);
}
