/*
 * The states of a process's pages at instants.  Parsing of the sampler's
 * records is track/pages/process_picture.c's; here its lists of changes are boiled
 * down to the last state now and then, so that memory does not grow with time.
 *
 * A sample that began by an instant tells what was there then.  Its records may come later, so
 * an instant is looked at when the next sample begins.  The group's peak is known afterwards: each sample after a
 * new high keeps what was there before it.
 */
#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"
#include "track/pages/range_settle.h"
#include "track/trackers.h"

#define SETTLE_MIN ((size_t)1 << 16) /* changes kept before they are boiled down */

/* An instant on its way. */
struct coming {
  struct pages_then then;
  uint64_t time_ns;
  uint64_t age_ns; /* a sample that begins this much after a mark is nearer to it than the one before */
  bool open;       /* the next sample, or the end, tells what was there */
  bool nearer;     /* a sample that is nearer is waited for */
  bool taken;
};

struct page_states {
  struct picture *picture;
  const struct boot_group *group;
  size_t pages_max, vmas_max; /* changes, beyond which they are boiled down */
  struct pages_then now;      /* its counts; the lists are the picture's */
  uint64_t ended_ns;          /* when the latest sample did */
  struct coming *at;          /* by number */
  size_t at_count;
  struct coming peak; /* the latest high of the group */
  struct pages_inherited inherited;
  struct page_states **heirs; /* children that wait for the first sample behind their fork */
  size_t heir_count, heir_room;
};

static void page_states_begin(void *state, const struct reader *r, struct boot_group *group)
{
  struct page_states *s = state;

  s->picture = picture_new(reader_header(r));
  s->group = group;
  s->pages_max = s->vmas_max = SETTLE_MIN;
}

static void page_states_settle(struct picture *p)
{
  range_list_settle_pages(&p->pages);
  p->sample_pages = p->pages.count;
  range_list_settle_vmas(&p->vmas);
}

static void pages_then_release(struct pages_then *then)
{
  range_list_free(&then->pages);
  range_list_free(&then->vmas);
}

/* What is there now is what was there at the instant. */
static void page_states_take(struct page_states *s, struct coming *c)
{
  bool at_end = c->then.at_end;

  page_states_settle(s->picture);
  pages_then_release(&c->then);
  c->then = s->now;
  c->then.at_end = at_end;
  c->then.samples = s->picture->sample_count;
  range_list_copy(&c->then.pages, &s->picture->pages);
  range_list_copy(&c->then.vmas, &s->picture->vmas);
  c->taken = true;
}

/* A sample begins, or the trace ends: what was there at the instants since the one before. */
static void look_at_instants(struct page_states *s, uint64_t time_ns, bool partial)
{
  for (size_t i = 0; i < s->at_count; i++) {
    struct coming *c = &s->at[i];
    bool near = c->nearer && time_ns - c->time_ns < c->age_ns;

    if (!c->open || (time_ns <= c->time_ns && !c->then.at_end))
      continue;
    if (!c->nearer || !c->taken)
      page_states_take(s, c);
    c->open = near;
    c->nearer = near && partial;
  }
  /* A high since the sample before: this was there. */
  if (s->group->wanted && s->group->peak_ns > s->peak.time_ns && s->group->peak_ns >= s->now.sample_ns) {
    s->peak.time_ns = s->group->peak_ns;
    page_states_take(s, &s->peak);
  }
}

/* Counts that no process can have are damage; the bound keeps their sums in bytes from overflowing. */
static void set_counts(struct pages_then *now, const struct event *e)
{
  const uint64_t most = UINT64_C(1) << 36;

  if (e->field[0] > most || e->field[1] > most || e->field[2] > most)
    return;
  now->rss = e->field[0];
  now->tracer = e->field[1];
  now->tables = e->field[2];
}

/* A sample behind forks has come to its end. */
static void page_states_bequeath(struct page_states *s)
{
  if (!s->heir_count)
    return;
  page_states_settle(s->picture);
  for (size_t i = 0; i < s->heir_count; i++) {
    range_list_copy(&s->heirs[i]->inherited.after, &s->picture->pages);
    s->heirs[i]->inherited.known = true;
  }
  s->heir_count = 0;
}

static void page_states_event(void *state, const struct event *e)
{
  struct page_states *s = state;
  struct picture *p = s->picture;

  if (e->type == VT_R_SAMPLE) {
    look_at_instants(s, e->time_ns, e->field[1] & VT_SAMPLE_PARTIAL);
    s->now.sample_ns = e->time_ns;
  }
  if (e->type == VT_R_RESIDENT)
    set_counts(&s->now, e);
  picture_event(p, e);
  if (e->type != VT_R_SAMPLE_END)
    return;
  s->ended_ns = e->time_ns;
  s->now.counted = e->field[1];
  page_states_bequeath(s);
  if (p->pages.count > s->pages_max || p->vmas.count > s->vmas_max) {
    page_states_settle(p);
    s->pages_max = p->pages.count * 2 + SETTLE_MIN;
    s->vmas_max = p->vmas.count * 2 + SETTLE_MIN;
  }
}

static void page_states_instant(void *state, const struct tracker_instant *instant)
{
  struct page_states *s = state;
  struct coming *c;

  if (instant->number >= s->at_count) {
    s->at = xreallocarray(s->at, instant->number + 1, sizeof *s->at);
    memset(s->at + s->at_count, 0, (instant->number + 1 - s->at_count) * sizeof *s->at);
    s->at_count = instant->number + 1;
  }
  c = &s->at[instant->number];
  c->time_ns = instant->time_ns;
  c->then.at_end = instant->at_end;
  c->open = true;
  c->nearer = instant->foreign_mark || (instant->marked && !instant->sampled);
  c->age_ns = instant->time_ns > s->ended_ns ? instant->time_ns - s->ended_ns : 0;
  if (instant->foreign_mark && !s->ended_ns)
    c->age_ns = UINT64_MAX; /* the first sample is the nearest */
}

static void page_states_finish(void *state)
{
  struct page_states *s = state;

  picture_finish(s->picture);
  look_at_instants(s, UINT64_MAX, false);
}

static void page_states_inherit(void *state, void *parent)
{
  struct page_states *s = state, *from = parent;

  if (from->ended_ns) {
    range_list_copy(&s->inherited.before, &from->picture->pages);
    range_list_settle_pages(&s->inherited.before);
    s->inherited.known = true;
  }
  from->heirs = xgrow(from->heirs, from->heir_count, &from->heir_room, sizeof *from->heirs);
  from->heirs[from->heir_count++] = s;
}

const struct pages_inherited *page_states_inherited(const struct page_states *s)
{
  return &s->inherited;
}

static void page_states_release(void *state)
{
  struct page_states *s = state;

  range_list_free(&s->inherited.before);
  range_list_free(&s->inherited.after);
  free(s->heirs);

  for (size_t i = 0; i < s->at_count; i++)
    pages_then_release(&s->at[i].then);
  pages_then_release(&s->peak.then);
  free(s->at);
  picture_free(s->picture);
}

const struct pages_then *page_states_then(const struct page_states *s, unsigned number)
{
  const struct coming *c = number < s->at_count ? &s->at[number] : &s->peak;

  if (number >= s->at_count && number != HEAP_AT_PEAK_OF_GROUP)
    return NULL;
  return c->taken ? &c->then : NULL;
}

const struct picture *page_states_picture(const struct page_states *s)
{
  return s->picture;
}

const struct tracker tracker_pages = {
    .name = "pages",
    .size = sizeof(struct page_states),
    .classes = CLASS_SET(SAMPLE),
    .begin = page_states_begin,
    .event = page_states_event,
    .inherit = page_states_inherit,
    .instant = page_states_instant,
    .finish = page_states_finish,
    .release = page_states_release,
};
