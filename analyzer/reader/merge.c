/*
 * The merge of streams; see merge.h for the rule.  Does not decode.  Called
 * by reader.c for every event.
 */
#include "reader/merge.h"

#include <stdlib.h>

#include "reader/xalloc.h"

/*
 * A realloc is recorded when it is done, after its old block was released:
 * somebody else's allocation of that address may carry an earlier time.
 * Waiting a little beyond the clock's reading keeps the two in order.
 */
#define REUSE_GRACE_NS UINT64_C(1000000)

/* A live set of so many slots is no longer in the second-level cache: below, looking ahead costs more than it saves. */
#define FAR_SLOTS 32768u

/* heap: the lane that is due first on top */

/* At the same time those that wait come last, so that what they wait for comes before. */
static bool lane_before(const struct lane *a, const struct lane *b)
{
  if (a->key != b->key)
    return a->key < b->key;
  if (a->waiting != b->waiting)
    return b->waiting;
  return a->stream.event.thread < b->stream.event.thread;
}

static void heap_put(struct merge *m, size_t place, struct lane *lane)
{
  m->heap[place] = lane;
  lane->place = place;
}

static void heap_up(struct merge *m, struct lane *lane)
{
  size_t place = lane->place;

  for (; place > 0 && lane_before(lane, m->heap[(place - 1) / 2]); place = (place - 1) / 2)
    heap_put(m, place, m->heap[(place - 1) / 2]);
  heap_put(m, place, lane);
}

static void heap_down(struct merge *m, struct lane *lane)
{
  size_t place = lane->place;

  for (;;) {
    size_t child = place * 2 + 1;

    if (child + 1 < m->count && lane_before(m->heap[child + 1], m->heap[child]))
      child++;
    if (child >= m->count || !lane_before(m->heap[child], lane))
      break;
    heap_put(m, place, m->heap[child]);
    place = child;
  }
  heap_put(m, place, lane);
}

/* lanes */

static void lane_start(struct merge *m, const struct stream_info *info)
{
  struct lane *lane = xcalloc(1, sizeof *lane);

  if (!stream_init(&lane->stream, m->shared, info->first, info->count)) {
    free(lane);
    return;
  }
  lane->key = lane->stream.clock;
  lane->place = m->count;
  m->heap[m->count++] = lane; /* there is room for all streams */
  heap_up(m, lane);
}

static void lane_end(struct merge *m, struct lane *lane)
{
  struct lane *last = m->heap[--m->count];

  if (last != lane) {
    heap_put(m, lane->place, last);
    heap_up(m, last);
    heap_down(m, last);
  }
  stream_release(&lane->stream);
  free(lane);
  m->top = NULL;
}

/* Lets those streams begin whose time has come, then finds the lane that is due; NULL at the end. */
static struct lane *lane_due(struct merge *m)
{
  while (m->next_start < m->start_count && (m->count == 0 || m->starts[m->next_start]->start_ns <= m->heap[0]->key)) {
    lane_start(m, m->starts[m->next_start++]);
  }
  if (!m->count)
    return NULL;
  m->top = m->heap[0];
  if (!m->top->waiting && m->top->key > m->now)
    m->now = m->top->key;
  return m->top;
}

/* waiting for an address */

static struct lane **bucket(struct merge *m, uint64_t unit)
{
  return &m->waiting[unit * UINT64_C(0x9e3779b97f4a7c15) >> 56];
}

static void wait_leave(struct merge *m, struct lane *lane)
{
  struct lane **p = bucket(m, lane->unit);

  while (*p != lane)
    p = &(*p)->next_waiting;
  *p = lane->next_waiting;
  lane->waiting = false;
  lane->key = lane->stream.clock;
  m->waiting_count--;
}

/* Something happened at unit: each stream that waits for it looks again at its turn. */
static void wake(struct merge *m, uint64_t unit)
{
  struct lane *next;

  for (struct lane *lane = *bucket(m, unit); lane; lane = next) {
    next = lane->next_waiting;
    if (lane->unit == unit) {
      wait_leave(m, lane);
      heap_up(m, lane);
      m->top = NULL;
    }
  }
}

static void wait_for(struct merge *m, struct lane *lane, uint64_t unit, uint64_t grace)
{
  uint64_t latest = stream_next_clock(&lane->stream);

  lane->unit = unit;
  lane->waiting = true;
  lane->key = latest > UINT64_MAX - grace ? UINT64_MAX : latest + grace;
  lane->next_waiting = *bucket(m, unit);
  *bucket(m, unit) = lane;
  m->waiting_count++;
  heap_down(m, lane);
  m->top = NULL;
}

/* Whether the event at hand may come now; then the live set follows it.  Else its lane waits. */
static bool admit_alloc(struct merge *m, struct lane *lane, uint64_t unit, bool forced)
{
  if (!liveness_begin(&m->live, unit) && !forced) {
    wait_for(m, lane, unit, REUSE_GRACE_NS);
    return false;
  }
  return true;
}

static bool admit_free(struct merge *m, struct lane *lane, uint64_t unit, bool forced)
{
  if (!liveness_end(&m->live, unit) && !forced) {
    wait_for(m, lane, unit, 0);
    return false;
  }
  return true;
}

static bool admit_realloc(struct merge *m, struct lane *lane, uint64_t old, uint64_t unit, bool forced)
{
  if (!forced && old && !liveness_has(&m->live, old)) {
    wait_for(m, lane, old, 0);
    return false;
  }
  if (!forced && old != unit && liveness_has(&m->live, unit)) {
    wait_for(m, lane, unit, REUSE_GRACE_NS);
    return false;
  }
  liveness_end(&m->live, old);
  liveness_begin(&m->live, unit);
  if (m->waiting_count && old != unit)
    wake(m, old);
  return true;
}

static bool admit(struct merge *m, struct lane *lane, bool forced)
{
  const struct event *e = &lane->stream.event;
  unsigned shift = lane->stream.shift;
  uint64_t unit = e->field[0] >> shift;
  bool come;

  switch (e->type) {
  case VT_R_ALLOC:
    come = admit_alloc(m, lane, unit, forced);
    break;
  case VT_R_FREE:
    come = admit_free(m, lane, unit, forced);
    break;
  case VT_R_REALLOC:
    unit = e->field[1] >> shift;
    come = admit_realloc(m, lane, e->field[0] >> shift, unit, forced);
    break;
  default:
    return true;
  }
  if (come && m->waiting_count)
    wake(m, unit);
  lane->held = !come;
  return come;
}

/* Brings what the lane's next events will ask of the live set into the cache. */
static inline void look_ahead(const struct merge *m, struct lane *lane)
{
  uint64_t unit;

  if (m->live.mask < FAR_SLOTS)
    return;
  prefetch_follow(&lane->prefetch, &lane->stream);
  while (prefetch_next(&lane->prefetch, &lane->stream, &unit))
    liveness_expect(&m->live, unit);
}

/* The event of a lane whose turn has come again after waiting: all others are past what it waited for, or it came. */
static const struct event *take_held(struct merge *m, struct lane *lane)
{
  struct event *e = &lane->stream.event;
  bool forced = lane->waiting;

  if (forced) {
    wait_leave(m, lane);
    heap_up(m, lane);
    m->top = NULL;
  }
  if (!admit(m, lane, forced))
    return NULL;
  if (e->time_ns < m->now)
    e->time_ns = m->now;
  return e;
}

const struct event *merge_next_slow(struct merge *m)
{
  for (;;) {
    struct lane *lane = m->top ? m->top : lane_due(m);

    if (!lane)
      return NULL;
    if (lane->held) {
      const struct event *e = take_held(m, lane);

      if (e)
        return e;
      continue;
    }
    switch (stream_step(&lane->stream)) {
    case STREAM_EVENT:
      if (!m->ordered)
        return &lane->stream.event;
      look_ahead(m, lane);
      if (admit(m, lane, false))
        return &lane->stream.event;
      break;
    case STREAM_CLOCK:
      lane->key = lane->stream.clock;
      heap_down(m, lane);
      m->top = NULL;
      break;
    case STREAM_END:
      lane_end(m, lane);
      break;
    }
  }
}

static int start_compare(const void *a, const void *b)
{
  const struct stream_info *x = *(struct stream_info *const *)a, *y = *(struct stream_info *const *)b;

  if (x->start_ns != y->start_ns)
    return x->start_ns < y->start_ns ? -1 : 1;
  return (x->thread > y->thread) - (x->thread < y->thread);
}

void merge_init(struct merge *m, struct stream_shared *shared, const struct stream_list *streams,
                bool (*wanted)(const struct stream_info *))
{
  size_t programs = 0;

  *m = (struct merge){.shared = shared};
  m->starts = xcalloc(streams->count + 1, sizeof *m->starts);
  m->heap = xcalloc(streams->count + 1, sizeof *m->heap);
  liveness_init(&m->live);
  for (size_t i = 0; i < streams->count; i++) {
    if (!wanted(&streams->all[i]))
      continue;
    m->starts[m->start_count++] = &streams->all[i];
    programs += streams->all[i].role != VT_ROLE_SAMPLER;
  }
  qsort(m->starts, m->start_count, sizeof *m->starts, start_compare);
  m->ordered = programs > 1;
}

void merge_release(struct merge *m)
{
  while (m->count) {
    struct lane *lane = m->heap[--m->count];

    stream_release(&lane->stream);
    free(lane);
  }
  free(m->heap);
  free(m->starts);
  liveness_release(&m->live);
  *m = (struct merge){0};
}
