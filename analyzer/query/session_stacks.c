/*
 * See session_stacks.h.  A stack is the number of the trace whose names it is made of, and its id there.
 */
#include "query/session_stacks.h"

#include <stdlib.h>

#include "reader/xalloc.h"
#include "symbols/call_site.h"
#include "symbols/symbols.h"
#include "track/trackers.h"

#define ID_BITS 32

/* What a session keeps for them. */
struct stack_lookup {
  struct session *session;
  struct symbols *symbols;
  struct stack_names names;
};

/* A stack that was inherited is one of the process that met it. */
static bool find_origin(const struct session_trace **t, uint32_t *stack)
{
  const struct heap_counts *counts = session_state(*t, &tracker_blocks);
  struct heap_heir heir;

  if (*stack < STACK_INHERITED)
    return true;
  if (!counts || *stack - STACK_INHERITED >= counts->heir_count)
    return false;
  heir = counts->heir[*stack - STACK_INHERITED];
  for (unsigned i = 0; i < heir.generation && *t; i++)
    *t = (*t)->parent;
  *stack = heir.stack;
  return *t != NULL;
}

union cell session_stack(const struct session_trace *t, uint32_t stack)
{
  if (!find_origin(&t, &stack) || stack < VT_STACK_FIRST)
    return (union cell){.number = CELL_UNKNOWN};
  return (union cell){.number = (int64_t)((uint64_t)t->number << ID_BITS | stack)};
}

static unsigned stack_frames(void *arg, int64_t cell, const struct symbol **frame, unsigned room)
{
  struct stack_lookup *l = arg;
  uint64_t number = (uint64_t)cell >> ID_BITS;
  uint32_t stack = (uint32_t)cell;
  bool there = number < session_count(l->session);
  struct names *names = there ? session_state(session_trace(l->session, number), &tracker_names) : NULL;
  unsigned count = 0;

  for (const struct stack_node *node; names && count < room;) {
    const struct symbols_frames *frames;

    node = id_table_get(&names->nodes, stack);
    if (!node || !node->known)
      break;
    frames = symbols_at(l->symbols, &names->modules, node->pc, node->time_ns);
    for (unsigned i = 0; i < frames->count && count < room; i++)
      frame[count++] = &frames->frame[i];
    /* Nodes are numbered from the root outwards: anything else is damage, and might be a circle. */
    stack = node->parent < stack ? node->parent : VT_STACK_BROKEN;
  }
  return count;
}

static unsigned stack_site(void *arg, int64_t cell)
{
  const struct symbol *frames[STACK_FRAMES_MAX];
  unsigned count = stack_frames(arg, cell, frames, STACK_FRAMES_MAX), site = 0;

  while (site + 1 < count && call_site_is_wrapper(frames[site]))
    site++;
  return site;
}

static void lookup_release(void *lookup)
{
  struct stack_lookup *l = lookup;

  symbols_close(l->symbols);
  free(l);
}

const struct stack_names *session_stacks(struct session *s)
{
  struct stack_lookup *l = session_kept(s, lookup_release);

  if (!l) {
    l = xcalloc(1, sizeof *l);
    l->session = s;
    l->symbols = symbols_open();
    l->names = (struct stack_names){l, stack_frames, stack_site};
    session_keep(s, l, lookup_release);
  }
  return &l->names;
}
