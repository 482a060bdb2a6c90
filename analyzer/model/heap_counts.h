/*
 * What each call stack allocated and freed, counted event by event: the hot
 * path of `vmtrace heap`.  Memory grows with live blocks and distinct stacks only.
 *
 * A realloc is a free of the old block and an allocation of the new one, as FORMAT.md has it.
 */
#ifndef VMTRACE_HEAP_COUNTS_H
#define VMTRACE_HEAP_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/blocks.h"
#include "model/heap_mappings.h"
#include "model/id_table.h"

/* Numbers of one call stack; also of all together. */
struct heap_count {
  uint64_t allocations, frees;
  uint64_t requested; /* bytes, of all allocations */
  uint64_t live, live_blocks;
  uint64_t peak;      /* the highest live */
  uint64_t at_peak;   /* live when the process's was highest: heap_counts_finish settles it */
  uint64_t temporary; /* freed before the next allocation of the thread that allocated them */
  uint64_t peaks;     /* how often the process's live had reached a new high when this stack changed last */
};

/* An allocation or a free that waits for its place in the table of blocks to come into the cache. */
struct heap_pending {
  uint64_t addr;
  uint64_t size; /* BLOCK_FREED: a free */
  uint64_t event;
  uint64_t time_ns;
  uint32_t stack, thread;
};

#define HEAP_PENDING 16 /* enough to hide one miss behind the others' */

struct heap_counts {
  struct heap_pending pending[HEAP_PENDING];
  unsigned pending_count;
  struct blocks blocks;    /* data: the stream that allocated it; call stacks from STACK_INHERITED on: inherited */
  struct id_table stacks;  /* struct heap_count by call stack id; 0: allocations without one */
  struct id_table threads; /* uint64_t by stream: the address of its latest allocation */
  struct heap_mappings mappings;
  struct heap_count total;
  uint64_t page_size;
  uint64_t unknown_frees; /* of blocks that the trace does not know */
  uint64_t peak_events;   /* how many events had been taken up at the peak, its own included */
  uint64_t peak_ns;
  uint64_t events; /* taken up */
  bool failed;     /* out of memory: numbers are too low from here on */
};

/* False when out of memory. */
bool heap_counts_init(struct heap_counts *c, uint64_t page_size);
void heap_counts_release(struct heap_counts *c);

/* Takes up the next event of the trace. */
void heap_counts_event(struct heap_counts *c, const struct event *e);

/* Takes up what waits: before anything is read from c while events go on. */
void heap_counts_flush(struct heap_counts *c);

/* After the last event. */
void heap_counts_finish(struct heap_counts *c);

#endif
