/*
 * Lists of ranges, and the sweep over many of them at once.  Called by
 * query/verdict/page_set.c and query/verdict/elsewhere.c; does no work per page, only per range.
 */
#include "track/pages/page_range.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

#define NO_EDGE UINT64_MAX

struct lane {
  const struct range *items;
  size_t count, next;
  const struct range **active; /* by sample, then in the list's order */
  size_t active_count, active_room;
  uint64_t edge; /* where this lane changes next */
};

struct sweep {
  struct lane *lanes;
  uint32_t *heap; /* lanes with an edge ahead, the nearest first */
  size_t heap_count;
  uint32_t *occupied; /* lanes with active ranges, ascending */
  size_t occupied_count;
  size_t lane_count;
  uint64_t position;
};

int range_list_add(struct range_list *list, struct range range)
{
  if (list->count == list->room) {
    size_t room = list->room ? list->room * 2 : 64;
    struct range *items = xreallocarray(list->items, room, sizeof *items);

    if (!items)
      return -1;
    list->items = items;
    list->room = room;
  }
  list->items[list->count++] = range;
  return 0;
}

static int compare(uint64_t a, uint64_t b)
{
  return (a > b) - (a < b);
}

static int compare_ranges(const void *a, const void *b)
{
  const struct range *x = a, *y = b;
  int order = compare(x->start, y->start);

  if (!order)
    order = compare(x->sample, y->sample);
  if (!order)
    order = compare(x->count, y->count);
  return order ? order : compare(x->value, y->value);
}

void range_list_sort(struct range_list *list)
{
  if (list->count > 1)
    qsort(list->items, list->count, sizeof *list->items, compare_ranges);
}

void range_list_free(struct range_list *list)
{
  free(list->items);
  memset(list, 0, sizeof *list);
}

static uint64_t range_end(const struct range *r)
{
  return r->start + r->count;
}

static void lane_find_edge(struct lane *lane)
{
  lane->edge = lane->next < lane->count ? lane->items[lane->next].start : NO_EDGE;
  for (size_t i = 0; i < lane->active_count; i++) {
    if (range_end(lane->active[i]) < lane->edge)
      lane->edge = range_end(lane->active[i]);
  }
}

static int lane_insert(struct lane *lane, const struct range *r)
{
  size_t at = lane->active_count;

  if (at == lane->active_room) {
    size_t room = at ? at * 2 : 4;
    const struct range **active = xreallocarray(lane->active, room, sizeof *active);

    if (!active)
      return -1;
    lane->active = active;
    lane->active_room = room;
  }
  while (at && lane->active[at - 1]->sample > r->sample) {
    lane->active[at] = lane->active[at - 1];
    at--;
  }
  xalloc_work_count(lane->active_count - at);
  lane->active[at] = r;
  lane->active_count++;
  return 0;
}

/* Drops what ends at position and takes up what starts there. */
static int lane_advance(struct lane *lane, uint64_t position)
{
  size_t kept = 0;

  xalloc_work_count(lane->active_count);
  for (size_t i = 0; i < lane->active_count; i++) {
    if (range_end(lane->active[i]) > position)
      lane->active[kept++] = lane->active[i];
  }
  lane->active_count = kept;
  while (lane->next < lane->count && lane->items[lane->next].start == position) {
    const struct range *r = &lane->items[lane->next++];

    if (r->count && lane_insert(lane, r) < 0)
      return -1;
  }
  lane_find_edge(lane);
  return 0;
}

static void heap_swap(uint32_t *heap, size_t a, size_t b)
{
  uint32_t lane = heap[a];

  heap[a] = heap[b];
  heap[b] = lane;
}

static void heap_sink(struct sweep *s, size_t at)
{
  for (;;) {
    size_t least = at;

    for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < s->heap_count; child++) {
      if (s->lanes[s->heap[child]].edge < s->lanes[s->heap[least]].edge)
        least = child;
    }
    if (least == at)
      return;
    heap_swap(s->heap, at, least);
    at = least;
  }
}

static void occupied_set(struct sweep *s, uint32_t lane, bool occupied)
{
  size_t low = 0, high = s->occupied_count;

  while (low < high) {
    size_t middle = (low + high) / 2;

    if (s->occupied[middle] < lane)
      low = middle + 1;
    else
      high = middle;
  }
  if ((low < s->occupied_count && s->occupied[low] == lane) == occupied)
    return;
  if (occupied) {
    memmove(s->occupied + low + 1, s->occupied + low, (s->occupied_count - low) * sizeof *s->occupied);
    s->occupied[low] = lane;
    s->occupied_count++;
  } else {
    s->occupied_count--;
    memmove(s->occupied + low, s->occupied + low + 1, (s->occupied_count - low) * sizeof *s->occupied);
  }
}

struct sweep *sweep_new(const struct range_list *const *lists, size_t lane_count)
{
  struct sweep *s = xcalloc(1, sizeof *s);

  if (!s)
    return NULL;
  s->lane_count = lane_count;
  s->lanes = xcalloc(lane_count + 1, sizeof *s->lanes);
  s->heap = xcalloc(lane_count + 1, sizeof *s->heap);
  s->occupied = xcalloc(lane_count + 1, sizeof *s->occupied);
  if (!s->lanes || !s->heap || !s->occupied) {
    sweep_free(s);
    return NULL;
  }
  for (size_t i = 0; i < lane_count; i++) {
    s->lanes[i].items = lists[i]->items;
    s->lanes[i].count = lists[i]->count;
    lane_find_edge(&s->lanes[i]);
    if (s->lanes[i].edge != NO_EDGE)
      s->heap[s->heap_count++] = (uint32_t)i;
  }
  for (size_t i = s->heap_count / 2; i-- > 0;)
    heap_sink(s, i);
  return s;
}

void sweep_free(struct sweep *s)
{
  if (!s)
    return;
  for (size_t i = 0; s->lanes && i < s->lane_count; i++)
    free(s->lanes[i].active);
  free(s->lanes);
  free(s->heap);
  free(s->occupied);
  free(s);
}

int sweep_next(struct sweep *s, struct segment *segment)
{
  do {
    if (!s->occupied_count) {
      if (!s->heap_count)
        return 0;
      s->position = s->lanes[s->heap[0]].edge;
    }
    while (s->heap_count && s->lanes[s->heap[0]].edge == s->position) {
      uint32_t number = s->heap[0];
      struct lane *lane = &s->lanes[number];

      if (lane_advance(lane, s->position) < 0)
        return -1;
      occupied_set(s, number, lane->active_count > 0);
      if (lane->edge == NO_EDGE)
        s->heap[0] = s->heap[--s->heap_count];
      heap_sink(s, 0);
    }
  } while (!s->occupied_count);

  /* An occupied lane always has an edge ahead: the end of its range. */
  segment->start = s->position;
  segment->count = s->lanes[s->heap[0]].edge - s->position;
  segment->lanes = s->occupied;
  segment->lane_count = s->occupied_count;
  s->position += segment->count;
  return 1;
}

const struct range *const *sweep_ranges(const struct sweep *s, uint32_t lane, size_t *count)
{
  *count = s->lanes[lane].active_count;
  return s->lanes[lane].active;
}
