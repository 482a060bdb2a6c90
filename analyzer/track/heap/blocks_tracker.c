/*
 * The books of blocks and mappings as a tracker.  The counting is track/heap/heap_counts.c's.
 */
#include "track/trackers.h"

static void block_books_begin(void *state, const struct reader *r, struct boot_group *group)
{
  heap_counts_init(state, reader_header(r)->page_size, group->wanted ? group : NULL);
}

static void block_books_event(void *state, const struct event *e)
{
  heap_counts_event(state, e);
}

static const struct event *block_books_run(void *state, struct reader *r, const struct event *e, uint64_t limit_ns,
                                           struct tracker_taken *taken)
{
  uint64_t n = taken->count, seen_ns = taken->seen_ns;

  for (; tracker_runs(e, limit_ns, n); n++) {
    heap_counts_event(state, e);
    seen_ns = e->time_ns;
    e = reader_next(r);
  }
  *taken = (struct tracker_taken){n, seen_ns};
  return e;
}

static void block_books_inherit(void *state, void *parent)
{
  heap_counts_inherit(state, parent);
}

static void block_books_instant(void *state, const struct tracker_instant *instant)
{
  heap_counts_instant(state, instant->number);
}

static void block_books_finish(void *state)
{
  heap_counts_finish(state);
}

static void block_books_release(void *state)
{
  heap_counts_release(state);
}

const struct tracker tracker_blocks = {
    .name = "blocks",
    .size = sizeof(struct heap_counts),
    .classes = CLASS_SET(BLOCK) | CLASS_SET(MAPPING),
    .records = RECORD_SET(SAMPLE),
    .begin = block_books_begin,
    .event = block_books_event,
    .run = block_books_run,
    .inherit = block_books_inherit,
    .instant = block_books_instant,
    .finish = block_books_finish,
    .release = block_books_release,
};
