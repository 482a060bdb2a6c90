/*
 * Heaps and their regions: making, carving, parking, taking up again.  A
 * region's bounds are a function of the creator's own sequence of creations and joins.  Called by entry/
 * for threads; by the rest of the room for region_of and the list.
 */
#include "heap/region.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "base/sys.h"
#include "heap/abandon.h"
#include "heap/arena.h"
#include "heap/ended.h"
#include "heap/ended_list.h"
#include "heap/large.h"
#include "heap/overflow.h"
#include "heap/space.h"

/*
 * Regions and heaps come from blocks of 1 MiB, aligned, so that one is found
 * from the other by arithmetic, also when the heap's page was wiped.
 */
#define POOL_SIZE (UINT64_C(1) << 20)
#define POOL_REGIONS (UINT64_C(64) << 10) /* bytes for regions; the rest is pages for heaps */
#define POOL_HEAPS ((POOL_SIZE - POOL_REGIONS) / HEAP_PAGE)
#define REGION_STRIDE 256

/* The first thread's region; overflow.c has the range above it. */
#define FIRST_SIZE (HIGH_SIZE / 4 * 3)

/* What threads of unknown creator get, and children for whom nothing is left in their creator's region. */
#define ADOPTED_SIZE (16 * GRAIN_SIZE)
#define LATE_CHILD (4 * GRAIN_SIZE)
#define LATE_CHILDREN 128 /* of one creator by the rule */

/* Carving of a region of size I: the first 16 children get I/2 / (k(k+1)), the next 1,024 get I/4096, all others
 * I/2^20; but no less than these, as long as there is room.  From SPLIT_MIN on a region keeps an eighth for itself,
 * below all of it. */
#define CARVE_FIRST 16
#define CARVE_SECOND 1024
#define CARVE_SECOND_LEAST (4 * GRAIN_SIZE)
#define CARVE_THIRD_LEAST GRAIN_SIZE
#define SPLIT_MIN (UINT64_C(1) << 30)

_Static_assert(sizeof(struct region) <= REGION_STRIDE && POOL_HEAPS * REGION_STRIDE <= POOL_REGIONS, "regions fit");
_Static_assert(offsetof(struct region, lock) == 0, "a region's lock is found from its record and back");
_Static_assert(GRAIN_ALIAS == HIGH_START + FIRST_SIZE, "the overflow range follows the first region");

static uint64_t pool_start;      /* the block in use */
static unsigned pool_used;       /* heaps taken from it */
static struct region *regions;   /* atomic: the newest */
static struct heap *first_heap;  /* atomic */
static heap_nondet_fn nondet_fn; /* atomic */

void heap_set_nondet(heap_nondet_fn fn)
{
  __atomic_store_n(&nondet_fn, fn, __ATOMIC_RELEASE);
}

void region_nondet(enum vt_nondet reason, uint64_t addr)
{
  heap_nondet_fn fn = __atomic_load_n(&nondet_fn, __ATOMIC_ACQUIRE);

  if (fn)
    fn(reason, addr);
}

struct region *region_first(void)
{
  return __atomic_load_n(&regions, __ATOMIC_ACQUIRE);
}

struct region *region_of(const struct heap *heap)
{
  uint64_t pool = (uintptr_t)heap & ~(POOL_SIZE - 1);
  uint64_t index = ((uintptr_t)heap - pool - POOL_REGIONS) / HEAP_PAGE;

  return (struct region *)(pool + index * REGION_STRIDE);
}

struct heap *region_heap(const struct region *region)
{
  uint64_t pool = (uintptr_t)region & ~(POOL_SIZE - 1);
  uint64_t index = ((uintptr_t)region - pool) / REGION_STRIDE;

  return (struct heap *)(pool + POOL_REGIONS + index * HEAP_PAGE);
}

/* A fresh aligned block of the pool; false: out of memory. */
static bool pool_open(void)
{
  uint64_t start = (uintptr_t)own_map_aligned(POOL_SIZE, POOL_SIZE);

  if (!start)
    return false;
  pool_start = start;
  pool_used = 0;
  return true;
}

bool region_open(struct region *region)
{
  struct arena *arena = arena_of(region_heap(region));

  if (region->own_end > region->window_end &&
      !extent_add(&arena->free_ranges, region->window_end, region->own_end - region->window_end, 0))
    return false;
  arena->region = region;
  arena->next_segment = region->start;
  arena->fast.base = region->start;
  region_set_state(region, REGION_USED);
  return true;
}

/* A record with a heap page that reads as zero, not in the list yet.  Under the pool's lock; NULL: out of memory. */
static struct region *record_new(void)
{
  if ((!pool_start || pool_used == POOL_HEAPS) && !pool_open())
    return NULL;
  return region_of((struct heap *)(pool_start + POOL_REGIONS + pool_used * HEAP_PAGE));
}

/* The lock is held where the record is known already. */
static bool region_fill(struct region *region, uint64_t start, uint64_t size, bool first)
{
  uint64_t own = size >= SPLIT_MIN ? size / 8 : size;

  region->start = start;
  region->end = start + size;
  region->window_end = start + ((own / 2 + GRAIN_SIZE - 1) & ~(GRAIN_SIZE - 1));
  region->own_end = start + (own & ~(GRAIN_SIZE - 1));
  region->children_start = region->end;
  region->children = 0;
  region->scattered = region->late = 0;
  region->first = first;
  region->idle = region->idle_next = NULL;
  region->ended = (struct ended){.busy = true};
  return region_open(region);
}

/* Fills a record that served another region before.  False: out of memory, or somebody has its lock; the record is
 * lost. It is only tried: in a handler this thread may hold its own region's. */
static bool region_refill(struct region *region, uint64_t start, uint64_t size)
{
  bool done;

  if (!guarded_lock_try(&region->lock))
    return false;
  done = region_fill(region, start, size, false);
  guarded_lock_release(&region->lock);
  return done;
}

/* A new region [start, start + size) with a heap that has nothing yet.  NULL: out of memory. */
static struct region *region_make(uint64_t start, uint64_t size, bool first)
{
  uint64_t mask = masked_lock_take(&lock_regions);
  struct region *region = record_new();

  if (region && region_fill(region, start, size, first)) {
    guarded_lock_init(&region->lock, LOCK_REGION);
    pool_used++;
    region->next = regions;
    __atomic_store_n(&regions, region, __ATOMIC_RELEASE);
  } else {
    region = NULL;
  }
  masked_lock_release(&lock_regions, mask);
  return region;
}

/* The same for a thread other than the first, in a record that is free if there is one. */
static struct region *region_make_again(uint64_t start, uint64_t size)
{
  uint64_t mask = sys_block_signals();
  struct region *region = abandon_record();

  region = region && region_refill(region, start, size) ? region : NULL;
  sys_restore_signals(mask);
  return region ? region : region_make(start, size, false);
}

/* Where the rule has no address: that of a region that died, else a piece of the shared range of size bytes.  Reported.
 * NULL: out of memory or of addresses. */
static struct region *region_again(enum vt_nondet reason, uint64_t size)
{
  struct region *region = abandon_record_like(size);
  uint64_t got, start, mask;
  bool done;

  if (!region) {
    start = region_overflow(reason, size, &got);
    return start ? region_make_again(start, got) : NULL;
  }
  region_nondet(reason, region->start);
  for (uint64_t grain = region->start; grain < region->end; grain += GRAIN_SIZE)
    if (meta_state(grain) == META_GONE)
      meta_unmap(grain, 0);
  mask = sys_block_signals();
  done = region_refill(region, region->start, region->end - region->start);
  sys_restore_signals(mask);
  if (done)
    return region;
  start = region_overflow(reason, size, &got);
  return start ? region_make(start, got, false) : NULL;
}

/* lock_table.h: the lock of each region; LOST where nobody knows what its holder has left half-done. */
static struct lock_state *next_region_lock(struct lock_state *lock)
{
  struct region *region = lock ? (struct region *)lock : NULL;

  region = region ? region->next : region_first();
  return region ? &region->lock.state : NULL;
}

static void region_orphaned(struct lock_state *lock)
{
  region_set_state((struct region *)lock, REGION_LOST);
}

static void lock_regions_known(void)
{
  lock_table_set_family(LOCK_REGION, next_region_lock);
  lock_table_on_orphan(LOCK_REGION, region_orphaned);
  lock_table_on_orphan(LOCK_ENDED, ended_list_orphaned);
  lock_table_on_orphan(LOCK_SPARES, space_orphaned);
}

struct heap *heap_main(void)
{
  struct heap *heap = __atomic_load_n(&first_heap, __ATOMIC_ACQUIRE);
  struct region *region = NULL;

  if (likely(heap != NULL))
    return heap;
  class_init();
  lock_regions_known();
  if (meta_init())
    region = region_make(HIGH_START, FIRST_SIZE, true);
  if (!region)
    return &heap_none;
  heap = region_heap(region);
  __atomic_store_n(&first_heap, heap, __ATOMIC_RELEASE);
  return heap;
}

static uint64_t at_least(uint64_t size, uint64_t least)
{
  return size > least ? size : least;
}

/* Bytes for the next child of a region, in grains; 0: none of its own. */
static uint64_t carve_size(const struct region *region)
{
  uint64_t size = region->end - region->start;
  uint64_t k = region->children + 1;

  if (size < SPLIT_MIN)
    return 0;
  if (k <= CARVE_FIRST)
    size = size / 2 / (k * (k + 1));
  else if (k <= CARVE_FIRST + CARVE_SECOND)
    size = at_least(size / 4096, CARVE_SECOND_LEAST);
  else
    size = at_least(size >> 20, CARVE_THIRD_LEAST);
  size &= ~(GRAIN_SIZE - 1);
  return region->children_start - size >= region->own_end ? size : 0;
}

enum resumed { RESUMED, RESUME_LATER, RESUME_NEVER };

/* Takes up a parked heap where its thread left it.  RESUME_LATER: out of memory.  RESUME_NEVER: it is lost. */
static enum resumed resume(struct region *region)
{
  uint64_t mask = region_enter(region);
  bool lost = region->state == REGION_LOST, done = !lost;

  if (region->state == REGION_RESET)
    done = region_open(region);
  if (done) {
    region_set_state(region, REGION_USED);
    abandon_reopen(region);
  }
  region_leave(region, mask);
  if (lost)
    return RESUME_NEVER;
  return done ? RESUMED : RESUME_LATER;
}

bool region_revive(struct heap *heap)
{
  return heap != &heap_none && resume(region_of(heap)) == RESUMED;
}

/* A region for a child whose creator's region has no room for it.  NULL: out of memory or of addresses. */
static struct region *late_child(struct region *region)
{
  uint64_t got, start = 0;

  if (region->late < LATE_CHILDREN)
    start = region_scatter(region, LATE_CHILD, &got);
  region->late += start != 0;
  if (start)
    return region_make_again(start, got);
  ended_run_short();
  return region_again(VT_NONDET_REGION, LATE_CHILD);
}

/* A region of its own for the next child.  NULL: out of memory or of addresses. */
static struct region *carve(struct region *region)
{
  uint64_t size = carve_size(region);
  struct region *child;

  if (!size)
    return late_child(region);
  child = region_make_again(region->children_start - size, size);
  if (child) {
    region->children_start -= size;
    region->children++;
  }
  return child;
}

/* The heap of a joined child; NULL: there is none.  *full: there is one, but no memory for it. */
static struct region *idle_child(struct region *region, bool *full)
{
  struct region *child;
  enum resumed resumed;

  while ((child = region->idle)) {
    resumed = resume(child);
    *full = resumed == RESUME_LATER;
    if (*full)
      return NULL;
    region->idle = child->idle_next;
    if (resumed == RESUMED) {
      ended_given(child);
      return child;
    }
  }
  return NULL;
}

static struct region *heir(bool *full)
{
  struct region *child = ended_heir();
  enum resumed resumed = child ? resume(child) : RESUME_NEVER;

  *full = resumed == RESUME_LATER;
  if (*full)
    ended_refused(child);
  return resumed == RESUMED ? child : NULL;
}

struct heap *heap_child(struct heap *parent)
{
  struct region *region, *child;
  bool full = false;

  if (parent == &heap_none)
    return NULL;
  region = region_of(parent);
  child = idle_child(region, &full);
  if (!child && !full)
    child = heir(&full);
  if (!child && !full)
    child = carve(region);
  return child ? region_heap(child) : NULL;
}

struct heap *heap_adopt(void)
{
  struct region *region;

  if (heap_main() == &heap_none)
    return &heap_none;
  region = region_again(VT_NONDET_THREAD, ADOPTED_SIZE);
  return region ? region_heap(region) : &heap_none;
}

/* The child's region is the next to be handed out: where it came from idle it returns there, and where it was carved,
 * idle was empty. */
void heap_child_cancel(struct heap *parent, struct heap *child)
{
  if (child == &heap_none)
    return;
  heap_thread_end(child);
  heap_join(parent, child);
}
