/*
 * Counting allocations per call stack.  See heap_counts.h.  Called by
 * model/heap_process.c for every event; names nothing and reads no file.
 *
 * "Live at the peak" costs one pass: a stack that changes for the first time
 * after the process reached a new high had at that high what it has just before the change.
 */
#include "model/heap_counts.h"

#include <string.h>

#include "model/stack_nodes.h"
#include "vmtrace/format.h"

bool heap_counts_init(struct heap_counts *c, uint64_t page_size)
{
  memset(c, 0, sizeof *c);
  c->page_size = page_size;
  if (blocks_init(&c->blocks) && id_table_init(&c->stacks, sizeof(struct heap_count)) &&
      id_table_init(&c->threads, sizeof(uint64_t)))
    return true;
  heap_counts_release(c);
  return false;
}

void heap_counts_release(struct heap_counts *c)
{
  blocks_release(&c->blocks);
  id_table_release(&c->stacks);
  id_table_release(&c->threads);
  heap_mappings_release(&c->mappings);
}

/* Numbers that no trace can have belong to a broken stack. */
static inline uint32_t plausible_stack(uint32_t stack)
{
  return stack < STACK_INHERITED ? stack : VT_STACK_BROKEN;
}

static inline void settle(const struct heap_counts *c, struct heap_count *s)
{
  if (s->peaks != c->total.peaks) {
    s->at_peak = s->live;
    s->peaks = c->total.peaks;
  }
}

static inline void count_alloc(struct heap_counts *c, const struct heap_pending *e)
{
  const struct block block = {e->addr, e->size, plausible_stack(e->stack), e->thread};
  struct heap_count *s = id_table_make(&c->stacks, block.stack);
  uint64_t *latest = id_table_make(&c->threads, e->thread);
  struct block lost;

  if (!s || !blocks_exchange(&c->blocks, &block, &lost)) {
    c->failed = true;
    return;
  }
  if (lost.addr && lost.stack < STACK_INHERITED) {
    /* Its free is not in the trace. */
    struct heap_count *owner = id_table_get(&c->stacks, lost.stack);

    settle(c, owner);
    owner->live -= lost.size;
    owner->live_blocks--;
    c->total.live -= lost.size;
    c->total.live_blocks--;
  }
  if (latest)
    *latest = e->addr;
  settle(c, s);
  s->allocations++;
  s->requested += e->size;
  s->live += e->size;
  s->live_blocks++;
  if (s->live > s->peak)
    s->peak = s->live;
  c->total.allocations++;
  c->total.requested += e->size;
  c->total.live += e->size;
  c->total.live_blocks++;
  if (c->total.live > c->total.peak) {
    c->total.peak = c->total.live;
    c->total.peaks++;
    c->peak_events = e->event;
    c->peak_ns = e->time_ns;
  }
}

/* The process never allocated it: it was in no number of live blocks. */
static void count_inherited_free(struct heap_counts *c, uint32_t stack)
{
  struct heap_count *s = id_table_make(&c->stacks, stack);

  if (!s) {
    c->failed = true;
    return;
  }
  s->frees++;
  c->total.frees++;
}

static inline void count_free(struct heap_counts *c, uint64_t addr)
{
  const uint64_t *latest;
  struct heap_count *s;
  struct block block;

  if (!blocks_remove(&c->blocks, addr, &block)) {
    c->unknown_frees += addr != 0;
    return;
  }
  if (block.stack >= STACK_INHERITED) {
    count_inherited_free(c, block.stack);
    return;
  }
  s = id_table_get(&c->stacks, block.stack);
  settle(c, s);
  s->frees++;
  s->live -= block.size;
  s->live_blocks--;
  c->total.frees++;
  c->total.live -= block.size;
  c->total.live_blocks--;
  latest = id_table_get(&c->threads, block.data);
  if (latest && *latest == addr) {
    s->temporary++;
    c->total.temporary++;
  }
}

void heap_counts_flush(struct heap_counts *c)
{
  for (unsigned i = 0; i < c->pending_count; i++) {
    if (c->pending[i].size == BLOCK_FREED)
      count_free(c, c->pending[i].addr);
    else
      count_alloc(c, &c->pending[i]);
  }
  c->pending_count = 0;
}

static inline void defer(struct heap_counts *c, const struct event *e, uint64_t addr, uint64_t size)
{
  if (c->pending_count == HEAP_PENDING)
    heap_counts_flush(c);
  blocks_expect(&c->blocks, addr);
  c->pending[c->pending_count++] = (struct heap_pending){addr, size, c->events, e->time_ns, e->stack, e->thread};
}

/* No block is as large as what marks a free. */
static uint64_t plausible_size(uint64_t size)
{
  return size < BLOCK_FREED ? size : BLOCK_FREED - 1;
}

void heap_counts_event(struct heap_counts *c, const struct event *e)
{
  c->events++;
  switch (e->type) {
  case VT_R_ALLOC:
    defer(c, e, e->field[0], plausible_size(e->field[1]));
    break;
  case VT_R_FREE:
    defer(c, e, e->field[0], BLOCK_FREED);
    break;
  case VT_R_REALLOC:
    defer(c, e, e->field[0], BLOCK_FREED);
    defer(c, e, e->field[1], plausible_size(e->field[2]));
    break;
  default:
    if (!heap_mappings_event(&c->mappings, e, c->page_size))
      c->failed = true;
  }
}

void heap_counts_finish(struct heap_counts *c)
{
  heap_counts_flush(c);
  for (uint32_t id = 0; (id = id_table_next(&c->stacks, id)) < ID_TABLE_LIMIT; id++)
    settle(c, id_table_get(&c->stacks, id));
  c->total.at_peak = c->total.peak;
}
