/*
 * Processes at an instant, put together from what trackers have.  See
 * heap_process.h.  Called by cmd/heap.c; symbols are looked up later, by
 * query/heap/call_tree.c.
 */
#include "query/heap/heap_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/xalloc.h"

#define LISTED 10 /* processes that one message names */

void heap_set_want(struct session *s)
{
  session_want(s, &tracker_blocks); /* before tracker_pages, which asks for the peak that this finds */
  session_want(s, &tracker_names);
  session_want(s, &tracker_pages);
  session_want(s, &tracker_shortcomings);
}

static uint64_t since_start(const struct session_trace *t, uint64_t time_ns)
{
  return time_ns > t->start_ns ? time_ns - t->start_ns : 0;
}

/* Trackers know an instant by this number. */
static unsigned number_in(const struct session *s, unsigned number)
{
  return session_asked(s, number)->kind == INSTANT_PEAK ? HEAP_AT_PEAK_OF_GROUP : number;
}

static struct heap_process *process_new(struct session *s, const struct session_trace *t, unsigned number)
{
  const struct heap_counts *counts = session_state(t, &tracker_blocks);
  const struct shortcomings *shortcomings = session_state(t, &tracker_shortcomings);
  const struct heap_then *then = heap_counts_then(counts, number_in(s, number));
  const struct heap_count *none = id_table_get(&counts->stacks, VT_STACK_NONE);
  struct heap_process *p;

  if (!then)
    return NULL;
  p = xcalloc(1, sizeof *p);
  p->trace = t;
  p->header = t->header;
  p->path = t->path;
  p->counts = counts;
  p->then = then;
  p->names = session_state(t, &tracker_names);
  p->own_malloc = &shortcomings->own_malloc;
  p->events = t->events;
  p->lost = shortcomings->lost > t->header->lost ? shortcomings->lost : t->header->lost;
  p->without_stack = none ? none->allocations : 0;
  p->is_orphan = !t->parent && t->header->origin == VT_ORIGIN_FORK;
  p->moment_ns = since_start(t, session_time(t, number));
  return p;
}

static struct heap_pages *pages_of(struct session *s, struct heap_process *p, unsigned number)
{
  const struct page_states *states = session_state(p->trace, &tracker_pages);
  const struct pages_then *then = page_states_then(states, number_in(s, number));

  if (then && then->sample_ns)
    p->sample_ns = since_start(p->trace, then->sample_ns);
  return heap_pages_new(page_states_picture(states), then);
}

/* Who did not live at the instant is listed, and not counted. */
static void list_absent(const struct session *s, unsigned number, const struct session_trace *const *absent,
                        size_t count)
{
  enum instant_kind kind = session_asked(s, number)->kind;
  const char *when = kind == INSTANT_MARK ? "that mark" : kind == INSTANT_PEAK ? "the peak" : "that time";
  char pids[LISTED * 13] = "";
  size_t used = 0;

  if (count == 1)
    complain("%s: process %d did not live at %s; it is not counted", absent[0]->path, absent[0]->header->pid, when);
  if (count <= 1)
    return;
  for (size_t i = 0; i < count && i < LISTED; i++)
    used += (size_t)snprintf(pids + used, sizeof pids - used, "%s%d", i ? ", " : "", absent[i]->header->pid);
  complain("%zu of %zu processes did not live at %s; they are not counted: %s%s", count, session_count(s), when, pids,
           count > LISTED ? " ..." : "");
}

void heap_set_at(struct session *s, unsigned number, struct heap_set *set)
{
  size_t count = session_count(s), absent_count = 0;
  const struct session_trace **absent = xcalloc(count + 1, sizeof(struct session_trace *));
  struct heap_pages **pages = xcalloc(count + 1, sizeof(struct heap_pages *));

  *set = (struct heap_set){.process = xcalloc(count + 1, sizeof(struct heap_process *))};
  for (size_t i = 0; i < count; i++) {
    const struct session_trace *t = session_trace(s, i);
    struct heap_process *p = process_new(s, t, number);

    if (p)
      set->process[set->count++] = p;
    else
      absent[absent_count++] = t;
  }
  list_absent(s, number, absent, absent_count);
  for (size_t i = 0; i < set->count; i++)
    pages[i] = pages_of(s, set->process[i], number);
  if (set->count > 1)
    heap_pages_compare(pages, set->count);
  for (size_t i = 0; i < set->count; i++) {
    struct heap_process *p = set->process[i];

    heap_residences_find(&p->residence, p->counts, p->then, pages[i], p->is_orphan);
    heap_pages_free(pages[i]);
  }
  free(absent);
  free(pages);
}

void heap_set_release(struct heap_set *set)
{
  for (size_t i = 0; i < set->count; i++) {
    heap_residences_release(&set->process[i]->residence);
    free(set->process[i]);
  }
  free(set->process);
}

struct stack_place heap_process_place(const struct heap_process *p, uint32_t stack)
{
  struct stack_place place = {.names = p->names, .stack = stack};

  if (stack < STACK_INHERITED)
    return place;
  if (stack - STACK_INHERITED >= p->counts->heir_count)
    return (struct stack_place){.stack = VT_STACK_BROKEN};
  place.generation = p->counts->heir[stack - STACK_INHERITED].generation;
  place.stack = p->counts->heir[stack - STACK_INHERITED].stack;
  for (unsigned i = 0; i < place.generation && place.names; i++)
    place.names = place.names->parent;
  return place;
}
