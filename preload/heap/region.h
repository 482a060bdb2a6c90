/*
 * Regions: which part of the high region belongs to which heap, how threads'
 * regions are carved out of their creators', and the list of all heaps.
 *
 * A region [start, end) is used from both ends.  From start: the window for
 * segments, up to window_end; then the range for huge blocks and the program's mappings, up to own_end.
 * From end downwards: the regions of children.  All bounds are multiples of GRAIN_SIZE.
 */
#ifndef VMTRACE_REGION_H
#define VMTRACE_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock_table.h"
#include "base/sys.h"
#include "heap/heap.h"
#include "heap/meta.h"

enum region_state {
  REGION_USED,   /* a thread owns it */
  REGION_PARKED, /* its thread ended; the heap is as it was left */
  REGION_RESET,  /* its thread ended with nothing allocated, and the heap's memory was given back */
  REGION_DEAD,   /* its thread is gone and so are all of its blocks: only the record is left, for another region */
  REGION_LOST    /* its thread left a call on the heap half-way: only its blocks are still used (heap_recover) */
};

/* What is kept of each region under the lock of the lists (ended_list.h). */
struct ended {
  bool busy;   /* a thread was given the heap, and has not ended */
  bool gone;   /* the thread runs no more code: the heap may be wiped; atomic */
  bool joined; /* waits for the next child of the thread that joined its own */
  bool left;   /* its thread is gone and was not joined: nobody waits for it */
  bool warm;   /* still holds memory that could be given back */
  uint64_t warm_bytes;
  struct region *left_next, *left_prev;
  struct region *warm_next, *warm_prev;
};

/* What outlives the heap of a thread that ended.  lock guards the heap's slow-path state. */
struct region {
  struct guarded_lock lock;
  uint32_t state; /* enum region_state; written under lock */
  bool closed;    /* nothing will be allocated in it any more, but by reopening it (abandon.c) */
  uint64_t start, end;
  uint64_t window_end, own_end;
  uint64_t children_start; /* the lowest address given to a child */
  uint32_t children;       /* regions carved so far */
  uint32_t scattered;      /* pieces taken by region_scatter so far, */
  uint32_t late;           /* and those of them that are children's regions */
  bool first;              /* the first thread's: has the low segment */
  uint64_t parked_ns;      /* time of the thread's end */
  uint64_t waste;          /* as of the latest look, bytes resident in an ended heap that no live block needs; atomic */
  struct region *next;     /* list of all regions; never shrinks */
  struct region *idle;     /* regions of joined children, the latest first */
  struct region *idle_next;
  struct ended ended;
};

struct heap;
struct arena;

static inline uint32_t region_state(const struct region *region)
{
  return __atomic_load_n(&region->state, __ATOMIC_RELAXED);
}

/* Under the lock. */
static inline void region_set_state(struct region *region, enum region_state state)
{
  __atomic_store_n(&region->state, state, __ATOMIC_RELAXED);
}

/* Whether its thread is gone and nobody waits for it. */
static inline bool region_is_left(const struct region *region)
{
  return __atomic_load_n(&region->ended.left, __ATOMIC_RELAXED);
}

/* Under the lock: whether the heap's slow-path state is there and whole. */
static inline bool region_is_whole(const struct region *region)
{
  return region->state == REGION_USED || region->state == REGION_PARKED;
}

/*
 * The lock of a region that may be another thread's heap, or nobody's.  With signals blocked: a handler that left by
 * longjmp would leave somebody else's region half-done, who cannot know.
 */
static inline uint64_t region_enter(struct region *region)
{
  uint64_t mask = sys_block_signals();

  guarded_lock_take(&region->lock);
  return mask;
}

static inline void region_leave(struct region *region, uint64_t mask)
{
  guarded_lock_release(&region->lock);
  sys_restore_signals(mask);
}

/* The region that belongs to a heap (never heap_none), and back. */
struct region *region_of(const struct heap *heap);
struct heap *region_heap(const struct region *region);

/* The newest region; go on with ->next.  Any thread. */
struct region *region_first(void);

/* Reports through heap_set_nondet's function. */
void region_nondet(enum vt_nondet reason, uint64_t addr);

/* For a thread that allocates after heap_thread_end, in libc's last destructors: its heap is made anew if it was wiped.
 * False: out of memory, or heap_none. */
bool region_revive(struct heap *heap);

/* The arena of a region whose heap page reads as zero.  False: out of memory.  Under the lock, or not yet known. */
bool region_open(struct region *region);

/* Where heap_nested_alloc takes its blocks. */
#define NESTED_SIZE (HIGH_SIZE >> 14)
#define NESTED_START (HIGH_END - NESTED_SIZE)

#endif
