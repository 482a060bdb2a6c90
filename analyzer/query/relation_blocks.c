/*
 * Blocks that were live at the session's first instant, by address.
 */
#include <stdlib.h>

#include "query/relation_list.h"
#include "query/relations.h"
#include "query/session_stacks.h"
#include "reader/xalloc.h"
#include "track/heap/heap_counts.h"
#include "track/trackers.h"

enum { B_PID, B_ADDRESS, B_SIZE, B_STACK, B_COLUMNS };

static const struct column columns[B_COLUMNS] = {
    LIST_PID,
    {"address", NULL, "ADDRESS", COLUMN_ADDRESS, 0, "where it begins", COLUMN_KEY},
    {"size", "size_bytes", "SIZE", COLUMN_BYTES, 0, "the bytes that were asked for", 0},
    {"stack", NULL, "SITE", COLUMN_STACK, 0, "who allocated it", COLUMN_WIDE},
};

struct live_block {
  uint64_t addr, size;
  uint32_t stack;
};

struct live_blocks {
  struct live_block *all;
  size_t count, room;
};

static void live_blocks_add(void *arg, uint64_t addr, uint64_t size, uint32_t stack)
{
  struct live_blocks *b = arg;

  b->all = xgrow(b->all, b->count, &b->room, sizeof *b->all);
  b->all[b->count++] = (struct live_block){addr, size, stack};
}

static int compare_addresses(const void *a, const void *b)
{
  const struct live_block *x = a, *y = b;

  return (x->addr > y->addr) - (x->addr < y->addr);
}

static void *blocks_list(struct session *s, const struct session_trace *t, size_t *count)
{
  bool peak = session_asked(s, 0)->kind == INSTANT_PEAK;
  const struct heap_counts *counts = session_state(t, &tracker_blocks);
  const struct heap_then *then = heap_counts_then(counts, peak ? HEAP_AT_PEAK_OF_GROUP : 0);
  struct live_blocks *b = xcalloc(1, sizeof *b);

  if (then)
    heap_counts_lived(counts, then, live_blocks_add, b);
  if (b->count)
    qsort(b->all, b->count, sizeof *b->all, compare_addresses);
  *count = b->count;
  return b;
}

static void blocks_end(void *state)
{
  struct live_blocks *b = state;

  free(b->all);
  free(b);
}

static void blocks_row(struct list_row *row)
{
  const struct live_block *block = &((const struct live_blocks *)row->state)->all[row->number];

  row->cell[B_ADDRESS] = cell_bits(block->addr);
  row->cell[B_SIZE] = cell_number(block->size);
  row->cell[B_STACK] = session_stack(row->trace, block->stack);
}

static const struct relation_list list = {blocks_list, blocks_row, blocks_end};
static const struct tracker *const trackers[] = {&tracker_blocks, &tracker_names, NULL};

const struct relation relation_blocks = {.name = "blocks",
                                         .meaning = "live blocks, by address",
                                         .columns = columns,
                                         .column_count = B_COLUMNS,
                                         .trackers = trackers,
                                         RELATION_LIST(list),
                                         .stacks = session_stacks};
