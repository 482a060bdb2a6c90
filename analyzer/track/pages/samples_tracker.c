/*
 * See samples_tracker.h.
 */
#include "track/pages/samples_tracker.h"

#include <stdlib.h>

#include "reader/xalloc.h"

#define PAGES_MOST                                                                                                     \
  (UINT64_C(1) << 36) /* that a process can have: more is damage, and its bytes would overflow sums                    \
                       */

static void samples_begin(void *state, const struct reader *r, struct boot_group *group)
{
  struct memory_samples *m = state;

  (void)group;
  m->page_size = reader_header(r)->page_size;
  m->rss_peak = MEMORY_UNKNOWN;
}

/* What the one before said of the kernel's count holds until another record says otherwise. */
static void samples_add(struct memory_samples *m, const struct event *e)
{
  const struct memory_sample *before = m->count ? &m->all[m->count - 1] : NULL;
  struct memory_sample sample = {.time_ns = e->time_ns,
                                 .reason = e->field[0],
                                 .number = e->field[2],
                                 .rss = before ? before->rss : MEMORY_UNKNOWN,
                                 .tracer = before ? before->tracer : MEMORY_UNKNOWN,
                                 .tables = before ? before->tables : MEMORY_UNKNOWN};

  if (m->count == SAMPLES_KEPT)
    return;
  m->all = xgrow(m->all, m->count, &m->room, sizeof *m->all);
  m->all[m->count++] = sample;
}

static uint64_t bytes_of(const struct memory_samples *m, uint64_t pages)
{
  return pages <= PAGES_MOST ? pages * m->page_size : MEMORY_UNKNOWN;
}

static void samples_resident(struct memory_samples *m, const struct event *e)
{
  struct memory_sample *sample = &m->all[m->count - 1];

  sample->rss = e->field[0] ? bytes_of(m, e->field[0]) : MEMORY_UNKNOWN;
  sample->tracer = bytes_of(m, e->field[1]);
  sample->tables = bytes_of(m, e->field[2]);
  if (sample->rss != MEMORY_UNKNOWN && (m->rss_peak == MEMORY_UNKNOWN || sample->rss > m->rss_peak))
    m->rss_peak = sample->rss;
}

static void samples_event(void *state, const struct event *e)
{
  struct memory_samples *m = state;

  if (e->type == VT_R_SAMPLE)
    samples_add(m, e);
  if (!m->count)
    return;
  if (e->type == VT_R_RESIDENT)
    samples_resident(m, e);
  if (e->type == VT_R_SAMPLE_END && e->field[0] == m->all[m->count - 1].number) {
    m->all[m->count - 1].present = bytes_of(m, e->field[1]);
    m->all[m->count - 1].cost_ns = e->field[2];
    m->all[m->count - 1].ended = true;
  }
}

static void samples_release(void *state)
{
  free(((struct memory_samples *)state)->all);
}

const struct memory_sample *memory_samples_at(const struct memory_samples *m, uint64_t time_ns)
{
  size_t i = m->count;

  while (i > 0 && (m->all[i - 1].time_ns > time_ns || m->all[i - 1].rss == MEMORY_UNKNOWN))
    i--;
  return i ? &m->all[i - 1] : NULL;
}

const struct tracker tracker_samples = {
    .name = "samples",
    .size = sizeof(struct memory_samples),
    .records = RECORD_SET(SAMPLE) | RECORD_SET(SAMPLE_END) | RECORD_SET(RESIDENT),
    .begin = samples_begin,
    .event = samples_event,
    .release = samples_release,
};
