/*
 * The traces of a session in the order of their turns: a binary heap, the one that is due first on top.  Called by
 * pass.c.
 */
#include "query/session/session_private.h"

static bool is_before(const struct trace *a, const struct trace *b)
{
  return a->key != b->key ? a->key < b->key : a->public.number < b->public.number;
}

static void heap_put(struct session *s, size_t place, struct trace *t)
{
  s->heap[place] = t;
  t->place = place;
}

void trace_heap_up(struct session *s, struct trace *t)
{
  size_t place = t->place;

  for (; place > 0 && is_before(t, s->heap[(place - 1) / 2]); place = (place - 1) / 2)
    heap_put(s, place, s->heap[(place - 1) / 2]);
  heap_put(s, place, t);
}

void trace_heap_down(struct session *s, struct trace *t)
{
  size_t place = t->place, child;

  while ((child = place * 2 + 1) < s->heap_count) {
    if (child + 1 < s->heap_count && is_before(s->heap[child + 1], s->heap[child]))
      child++;
    if (!is_before(s->heap[child], t))
      break;
    heap_put(s, place, s->heap[child]);
    place = child;
  }
  heap_put(s, place, t);
}

void trace_heap_take_top(struct session *s)
{
  struct trace *last = s->heap[--s->heap_count];

  if (s->heap_count) {
    heap_put(s, 0, last);
    trace_heap_down(s, last);
  }
}

uint64_t trace_heap_second(const struct session *s)
{
  uint64_t key = UINT64_MAX;

  for (size_t i = 1; i <= 2 && i < s->heap_count; i++)
    key = s->heap[i]->key < key ? s->heap[i]->key : key;
  return key;
}
