/*
 * Frames of call stacks, and the modules that they lie in.
 */
#include "track/trackers.h"

static void names_begin(void *state, const struct reader *r, struct boot_group *group)
{
  struct names *n = state;

  (void)group;
  id_table_init(&n->nodes, sizeof(struct stack_node));
  modules_init(&n->modules);
  modules_of(&n->modules, r);
}

static void names_event(void *state, const struct event *e)
{
  struct names *n = state;

  if (e->type == VT_R_STACK_NODE)
    stack_nodes_add(&n->nodes, e);
  else
    modules_event(&n->modules, e);
}

/* Call stacks that are inherited are looked up where they were met. */
static void names_inherit(void *state, void *parent)
{
  ((struct names *)state)->parent = parent;
}

static void names_release(void *state)
{
  struct names *n = state;

  id_table_release(&n->nodes);
  modules_release(&n->modules);
}

const struct tracker tracker_names = {
    .name = "names",
    .size = sizeof(struct names),
    .classes = CLASS_SET(MODULE),
    .records = RECORD_SET(STACK_NODE),
    .names = true,
    .begin = names_begin,
    .event = names_event,
    .inherit = names_inherit,
    .release = names_release,
};
