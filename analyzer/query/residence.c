/*
 * See residence.h.  Who has which frame is query/heap/heap_pages.c's.
 */
#include "query/residence.h"

#include <stdlib.h>

#include "query/copied_pages.h"
#include "query/heap/heap_pages.h"
#include "reader/xalloc.h"
#include "track/trackers.h"

void residence_want(struct session *s)
{
  session_want(s, &tracker_pages);
}

static unsigned number_for_trackers(const struct session *s, unsigned instant)
{
  return session_asked(s, instant)->kind == INSTANT_PEAK ? HEAP_AT_PEAK_OF_GROUP : instant;
}

/* In pages, and fractions of them. */
struct residence_sum {
  uint64_t alone, undivided;
  double divided;
};

static void sum_leaf(struct residence_sum *sum, const struct heap_leaf *leaf)
{
  uint32_t pages = leaf->each ? 1 : LEAF_PAGES; /* that one look stands for */

  for (uint32_t i = 0; i < LEAF_PAGES; i += pages) {
    const struct heap_page *page = heap_leaf_page(leaf, i);
    uint32_t holders;

    if (!heap_page_resident(page->state))
      continue;
    holders = heap_page_holders(page);
    sum->alone += heap_page_private(page) ? pages : 0;
    sum->undivided += holders ? 0 : pages;
    sum->divided += holders ? (double)pages / holders : 0;
  }
}

/* The tracer's own pages and the heap's tables are in no leaf: they are private, and counted by the sample. */
static void residence_sum_up(struct residence *r, const struct heap_pages *p, uint64_t page_size)
{
  struct residence_sum sum = {.alone = p->tracer + p->tables, .divided = (double)(p->tracer + p->tables)};

  for (size_t i = 0; i < p->leaf_count; i++)
    sum_leaf(&sum, &p->leaf[i]);
  r->rss = p->rss ? (int64_t)(p->rss * page_size) : RESIDENCE_UNKNOWN;
  r->private_ = (int64_t)(sum.alone * page_size);
  r->proportional = sum.undivided ? RESIDENCE_UNKNOWN : (int64_t)(sum.divided * (double)page_size + 0.5);
}

static void residence_one(struct residence *r, const struct session_trace *t, unsigned number,
                          struct heap_pages **pages)
{
  const struct page_states *states = session_state(t, &tracker_pages);
  const struct pages_then *then = states ? page_states_then(states, number) : NULL;

  *r = (struct residence){RESIDENCE_UNKNOWN, RESIDENCE_UNKNOWN, RESIDENCE_UNKNOWN, RESIDENCE_UNKNOWN};
  if (!then || !then->sample_ns)
    return;
  *pages = heap_pages_new(page_states_picture(states), then);
  r->copied = copied_pages(states, then);
  if (r->copied != RESIDENCE_UNKNOWN)
    r->copied *= t->header->page_size;
}

struct residence *residence_find(struct session *s, unsigned instant)
{
  size_t count = session_count(s), seen = 0;
  struct residence *all = xcalloc(count + 1, sizeof *all);
  struct heap_pages **pages = xcalloc(count + 1, sizeof(struct heap_pages *));
  struct heap_pages **together = xcalloc(count + 1, sizeof(struct heap_pages *));

  for (size_t i = 0; i < count; i++) {
    residence_one(&all[i], session_trace(s, i), number_for_trackers(s, instant), &pages[i]);
    if (pages[i])
      together[seen++] = pages[i];
  }
  if (seen > 1)
    heap_pages_compare(together, seen);
  for (size_t i = 0; i < count; i++) {
    if (pages[i])
      residence_sum_up(&all[i], pages[i], session_trace(s, i)->header->page_size);
    heap_pages_free(pages[i]);
  }
  free(pages);
  free(together);
  return all;
}
