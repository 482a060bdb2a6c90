/*
 * What each call stack allocated and freed, counted event by event: the hot
 * path of `vmtrace heap`.  Memory grows with live blocks and distinct stacks, and with what was live at instants.
 *
 * A realloc is a free of the old block and an allocation of the new one, as FORMAT.md has it.
 *
 * Instants: at each, the numbers are copied, and which blocks live is to be known after the last event.  So
 * time is cut into intervals by the instants, and by each peak of the group (track/heap/boot_group.h), of which the
 * latest counts.  A block knows the interval in which it was born; one that is freed in a later interval is kept, with
 * both, if an instant lies in between.
 */
#ifndef VMTRACE_HEAP_COUNTS_H
#define VMTRACE_HEAP_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "track/heap/blocks.h"
#include "track/heap/boot_group.h"
#include "track/heap/heap_mappings.h"
#include "track/heap/latest_blocks.h"
#include "track/id_table.h"

/* Numbers of one call stack; also of all together. */
struct heap_count {
  uint64_t allocations, frees;
  uint64_t requested; /* bytes, of all allocations */
  uint64_t live, live_blocks;
  uint64_t peak;        /* the highest live */
  uint64_t at_peak;     /* live when the process's was highest: heap_counts_finish settles it */
  uint64_t temporary;   /* freed before the next allocation of the thread that allocated them */
  uint64_t peaks;       /* how often the process's live had reached a new high when this stack changed last */
  uint32_t group_peaks; /* the same of the group: its peaks that had stood */
};

/* An allocation or a free that waits for its place in the table of blocks to come into the cache. */
struct heap_pending {
  uint64_t addr;
  uint64_t size; /* BLOCK_FREED: a free */
  uint64_t time_ns;
  uint32_t stack, thread;
};

#define HEAP_PENDING 16 /* enough to hide one miss behind the others' */

/* What there was at an instant. */
struct heap_then {
  uint32_t interval; /* the one that it ended: a block of it or of an earlier one lived, if it was not freed before */
  bool taken;
  struct heap_count total;
  struct id_table stacks; /* struct heap_count by call stack id */
  struct heap_mappings mappings;
};

/* A block that lived at an instant and was freed. */
struct heap_gone {
  uint64_t addr, size;
  uint32_t stack, born, freed; /* intervals */
};

/* A call stack that came from the process that this one was forked from, or from that one's own parent ... */
struct heap_heir {
  uint32_t generation; /* 1: the parent's */
  uint32_t stack;      /* its id there */
};

struct heap_counts {
  struct heap_pending pending[HEAP_PENDING];
  unsigned pending_count, pending_most;
  struct blocks blocks;   /* born: an interval; call stacks from STACK_INHERITED on: inherited */
  struct id_table stacks; /* struct heap_count by call stack id; 0: allocations without one */
  struct latest_blocks latest;
  struct heap_mappings mappings;
  struct heap_count total;
  uint64_t page_size;
  uint64_t unknown_frees; /* of blocks that the trace does not know */
  uint64_t peak_ns;       /* of this process */

  struct boot_group *group; /* NULL: nobody asked for its peak */
  uint32_t peaks_seen;      /* of the group's peaks */
  uint32_t interval;        /* the present one */
  uint32_t kept_from;       /* a block of an earlier interval than this lived at an instant */
  struct heap_then peak;    /* the group's latest; a stack is put there when it changes first after it */
  bool peak_mapped;         /* peak.mappings are of that peak already */
  struct heap_then *then;   /* by number of the instant */
  size_t then_count;
  struct heap_gone *gone;
  size_t gone_count, gone_room, gone_limit;
  struct heap_heir *heir; /* call stack STACK_INHERITED + i is heir[i] */
  size_t heir_count, heir_room;
};

/* group: NULL, or where the process counts with others. */
void heap_counts_init(struct heap_counts *c, uint64_t page_size, struct boot_group *group);
void heap_counts_release(struct heap_counts *c);

/* Before the first event: the process has what parent has now. */
void heap_counts_inherit(struct heap_counts *c, struct heap_counts *parent);

/* Takes up the next event of the trace: of blocks or of mappings. */
void heap_counts_event(struct heap_counts *c, const struct event *e);

/* Takes up what waits: before anything is read from c while events go on. */
void heap_counts_flush(struct heap_counts *c);

/* The instant of that number is now. */
void heap_counts_instant(struct heap_counts *c, unsigned number);

/* After the last event. */
void heap_counts_finish(struct heap_counts *c);

/* What there was at an instant, HEAP_AT_PEAK_OF_GROUP for the group's peak; NULL: it did not come.  After
 * heap_counts_finish. */
#define HEAP_AT_PEAK_OF_GROUP UINT32_MAX
const struct heap_then *heap_counts_then(const struct heap_counts *c, unsigned number);

/* Calls act for each block that lived then, in any order. */
typedef void (*heap_block_do)(void *arg, uint64_t addr, uint64_t size, uint32_t stack);
void heap_counts_lived(const struct heap_counts *c, const struct heap_then *then, heap_block_do act, void *arg);

#endif
