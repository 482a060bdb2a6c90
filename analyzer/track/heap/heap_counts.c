/*
 * Counting allocations per call stack.  See heap_counts.h.  Called by
 * track/heap/blocks_tracker.c for every event; names nothing and reads no file.
 *
 * "Live at the peak" costs one pass: a stack that changes for the first time
 * after the process reached a new high had at that high what it has just before the change.
 */
#include "track/heap/heap_counts.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"
#include "track/stack_nodes.h"
#include "vmtrace/format.h"

#define GONE_MIN ((size_t)1 << 16) /* blocks kept before it is looked which are still needed */

void heap_counts_init(struct heap_counts *c, uint64_t page_size, struct boot_group *group)
{
  memset(c, 0, sizeof *c);
  c->page_size = page_size;
  c->group = group;
  /* The sum over several processes is right at any time only if none of them lags behind. */
  c->pending_most = group && !group->alone ? 1 : HEAP_PENDING;
  c->peaks_seen = group ? group->peaks : 0;
  c->gone_limit = GONE_MIN;
  blocks_init(&c->blocks);
  id_table_init(&c->stacks, sizeof(struct heap_count));
  id_table_init(&c->peak.stacks, sizeof(struct heap_count));
}

static void then_release(struct heap_then *then)
{
  if (then->taken)
    id_table_release(&then->stacks);
  heap_mappings_release(&then->mappings);
}

void heap_counts_release(struct heap_counts *c)
{
  blocks_release(&c->blocks);
  id_table_release(&c->stacks);
  latest_blocks_release(&c->latest);
  heap_mappings_release(&c->mappings);
  c->peak.taken = true; /* its table was made in any case */
  then_release(&c->peak);
  for (size_t i = 0; i < c->then_count; i++)
    then_release(&c->then[i]);
  free(c->then);
  free(c->gone);
  free(c->heir);
  memset(c, 0, sizeof *c);
}

/* instants */

/* Whether an instant that counts lies between two intervals. */
static bool lived_at_instant(const struct heap_counts *c, uint32_t born, uint32_t freed)
{
  if (c->peak.taken && born <= c->peak.interval && c->peak.interval < freed)
    return true;
  for (size_t i = 0; i < c->then_count; i++) {
    if (c->then[i].taken && born <= c->then[i].interval && c->then[i].interval < freed)
      return true;
  }
  return false;
}

/* Forgets what lived at a peak alone that is none any more. */
static void drop_gone(struct heap_counts *c)
{
  size_t kept = 0;

  for (size_t i = 0; i < c->gone_count; i++) {
    if (lived_at_instant(c, c->gone[i].born, c->gone[i].freed))
      c->gone[kept++] = c->gone[i];
  }
  c->gone_count = kept;
  c->gone_limit = kept * 2 > GONE_MIN ? kept * 2 : GONE_MIN;
}

static inline void keep_gone(struct heap_counts *c, const struct block *block)
{
  if (block->born >= c->kept_from)
    return;
  if (c->gone_count >= c->gone_limit)
    drop_gone(c);
  c->gone = xgrow(c->gone, c->gone_count, &c->gone_room, sizeof *c->gone);
  c->gone[c->gone_count++] = (struct heap_gone){block->addr, block->size, block->stack, block->born, c->interval};
}

/* What lives now lived at an instant. */
static uint32_t end_interval(struct heap_counts *c)
{
  c->kept_from = c->interval + 1;
  return c->interval++;
}

/* Takes note of a peak of the group, if there was one since the last event: nothing has changed here since. */
static inline void note_peak(struct heap_counts *c)
{
  if (__builtin_expect(!c->group || c->group->peaks == c->peaks_seen, 1))
    return;
  c->peaks_seen = c->group->peaks;
  c->peak.taken = true;
  c->peak.total = c->total;
  c->peak.interval = end_interval(c);
  c->peak_mapped = false;
}

static void save_stack(struct heap_counts *c, uint32_t id, struct heap_count *s)
{
  struct heap_count *then = id_table_make(&c->peak.stacks, id);

  if (then)
    *then = *s;
  s->group_peaks = c->peaks_seen;
}

/* Before a stack changes. */
static inline void settle_peak(struct heap_counts *c, uint32_t id, struct heap_count *s)
{
  if (__builtin_expect(s->group_peaks != c->peaks_seen, 0))
    save_stack(c, id, s);
}

/* Before a mapping changes. */
static void settle_mappings(struct heap_counts *c)
{
  if (!c->peak.taken || c->peak_mapped)
    return;
  heap_mappings_copy(&c->peak.mappings, &c->mappings);
  c->peak_mapped = true;
}

void heap_counts_instant(struct heap_counts *c, unsigned number)
{
  struct heap_then *then;

  heap_counts_flush(c);
  note_peak(c);
  if (number >= c->then_count) {
    c->then = xreallocarray(c->then, number + 1, sizeof *c->then);
    memset(c->then + c->then_count, 0, (number + 1 - c->then_count) * sizeof *c->then);
    c->then_count = number + 1;
  }
  then = &c->then[number];
  then_release(then);
  *then = (struct heap_then){.interval = end_interval(c), .taken = true, .total = c->total};
  id_table_copy(&then->stacks, &c->stacks);
  heap_mappings_copy(&then->mappings, &c->mappings);
}

const struct heap_then *heap_counts_then(const struct heap_counts *c, unsigned number)
{
  if (number == HEAP_AT_PEAK_OF_GROUP)
    return c->group && c->peaks_seen == c->group->peaks && (c->peak.taken || !c->peaks_seen) ? &c->peak : NULL;
  return number < c->then_count && c->then[number].taken ? &c->then[number] : NULL;
}

void heap_counts_lived(const struct heap_counts *c, const struct heap_then *then, heap_block_do act, void *arg)
{
  for (size_t i = 0; i <= c->blocks.mask; i++) {
    const struct block *block = &c->blocks.slots[i];

    if (block_is_live(block) && block->born <= then->interval)
      act(arg, block->addr, block->size, block->stack);
  }
  for (size_t i = 0; i < c->gone_count; i++) {
    const struct heap_gone *gone = &c->gone[i];

    if (gone->born <= then->interval && then->interval < gone->freed)
      act(arg, gone->addr, gone->size, gone->stack);
  }
}

/* Numbers that no trace can have belong to a broken stack. */
static inline uint32_t plausible_stack(uint32_t stack)
{
  return stack < STACK_INHERITED ? stack : VT_STACK_BROKEN;
}

/* inheritance */

/* The number that a call stack of the parent's has in the child. */
static uint32_t heir_of(struct heap_counts *c, const struct heap_counts *parent, uint32_t stack,
                        struct id_table *numbers)
{
  uint32_t *number = id_table_make(numbers, stack);

  if (!*number) {
    struct heap_heir heir = {1, stack};

    if (stack >= STACK_INHERITED) {
      heir = parent->heir[stack - STACK_INHERITED];
      heir.generation++;
    }
    c->heir = xgrow(c->heir, c->heir_count, &c->heir_room, sizeof *c->heir);
    c->heir[c->heir_count] = heir;
    *number = STACK_INHERITED + (uint32_t)c->heir_count++;
  }
  return *number;
}

void heap_counts_inherit(struct heap_counts *c, struct heap_counts *parent)
{
  struct id_table numbers; /* uint32_t by the parent's call stack id */

  heap_counts_flush(parent);
  id_table_init(&numbers, sizeof(uint32_t));
  for (size_t i = 0; i <= parent->blocks.mask; i++) {
    struct block block = parent->blocks.slots[i];

    if (!block_is_live(&block))
      continue;
    block.stack = heir_of(c, parent, block.stack, &numbers);
    block.born = 0;
    blocks_add(&c->blocks, &block);
  }
  heap_mappings_copy(&c->mappings, &parent->mappings);
  for (size_t i = 0; i < c->mappings.count; i++) {
    struct heap_mappings_piece *piece = c->mappings.piece[i];

    for (size_t k = 0; k < piece->count; k++)
      piece->item[k].stack = heir_of(c, parent, piece->item[k].stack, &numbers);
  }
  id_table_release(&numbers);
}

/* events */

static inline void settle(const struct heap_counts *c, struct heap_count *s)
{
  if (s->peaks != c->total.peaks) {
    s->at_peak = s->live;
    s->peaks = c->total.peaks;
  }
}

/* The bytes of a block are no longer live. */
static inline void count_gone(struct heap_counts *c, const struct block *block, struct heap_count *s)
{
  s->live -= block->size;
  s->live_blocks--;
  c->total.live -= block->size;
  c->total.live_blocks--;
  if (c->group)
    c->group->live -= block->size;
}

/* The free of what lived there is not in the trace. */
static void count_lost(struct heap_counts *c, const struct block *lost)
{
  struct heap_count *owner;

  keep_gone(c, lost);
  if (lost->stack >= STACK_INHERITED)
    return;
  owner = id_table_get(&c->stacks, lost->stack);
  settle_peak(c, lost->stack, owner);
  settle(c, owner);
  count_gone(c, lost, owner);
}

static inline void count_alloc(struct heap_counts *c, const struct heap_pending *e)
{
  const struct block block = {e->addr, e->size, plausible_stack(e->stack), c->interval};
  struct heap_count *s = id_table_make(&c->stacks, block.stack);
  struct block lost;

  blocks_exchange(&c->blocks, &block, &lost);
  if (lost.addr)
    count_lost(c, &lost);
  latest_blocks_alloc(&c->latest, e->thread, e->addr);
  settle_peak(c, block.stack, s);
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
    c->peak_ns = e->time_ns;
  }
  if (c->group)
    boot_group_alloc(c->group, e->size, e->time_ns);
}

/* The process never allocated it: it was in no number of live blocks. */
static void count_inherited_free(struct heap_counts *c, uint32_t stack)
{
  struct heap_count *s = id_table_make(&c->stacks, stack);

  settle_peak(c, stack, s);
  s->frees++;
  c->total.frees++;
}

static inline void count_free(struct heap_counts *c, uint64_t addr)
{
  struct heap_count *s;
  struct block block;

  if (!blocks_remove(&c->blocks, addr, &block)) {
    c->unknown_frees += addr != 0;
    return;
  }
  keep_gone(c, &block);
  if (block.stack >= STACK_INHERITED) {
    count_inherited_free(c, block.stack);
    return;
  }
  s = id_table_get(&c->stacks, block.stack);
  settle_peak(c, block.stack, s);
  settle(c, s);
  s->frees++;
  c->total.frees++;
  count_gone(c, &block, s);
  if (latest_blocks_free(&c->latest, addr)) {
    s->temporary++;
    c->total.temporary++;
  }
}

void heap_counts_flush(struct heap_counts *c)
{
  for (unsigned i = 0; i < c->pending_count; i++) {
    if (c->group && c->pending[i].size == BLOCK_FREED)
      boot_group_falls(c->group);
    note_peak(c);
    if (c->pending[i].size == BLOCK_FREED)
      count_free(c, c->pending[i].addr);
    else
      count_alloc(c, &c->pending[i]);
  }
  c->pending_count = 0;
}

static inline void defer(struct heap_counts *c, const struct event *e, uint64_t addr, uint64_t size)
{
  blocks_expect(&c->blocks, addr);
  c->pending[c->pending_count++] = (struct heap_pending){addr, size, e->time_ns, e->stack, e->thread};
  if (c->pending_count == c->pending_most)
    heap_counts_flush(c);
}

/* No block is as large as what marks a free. */
static uint64_t plausible_size(uint64_t size)
{
  return size < BLOCK_FREED ? size : BLOCK_FREED - 1;
}

void heap_counts_event(struct heap_counts *c, const struct event *e)
{
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
  case VT_R_SAMPLE:
    heap_counts_flush(c); /* who keeps pages looks at the group now */
    break;
  default:
    heap_counts_flush(c);
    if (c->group)
      boot_group_falls(c->group);
    note_peak(c);
    settle_mappings(c);
    heap_mappings_event(&c->mappings, e, plausible_stack(e->stack), c->page_size);
  }
}

void heap_counts_finish(struct heap_counts *c)
{
  heap_counts_flush(c);
  if (c->group)
    boot_group_falls(c->group);
  note_peak(c);
  settle_mappings(c);
  for (uint32_t id = 0; (id = id_table_next(&c->stacks, id)) < ID_TABLE_LIMIT; id++) {
    struct heap_count *s = id_table_get(&c->stacks, id);

    settle_peak(c, id, s);
    settle(c, s);
  }
  c->total.at_peak = c->total.peak;
  if (c->group)
    c->group->live -= c->total.live;
}
