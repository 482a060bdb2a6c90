/*
 * Collects misuse of the heap from a trace, and what its call stacks mean.
 * See heap_errors.h.  Called by track/digest.c and report/info_*.c.
 */
#include "track/heap_errors.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"
#include "track/stack_nodes.h"

struct heap_errors *heap_errors_new(const struct reader *r)
{
  struct heap_errors *h = xcalloc(1, sizeof *h);

  if (h)
    modules_of(&h->modules, r);
  if (h && !id_table_init(&h->nodes, sizeof(struct stack_node))) {
    free(h);
    return NULL;
  }
  return h;
}

void heap_errors_free(struct heap_errors *h)
{
  if (!h)
    return;
  symbols_close(h->symbols);
  modules_release(&h->modules);
  id_table_release(&h->nodes);
  free(h->error);
  free(h);
}

static void add_node(struct heap_errors *h, const struct event *e)
{
  struct stack_node *node = e->field[0] < ID_TABLE_LIMIT ? id_table_make(&h->nodes, (uint32_t)e->field[0]) : NULL;

  if (!node || e->field[0] < VT_STACK_FIRST)
    return;
  *node = (struct stack_node){.pc = e->field[2],
                              .time_ns = e->time_ns,
                              .parent = e->field[1] < ID_TABLE_LIMIT ? (uint32_t)e->field[1] : VT_STACK_BROKEN,
                              .known = true};
}

static void add_error(struct heap_errors *h, const struct event *e)
{
  h->seen++;
  if (h->count == HEAP_ERRORS_KEPT)
    return;
  if (h->count == h->room) {
    size_t room = h->room ? h->room * 2 : 16;
    struct heap_error *error = xreallocarray(h->error, room, sizeof *error);

    if (!error) {
      h->failed = true;
      return;
    }
    h->error = error;
    h->room = room;
  }
  h->error[h->count++] = (struct heap_error){
      .kind = (uint32_t)e->field[0],
      .thread = e->thread,
      .time_ns = e->time_ns,
      .addr = e->field[1],
      .block = e->field[2],
      .stack = (uint32_t)e->field[3],
      .alloc_stack = (uint32_t)e->field[4],
      .free_stack = (uint32_t)e->field[5],
  };
}

void heap_errors_event(struct heap_errors *h, const struct event *e)
{
  if (e->type == VT_R_STACK_NODE)
    add_node(h, e);
  else if (e->type == VT_R_HEAP_ERROR)
    add_error(h, e);
  else if (vt_record_class(e->type) == VT_CLASS_MODULE && !modules_event(&h->modules, e))
    h->failed = true;
}

unsigned heap_errors_frames(struct heap_errors *h, uint32_t stack, heap_errors_frame_fn fn, void *arg)
{
  const struct stack_node *node;
  unsigned shown = 0;

  if (!h->symbols)
    h->symbols = symbols_open();
  while (shown < HEAP_ERRORS_DEPTH && (node = id_table_get(&h->nodes, stack)) && node->known) {
    const struct symbols_frames *frames = symbols_at(h->symbols, &h->modules, node->pc, node->time_ns);

    for (unsigned i = 0; frames && i < frames->count; i++, shown++)
      fn(arg, &frames->frame[i]);
    /* Nodes are numbered from the root outwards: anything else is damage, and might be a circle. */
    stack = node->parent < stack ? node->parent : VT_STACK_BROKEN;
  }
  return shown;
}

const char *heap_errors_kind(uint32_t kind)
{
  static const char *const words[] = {
      [VT_HEAP_DOUBLE_FREE] = "double free",
      [VT_HEAP_INVALID_FREE] = "invalid free",
      [VT_HEAP_INTERIOR_FREE] = "free inside a block",
      [VT_HEAP_SIZE_MISMATCH] = "size mismatch",
  };

  return kind && kind < sizeof words / sizeof *words ? words[kind] : "misuse";
}
