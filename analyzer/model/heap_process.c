/*
 * Reads one trace for the report of the heap.  See heap_process.h.  Called by
 * cmd/heap.c; symbols are looked up later, by model/call_tree.c.
 */
#include "model/heap_process.h"

#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/xalloc.h"

#define STEP 65536         /* events between two calls of step: some milliseconds */
#define NAMES_GRACE_MS 100 /* without a sampler, whose period bounds it */

/* Everything that is no allocation. */
static void take_other(struct heap_process *p, const struct event *e)
{
  if (vt_record_class(e->type) == VT_CLASS_MODULE && !modules_event(&p->modules, e))
    p->counts.failed = true;
  switch (e->type) {
  case VT_R_STACK_NODE:
    stack_nodes_add(&p->nodes, e);
    break;
  case VT_R_UNTRACED:
    if (!own_malloc_event(&p->own_malloc, &p->header, e))
      p->counts.failed = true;
    break;
  case VT_R_LOSS:
    p->lost += e->field[1];
    break;
  default:
    break;
  }
}

/* The moment has come: what lives now, and on which pages. */
static bool take_moment(struct heap_process *p, struct heap_pages *pages, uint64_t time_ns)
{
  heap_counts_flush(&p->counts);
  p->moment_ns = time_ns > p->header.start_ns ? time_ns - p->header.start_ns : 0;
  p->then_total = p->counts.total;
  return id_table_copy(&p->then, &p->counts.stacks) &&
         heap_residences_find(&p->residence, &p->counts, pages, p->is_orphan);
}

static uint64_t end_of(const struct heap_process *p, uint64_t seen_ns)
{
  if (p->header.end_ns)
    return p->header.end_ns;
  return p->header.last_ns > seen_ns ? p->header.last_ns : seen_ns;
}

/*
 * The names of call stacks that were in use at the instant, where nothing else
 * is read behind it: a thread's clock may lag behind another's by a sampler's
 * period (FORMAT.md, section 7), and so may a node's record come after its first use.
 */
static void read_names(struct heap_process *p, struct reader *r, const struct event *e, uint64_t time_ns)
{
  uint64_t grace = (p->header.sample_ms ? p->header.sample_ms : NAMES_GRACE_MS) * UINT64_C(1000000);

  for (; e && (e->time_ns <= time_ns || e->time_ns - time_ns <= grace); e = reader_next(r)) {
    if (e->type == VT_R_STACK_NODE)
      stack_nodes_add(&p->nodes, e);
  }
}

static bool read_events(struct heap_process *p, struct reader *r, const struct heap_instant *instant,
                        enum heap_extent extent, struct heap_pages *pages, heap_step step, void *arg)
{
  uint64_t events = 0, seen_ns = p->header.start_ns;
  bool waiting = true; /* for the moment */
  const struct event *e;

  while ((e = reader_next(r))) {
    if (waiting && (instant->events == UINT64_MAX ? e->time_ns > instant->time_ns : events == instant->events)) {
      waiting = false;
      if (!take_moment(p, pages, instant->time_ns))
        return false;
      if (extent == HEAP_READ_UNTIL) {
        read_names(p, r, e, instant->time_ns);
        break;
      }
    }
    if (++events % STEP == 0 && step)
      step(arg, reader_progress(r));
    heap_counts_event(&p->counts, e);
    if (e->type != VT_R_ALLOC && e->type != VT_R_FREE)
      take_other(p, e);
    seen_ns = e->time_ns;
  }
  heap_counts_finish(&p->counts);
  p->events = events;
  if (!waiting)
    return true;
  /* A moment behind the end is the end. */
  return take_moment(p, pages, instant->events == UINT64_MAX ? end_of(p, seen_ns) : instant->time_ns);
}

static struct heap_process *process_new(const struct reader *r, const struct heap_heritage *from)
{
  struct heap_process *p = xcalloc(1, sizeof *p);

  if (!p)
    return NULL;
  p->header = *reader_header(r);
  p->path = xstrdup(reader_path(r));
  modules_init(&p->modules);
  modules_of(&p->modules, r);
  if (p->path && id_table_init(&p->nodes, sizeof(struct stack_node)) &&
      heap_counts_init(&p->counts, p->header.page_size) &&
      (!from || heap_heritage_give(from, &p->counts, &p->nodes, &p->modules))) {
    p->is_orphan = !from && p->header.origin == VT_ORIGIN_FORK;
    return p;
  }
  heap_process_free(p);
  return NULL;
}

struct heap_process *heap_process_load(const char *path, const struct heap_instant *instant, struct heap_pages *pages,
                                       enum heap_extent extent, const struct heap_heritage *from, heap_step step,
                                       void *arg)
{
  struct reader *r = reader_open(path, READER_ALL);
  struct heap_process *p;
  const struct heap_count *none;

  if (!r) {
    heap_pages_free(pages);
    return NULL;
  }
  p = process_new(r, from);
  if (!p || !read_events(p, r, instant, extent, pages, step, arg) || p->counts.failed) {
    complain("%s: out of memory", path);
    heap_process_free(p);
    p = NULL;
  } else {
    p->instant = *instant;
    p->sample_ns = pages->sample_ns > p->header.start_ns ? pages->sample_ns - p->header.start_ns : 0;
    none = id_table_get(&p->counts.stacks, VT_STACK_NONE);
    p->without_stack = none ? none->allocations : 0;
    if (p->lost < p->header.lost)
      p->lost = p->header.lost;
    blocks_release(&p->counts.blocks);
  }
  heap_pages_free(pages);
  reader_close(r);
  return p;
}

void heap_process_free(struct heap_process *p)
{
  if (!p)
    return;
  modules_release(&p->modules);
  own_malloc_release(&p->own_malloc);
  id_table_release(&p->nodes);
  id_table_release(&p->then);
  heap_residences_release(&p->residence);
  heap_counts_release(&p->counts);
  free(p->path);
  free(p);
}
