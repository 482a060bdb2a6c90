/*
 * Inheritance by fork.  See heap_heritage.h.  Called by cmd/heap_load.c, and by
 * model/heap_process.c for what a process begins with.
 */
#include "model/heap_heritage.h"

#include <stdlib.h>

#include "reader/complain.h"
#include "reader/xalloc.h"

/*
 * A fork is recorded when it has returned, and the child's trace begins when the child has run: either may
 * be first.  Without a record (a child that no hook saw) what was so long after its start is taken for its start.
 */
#define FORK_LATE_NS UINT64_C(50000000)
/* A record of the same pid that much before the child began is an earlier child's. */
#define FORK_EARLY_NS UINT64_C(1000000000)

struct heap_heritage {
  struct reader *reader;
  const struct event *next; /* read and not taken up yet */
  struct heap_counts counts;
  struct id_table nodes; /* struct stack_node */
  uint32_t own_end;      /* its own call stacks are numbered below this */
  struct modules modules;
  uint64_t now_ns;
};

static void heritage_event(struct heap_heritage *h, const struct event *e)
{
  h->now_ns = e->time_ns;
  heap_counts_event(&h->counts, e);
  if (e->type == VT_R_STACK_NODE) {
    stack_nodes_add(&h->nodes, e);
    if (e->field[0] < STACK_INHERITED && e->field[0] >= h->own_end)
      h->own_end = (uint32_t)e->field[0] + 1;
  } else if (!modules_event(&h->modules, e)) {
    h->counts.failed = true;
  }
}

struct heap_heritage *heap_heritage_open(const char *path, const struct heap_heritage *own)
{
  struct reader *reader = reader_open(path, READER_ALL);
  struct heap_heritage *h;

  if (!reader)
    return NULL;
  h = xcalloc(1, sizeof *h);
  h->reader = reader;
  h->own_end = VT_STACK_FIRST;
  modules_init(&h->modules);
  if (id_table_init(&h->nodes, sizeof(struct stack_node)) &&
      heap_counts_init(&h->counts, reader_header(reader)->page_size) &&
      (!own || heap_heritage_give(own, &h->counts, &h->nodes, &h->modules))) {
    h->next = reader_next(reader);
    return h;
  }
  heap_heritage_free(h);
  complain("%s: out of memory for what children inherit", path);
  return NULL;
}

void heap_heritage_free(struct heap_heritage *h)
{
  if (!h)
    return;
  modules_release(&h->modules);
  id_table_release(&h->nodes);
  heap_counts_release(&h->counts);
  reader_close(h->reader);
  free(h);
}

static bool is_fork_of(const struct event *e, int32_t pid, uint64_t start_ns)
{
  return e->type == VT_R_FORK && (int32_t)e->field[0] == pid && e->time_ns + FORK_EARLY_NS >= start_ns;
}

bool heap_heritage_advance(struct heap_heritage *h, int32_t pid, uint64_t start_ns)
{
  bool found = false;

  while (!found && h->next && (h->next->time_ns <= start_ns || h->next->time_ns - start_ns <= FORK_LATE_NS)) {
    found = is_fork_of(h->next, pid, start_ns);
    heritage_event(h, h->next);
    h->next = reader_next(h->reader);
  }
  heap_counts_flush(&h->counts);
  if (h->counts.failed)
    complain("%s: out of memory for what children inherit", reader_path(h->reader));
  return !h->counts.failed;
}

/* The number that a call stack of h has in the child. */
static uint32_t heir_stack(const struct heap_heritage *h, uint32_t stack)
{
  if (stack < STACK_INHERITED)
    return STACK_INHERITED + stack;
  if (stack < STACK_INHERITED + VT_STACK_FIRST)
    return stack;
  if (stack - STACK_INHERITED >= STACK_INHERITED - h->own_end)
    return STACK_INHERITED + VT_STACK_BROKEN;
  return stack + h->own_end;
}

/* A call stack with all its outer frames. */
static bool give_stack(const struct heap_heritage *h, uint32_t stack, struct id_table *nodes)
{
  while (stack >= VT_STACK_FIRST) {
    const struct stack_node *from = id_table_get(&h->nodes, stack);
    struct stack_node *to;

    if (!from || !from->known)
      return true;
    to = id_table_make(nodes, heir_stack(h, stack));
    if (!to)
      return false;
    if (to->known)
      return true;
    *to = *from;
    if (from->parent >= stack) { /* damage, and might be a circle */
      to->parent = VT_STACK_BROKEN;
      return true;
    }
    if (from->parent >= VT_STACK_FIRST)
      to->parent = heir_stack(h, from->parent);
    stack = from->parent;
  }
  return true;
}

bool heap_heritage_give(const struct heap_heritage *h, struct heap_counts *counts, struct id_table *nodes,
                        struct modules *modules)
{
  for (size_t i = 0; i <= h->counts.blocks.mask; i++) {
    const struct block *block = &h->counts.blocks.slots[i];
    struct block given = *block;

    if (!block_is_live(block))
      continue;
    given.stack = heir_stack(h, block->stack);
    given.data = VT_NO_THREAD;
    if (!give_stack(h, block->stack, nodes) || !blocks_add(&counts->blocks, &given))
      return false;
  }
  for (struct heap_mappings_place at = {0}; heap_mappings_next(&h->counts.mappings, &at);) {
    struct heap_mapping given = *at.mapping;

    if (!give_stack(h, given.stack, nodes))
      return false;
    given.stack = heir_stack(h, given.stack);
    if (!heap_mappings_add(&counts->mappings, &given))
      return false;
  }
  return modules_copy(modules, &h->modules, h->now_ns);
}
