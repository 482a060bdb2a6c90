/*
 * Call stacks and what each allocated; what is live is so at the session's first instant.
 */
#include <stdlib.h>

#include "query/relation_list.h"
#include "query/relations.h"
#include "query/session_stacks.h"
#include "query/stack_text.h"
#include "reader/xalloc.h"
#include "track/heap/heap_counts.h"
#include "track/trackers.h"

enum { S_PID, S_LIVE, S_BLOCKS, S_PEAK, S_ALLOCATIONS, S_FREES, S_REQUESTED, S_TEMPORARY, S_STACK, S_COLUMNS };

static const struct column columns[S_COLUMNS] = {
    LIST_PID,
    {"live", "live_bytes", "LIVE", COLUMN_BYTES, 0, "bytes allocated and not freed", 0},
    {"live_blocks", NULL, "BLOCKS", COLUMN_COUNT, 3, "blocks allocated and not freed", 0},
    {"peak", "peak_bytes", "PEAK", COLUMN_BYTES, 1, "the most bytes of it that were live at once", COLUMN_ALONE},
    {"allocations", NULL, "ALLOCS", COLUMN_COUNT, 2, "allocations of the whole run", 0},
    {"frees", NULL, "FREES", COLUMN_COUNT, COLUMN_HIDDEN, "frees of the whole run", 0},
    {"requested", "requested_bytes", "REQUESTED", COLUMN_BYTES, 4, "bytes of all allocations", 0},
    {"temporary", NULL, "TEMPORARY", COLUMN_COUNT, 5, "blocks freed before the next allocation of their thread", 0},
    {"stack", NULL, "SITE", COLUMN_STACK, 0, "the functions that were active", COLUMN_KEY | COLUMN_WIDE},
};

/* Those of one trace that have numbers. */
struct stack_list {
  const struct heap_counts *counts;
  const struct heap_then *then;
  uint32_t *stack;
};

static void *stacks_list(struct session *s, const struct session_trace *t, size_t *count)
{
  struct stack_list *l = xcalloc(1, sizeof *l);
  bool peak = session_asked(s, 0)->kind == INSTANT_PEAK;
  size_t room = 0;

  l->counts = session_state(t, &tracker_blocks);
  l->then = heap_counts_then(l->counts, peak ? HEAP_AT_PEAK_OF_GROUP : 0);
  *count = 0;
  for (uint32_t id = id_table_next(&l->counts->stacks, 0); id < ID_TABLE_LIMIT;
       id = id_table_next(&l->counts->stacks, id + 1)) {
    const struct heap_count *c = id_table_get(&l->counts->stacks, id);

    if (!c || (!c->allocations && !c->live_blocks))
      continue;
    l->stack = xgrow(l->stack, *count, &room, sizeof *l->stack);
    l->stack[(*count)++] = id;
  }
  return l;
}

static void stacks_end(void *state)
{
  struct stack_list *l = state;

  free(l->stack);
  free(l);
}

static void stacks_row(struct list_row *row)
{
  const struct stack_list *l = row->state;
  uint32_t id = l->stack[row->number];
  const struct heap_count *c = id_table_get(&l->counts->stacks, id);
  const struct heap_count *then = l->then ? id_table_get(&l->then->stacks, id) : NULL;

  row->cell[S_PEAK] = cell_number(c->peak);
  row->cell[S_ALLOCATIONS] = cell_number(c->allocations);
  row->cell[S_FREES] = cell_number(c->frees);
  row->cell[S_REQUESTED] = cell_number(c->requested);
  row->cell[S_TEMPORARY] = cell_number(c->temporary);
  row->cell[S_STACK] = session_stack(row->trace, id);
  if (!l->then)
    return;
  row->cell[S_LIVE] = cell_number(then ? then->live : 0);
  row->cell[S_BLOCKS] = cell_number(then ? then->live_blocks : 0);
}

static const struct relation_list list = {stacks_list, stacks_row, stacks_end};
static const struct tracker *const trackers[] = {&tracker_blocks, &tracker_names, NULL};

const struct relation relation_stacks = {.name = "stacks",
                                         .meaning = "call stacks and what they allocated",
                                         .columns = columns,
                                         .column_count = S_COLUMNS,
                                         .trackers = trackers,
                                         RELATION_LIST(list),
                                         .stacks = session_stacks};
