/*
 * What makes the numbers of a trace less than the truth.
 */
#include "track/trackers.h"

static void shortcomings_begin(void *state, const struct reader *r, struct boot_group *group)
{
  (void)group;
  ((struct shortcomings *)state)->header = reader_header(r);
}

static void shortcomings_event(void *state, const struct event *e)
{
  struct shortcomings *s = state;

  if (e->type == VT_R_LOSS)
    s->lost += e->field[1];
  else
    own_malloc_event(&s->own_malloc, s->header, e);
}

static void shortcomings_release(void *state)
{
  own_malloc_release(&((struct shortcomings *)state)->own_malloc);
}

const struct tracker tracker_shortcomings = {
    .name = "shortcomings",
    .size = sizeof(struct shortcomings),
    .records = RECORD_SET(LOSS) | RECORD_SET(UNTRACED),
    .begin = shortcomings_begin,
    .event = shortcomings_event,
    .release = shortcomings_release,
};
