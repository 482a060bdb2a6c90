/*
 * The whole history of a process's pages, mappings and watched values, and its
 * marks: what `vmtrace pages` reports about.
 */
#include "track/trackers.h"

static void history_begin(void *state, const struct reader *r, struct boot_group *group)
{
  struct history *h = state;

  (void)group;
  h->picture = picture_new(reader_header(r));
}

static void history_event(void *state, const struct event *e)
{
  struct history *h = state;

  if (e->type == VT_R_MARK)
    marks_event(&h->picture->marks, e);
  else
    picture_event(h->picture, e);
}

static void history_finish(void *state)
{
  picture_finish(((struct history *)state)->picture);
}

static void history_release(void *state)
{
  picture_free(((struct history *)state)->picture);
}

const struct tracker tracker_history = {
    .name = "history",
    .size = sizeof(struct history),
    .classes = CLASS_SET(SAMPLE) | CLASS_SET(VALUE) | CLASS_SET(MARK),
    .begin = history_begin,
    .event = history_event,
    .finish = history_finish,
    .release = history_release,
};
