/*
 * Overlapping ranges of addresses.  See address_map.h.
 *
 * They are cut into pieces that do not overlap: a sweep over the addresses
 * keeps those that are open in a heap, the one in force on top.
 */
#include "symbols/address_map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

void address_map_release(struct address_map *m)
{
  free(m->item);
  *m = (struct address_map){0};
}

void address_map_add(struct address_map *m, struct address_range range)
{
  if (range.end <= range.start)
    return;
  m->item = xgrow(m->item, m->count, &m->room, sizeof *m->item);
  m->item[m->count++] = range;
}

static int compare_ranges(const void *a, const void *b)
{
  const struct address_range *x = a, *y = b;

  if (x->start != y->start)
    return x->start < y->start ? -1 : 1;
  if (x->end != y->end)
    return x->end > y->end ? -1 : 1;
  return (x->rank > y->rank) - (x->rank < y->rank);
}

/* The open ranges: a heap whose top is in force. */
struct open_ranges {
  struct address_range *heap;
  size_t count;
};

static bool is_above(const struct address_range *a, const struct address_range *b)
{
  return a->rank > b->rank;
}

static void swap_ranges(struct address_range *a, struct address_range *b)
{
  struct address_range kept = *a;

  *a = *b;
  *b = kept;
}

static void open_range(struct open_ranges *o, const struct address_range *range)
{
  size_t i = o->count++;

  o->heap[i] = *range;
  for (; i && is_above(&o->heap[i], &o->heap[(i - 1) / 2]); i = (i - 1) / 2)
    swap_ranges(&o->heap[i], &o->heap[(i - 1) / 2]);
}

static void close_top(struct open_ranges *o)
{
  size_t i = 0;

  o->heap[0] = o->heap[--o->count];
  for (;;) {
    size_t child = 2 * i + 1;

    if (child >= o->count)
      return;
    if (child + 1 < o->count && is_above(&o->heap[child + 1], &o->heap[child]))
      child++;
    if (!is_above(&o->heap[child], &o->heap[i]))
      return;
    swap_ranges(&o->heap[child], &o->heap[i]);
    i = child;
  }
}

/* A piece right behind one of the same range belongs to it. */
static void put_piece(struct address_map *to, const struct address_range *range, uint64_t start, uint64_t end)
{
  struct address_range *last = to->count ? &to->item[to->count - 1] : NULL;

  if (last && last->end == start && last->value == range->value)
    last->end = end;
  else
    address_map_add(to, (struct address_range){start, end, range->value, range->rank});
}

static void cut(const struct address_map *from, struct open_ranges *open, struct address_map *to)
{
  uint64_t at = 0;

  for (size_t next = 0; next < from->count || open->count;) {
    uint64_t until;

    if (!open->count)
      at = from->item[next].start;
    for (; next < from->count && from->item[next].start <= at; next++)
      open_range(open, &from->item[next]);
    while (open->count && open->heap[0].end <= at)
      close_top(open);
    if (!open->count)
      continue;
    until = open->heap[0].end;
    if (next < from->count && from->item[next].start < until)
      until = from->item[next].start;
    put_piece(to, &open->heap[0], at, until);
    at = until;
  }
}

void address_map_finish(struct address_map *m, enum address_order order)
{
  struct open_ranges open = {.heap = xcalloc(m->count + 1, sizeof *open.heap)};
  struct address_map pieces = {0};

  if (m->count)
    qsort(m->item, m->count, sizeof *m->item, compare_ranges);
  for (size_t i = 0; order == ADDRESS_INNERMOST && i < m->count; i++)
    m->item[i].rank = i;
  cut(m, &open, &pieces);
  free(open.heap);
  free(m->item);
  *m = pieces;
}

const struct address_range *address_map_find(const struct address_map *m, uint64_t addr)
{
  size_t low = 0, high = m->count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (m->item[middle].start <= addr)
      low = middle + 1;
    else
      high = middle;
  }
  return low && m->item[low - 1].end > addr ? &m->item[low - 1] : NULL;
}
