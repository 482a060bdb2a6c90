/*
 * Counting call stacks.  See stack_digest.h.  Called by track/digest.c for
 * every event; names no function.
 */
#include "track/stack_digest.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

struct node {
  uint64_t events; /* that carry exactly this call stack */
  uint32_t parent;
  uint32_t depth;
  uint8_t root; /* how the walk ended: below VT_STACK_FIRST, 0 while that is not known */
  uint8_t state;
};

enum { NODE_UNKNOWN, NODE_DEFINED, NODE_ON_PATH, NODE_MEASURED };

bool stack_digest_init(struct stack_digest *s)
{
  memset(s, 0, sizeof *s);
  return id_table_init(&s->nodes, sizeof(struct node));
}

void stack_digest_release(struct stack_digest *s)
{
  id_table_release(&s->nodes);
}

static void define(struct stack_digest *s, const struct event *e)
{
  struct node *node = e->field[0] < ID_TABLE_LIMIT ? id_table_make(&s->nodes, (uint32_t)e->field[0]) : NULL;

  if (!node || e->field[0] < VT_STACK_FIRST) {
    s->failed = s->failed || (!node && e->field[0] < ID_TABLE_LIMIT);
    return;
  }
  node->parent = e->field[1] < ID_TABLE_LIMIT ? (uint32_t)e->field[1] : VT_STACK_BROKEN;
  node->state = NODE_DEFINED;
}

static void count(struct stack_digest *s, uint32_t stack)
{
  struct node *node;

  if (stack == VT_STACK_NONE) {
    s->without++;
    return;
  }
  s->events++;
  node = stack >= VT_STACK_FIRST ? id_table_make(&s->nodes, stack) : NULL;
  if (node)
    node->events++;
  else
    s->ended[stack < VT_STACK_FIRST ? stack : VT_STACK_BROKEN]++;
}

void stack_digest_event(struct stack_digest *s, const struct event *e)
{
  if (vt_record_traits(e->type) & VT_T_STACK)
    count(s, e->stack);
  else if (e->type == VT_R_STACK_NODE)
    define(s, e);
}

/* The node of an id, if there is one that was defined. */
static struct node *defined(const struct stack_digest *s, uint32_t id)
{
  struct node *node = id >= VT_STACK_FIRST ? id_table_get(&s->nodes, id) : NULL;

  return node && node->state != NODE_UNKNOWN ? node : NULL;
}

/*
 * Depth and root of id and of all its parents: down to what is known, then
 * back over the same path, so that every node is walked over once only.  A
 * parent that is not defined, or a circle, is a walk that is broken.
 */
static void measure(struct stack_digest *s, uint32_t id)
{
  uint32_t path = 0, depth = 0, root = VT_STACK_BROKEN, at = id;
  struct node *node;

  for (; (node = defined(s, at)) && node->state == NODE_DEFINED; at = node->parent) {
    node->state = NODE_ON_PATH;
    path++;
  }
  if (node && node->state == NODE_MEASURED) {
    depth = node->depth;
    root = node->root;
  } else if (!node && at < VT_STACK_FIRST && at != VT_STACK_NONE) {
    root = at;
  }
  depth += path;
  for (at = id; path > 0; path--) {
    node = defined(s, at);
    node->state = NODE_MEASURED;
    node->depth = depth--;
    node->root = (uint8_t)root;
    at = node->parent;
  }
}

/* Half of the events are at most so deep. */
static uint32_t median(const struct stack_digest *s)
{
  uint64_t *by_depth = xcalloc((size_t)s->depth_max + 1, sizeof *by_depth), seen = 0, with_frames = 0;
  uint32_t depth = 0;

  if (!by_depth)
    return 0;
  for (uint32_t id = 0; (id = id_table_next(&s->nodes, id)) < ID_TABLE_LIMIT; id++) {
    const struct node *node = id_table_get(&s->nodes, id);

    by_depth[node->depth] += node->events;
    with_frames += node->events;
  }
  by_depth[0] += s->events - with_frames; /* walks that ended before the first frame */
  while (seen + by_depth[depth] < (s->events + 1) / 2)
    seen += by_depth[depth++];
  free(by_depth);
  return depth;
}

void stack_digest_finish(struct stack_digest *s)
{
  for (uint32_t id = 0; (id = id_table_next(&s->nodes, id)) < ID_TABLE_LIMIT; id++) {
    struct node *node = id_table_get(&s->nodes, id);

    if (!node->events)
      continue;
    measure(s, id);
    s->distinct++;
    s->ended[node->state == NODE_MEASURED ? node->root : VT_STACK_BROKEN] += node->events;
    if (node->depth > s->depth_max)
      s->depth_max = node->depth;
  }
  s->depth_median = median(s);
}

static const struct {
  const char *key, *words;
} ends[VT_STACK_FIRST] = {
    [VT_STACK_COMPLETE] = {"complete", "at the thread's first function"},
    [VT_STACK_LIMIT] = {"limit", "after as many frames as are kept (VMTRACE_STACK)"},
    [VT_STACK_BROKEN] = {"broken", "where the unwinder could not go on"},
};

const char *stack_digest_end(uint32_t root)
{
  return root < VT_STACK_FIRST ? ends[root].key : NULL;
}

const char *stack_digest_end_words(uint32_t root)
{
  return root < VT_STACK_FIRST && ends[root].words ? ends[root].words : "for an unknown reason";
}
