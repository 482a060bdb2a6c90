/*
 * Heaps and their regions: making, carving, parking, taking up again.  A
 * region's bounds are a function of the creator's own sequence of creations and joins.  Called by entry/
 * for threads; by the rest of the room for region_of and the list.
 */
#include "heap/region.h"

#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "base/sys.h"
#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/large.h"
#include "heap/magazine.h"
#include "heap/retire.h"
#include "heap/segment.h"
#include "heap/slab.h"

/*
 * Regions and heaps come from blocks of 1 MiB, aligned, so that one is found
 * from the other by arithmetic, also when the heap's page was wiped.
 */
#define POOL_SIZE (UINT64_C(1) << 20)
#define POOL_REGIONS (UINT64_C(64) << 10) /* bytes for regions; the rest is pages for heaps */
#define POOL_HEAPS ((POOL_SIZE - POOL_REGIONS) / HEAP_PAGE)
#define REGION_STRIDE 256

/* The first thread's region; the range above it is for overflow, except the grain that shares its metadata with the
 * low segment. */
#define FIRST_SIZE (HIGH_SIZE / 4 * 3)
#define OVERFLOW_START (GRAIN_ALIAS + GRAIN_SIZE)
#define OVERFLOW_CHILD (16 * GRAIN_SIZE)

/* Carving of a region of size I: the first 16 children get I/2 / (k(k+1)), the next 1,024 get I/4096, the next 131,072
 * get I/2^20; 0.845 I together.  From SPLIT_MIN on a region keeps an eighth for itself, below all of it. */
#define CARVE_FIRST 16
#define CARVE_SECOND 1024
#define CARVE_THIRD 131072
#define SPLIT_MIN (UINT64_C(1) << 30)

/* So many ended threads' empty heaps keep their memory for the next threads. */
#define PARKED_MAX 16

_Static_assert(sizeof(struct region) <= REGION_STRIDE && POOL_HEAPS * REGION_STRIDE <= POOL_REGIONS, "regions fit");
_Static_assert(OVERFLOW_START - GRAIN_SIZE == HIGH_START + FIRST_SIZE, "the overflow range follows the first region");

static struct lock pool_lock;
static uint64_t pool_start;                     /* the block in use */
static unsigned pool_used;                      /* heaps taken from it */
static struct region *regions;                  /* atomic: the newest */
static struct heap *first_heap;                 /* atomic */
static uint64_t overflow_next = OVERFLOW_START; /* atomic */
static uint32_t parked;                         /* atomic */
static heap_nondet_fn nondet_fn;                /* atomic */

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

uint64_t region_overflow(enum vt_nondet reason, uint64_t size, uint64_t *got)
{
  uint64_t addr;

  size = (size + GRAIN_SIZE - 1) & ~(GRAIN_SIZE - 1);
  addr = __atomic_load_n(&overflow_next, __ATOMIC_RELAXED);
  do {
    if (size > NESTED_START - addr)
      return 0;
  } while (!__atomic_compare_exchange_n(&overflow_next, &addr, addr + size, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  *got = size;
  region_nondet(reason, addr);
  return addr;
}

/* A fresh aligned block of the pool; false: out of memory. */
static bool pool_open(void)
{
  uint64_t start = (uintptr_t)own_map(2 * POOL_SIZE);
  uint64_t aligned = (start + POOL_SIZE - 1) & ~(POOL_SIZE - 1);

  if (!start)
    return false;
  if (aligned > start)
    own_unmap((void *)start, aligned - start);
  own_unmap((void *)(aligned + POOL_SIZE), start + POOL_SIZE - aligned);
  pool_start = aligned;
  pool_used = 0;
  return true;
}

/* The arena of a region whose heap page reads as zero.  False: out of memory. */
static bool arena_open(struct region *region)
{
  struct arena *arena = arena_of(region_heap(region));

  if (region->own_end > region->window_end &&
      !extent_add(&arena->free_ranges, region->window_end, region->own_end - region->window_end, 0))
    return false;
  arena->region = region;
  arena->next_segment = region->start;
  arena->fast.base = region->start;
  region->state = REGION_USED;
  return true;
}

/* A new region [start, start + size) with a heap that has nothing yet.  NULL: out of memory. */
static struct region *region_make(uint64_t start, uint64_t size, bool first)
{
  uint64_t own = size >= SPLIT_MIN ? size / 8 : size, mask = sys_block_signals();
  struct region *region = NULL;

  lock_take(&pool_lock);
  if ((!pool_start || pool_used == POOL_HEAPS) && !pool_open())
    goto done;
  region = region_of((struct heap *)(pool_start + POOL_REGIONS + pool_used * HEAP_PAGE));
  region->start = start;
  region->end = start + size;
  region->window_end = start + ((own / 2 + GRAIN_SIZE - 1) & ~(GRAIN_SIZE - 1));
  region->own_end = start + (own & ~(GRAIN_SIZE - 1));
  region->children_start = region->end;
  region->first = first;
  if (arena_open(region)) {
    pool_used++;
    region->next = regions;
    __atomic_store_n(&regions, region, __ATOMIC_RELEASE);
  } else {
    region = NULL;
  }
done:
  lock_release(&pool_lock);
  sys_restore_signals(mask);
  return region;
}

struct heap *heap_main(void)
{
  struct heap *heap = __atomic_load_n(&first_heap, __ATOMIC_ACQUIRE);
  struct region *region = NULL;

  if (likely(heap != NULL))
    return heap;
  class_init();
  if (meta_init())
    region = region_make(HIGH_START, FIRST_SIZE, true);
  if (!region)
    return &heap_none;
  heap = region_heap(region);
  __atomic_store_n(&first_heap, heap, __ATOMIC_RELEASE);
  return heap;
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
    size /= 4096;
  else
    size = k <= CARVE_FIRST + CARVE_SECOND + CARVE_THIRD ? size >> 20 : 0;
  size &= ~(GRAIN_SIZE - 1);
  return region->children_start - size >= region->own_end ? size : 0;
}

/* Takes up a parked heap where its thread left it.  False: out of memory. */
static bool resume(struct region *region)
{
  bool done = true;

  lock_take(&region->lock);
  if (region->state == REGION_RESET)
    done = arena_open(region);
  else if (region->state == REGION_PARKED)
    __atomic_fetch_sub(&parked, 1, __ATOMIC_RELAXED);
  if (done)
    region->state = REGION_USED;
  lock_release(&region->lock);
  return done;
}

bool region_revive(struct heap *heap)
{
  return heap != &heap_none && resume(region_of(heap));
}

struct heap *heap_child(struct heap *parent)
{
  struct region *region, *child;
  uint64_t size, got;

  if (parent == &heap_none)
    return NULL;
  region = region_of(parent);
  child = region->idle;
  if (child) {
    if (!resume(child))
      return NULL;
    region->idle = child->idle_next;
    return region_heap(child);
  }
  size = carve_size(region);
  if (!size) {
    uint64_t start = region_overflow(VT_NONDET_REGION, OVERFLOW_CHILD, &got);

    child = start ? region_make(start, got, false) : NULL;
    return child ? region_heap(child) : NULL;
  }
  child = region_make(region->children_start - size, size, false);
  if (!child)
    return NULL;
  region->children_start -= size;
  region->children++;
  return region_heap(child);
}

struct heap *heap_adopt(void)
{
  uint64_t size, start;
  struct region *region;

  if (heap_main() == &heap_none)
    return &heap_none;
  start = region_overflow(VT_NONDET_THREAD, OVERFLOW_CHILD, &size);
  if (!start)
    return &heap_none;
  region = region_make(start, size, false);
  return region ? region_heap(region) : &heap_none;
}

/* Whether the heap can be wiped and made anew without a difference in any later address: nothing is allocated, and
 * nothing lies outside the window.  Under the lock. */
static bool is_pristine(const struct arena *arena)
{
  const struct region *region = arena->region;

  return !region->first && !arena->huge_blocks && !arena->ranges && segment_all_free(arena) &&
         arena->next_segment == region->start + arena->segment_count * SEGMENT_SIZE;
}

/* Gives back everything of a pristine heap but its region.  Under the lock. */
static void wipe(struct region *region)
{
  struct arena *arena = arena_of(region_heap(region));

  segment_reset(arena);
  cache_trim(arena, UINT64_MAX);
  extent_clear(&arena->free_ranges);
  extent_clear(&arena->cached);
  region->state = REGION_RESET;
  if (sys_madvise(arena, HEAP_PAGE, MADV_DONTNEED))
    memset(arena, 0, sizeof *arena);
}

void heap_thread_end(struct heap *heap)
{
  struct arena *arena = arena_of(heap);
  struct region *region;
  bool pristine;

  if (heap == &heap_none)
    return;
  region = arena->region;
  retire_flush(arena);
  magazine_flush_all(arena);
  lock_take(&region->lock);
  slab_release(arena);
  meta_drop_spares(&arena->spares);
  pristine = is_pristine(arena);
  /* A wiped heap and one that is kept go on alike. */
  if (pristine) {
    memset(arena->bins, 0, sizeof arena->bins);
    arena->run_pages = 0;
  }
  region->state = REGION_PARKED;
  region->parked_ns = sys_now();
  if (__atomic_add_fetch(&parked, 1, __ATOMIC_RELAXED) > PARKED_MAX && pristine) {
    __atomic_fetch_sub(&parked, 1, __ATOMIC_RELAXED);
    wipe(region);
  }
  lock_release(&region->lock);
}

void region_trim(struct region *region, uint64_t before_ns)
{
  lock_take(&region->lock);
  if (region->state == REGION_PARKED && region->parked_ns <= before_ns && is_pristine(arena_of(region_heap(region)))) {
    __atomic_fetch_sub(&parked, 1, __ATOMIC_RELAXED);
    wipe(region);
  }
  lock_release(&region->lock);
}

void heap_join(struct heap *heap, struct heap *child)
{
  struct region *region, *below;

  if (heap == &heap_none || child == &heap_none)
    return;
  region = region_of(heap);
  below = region->idle;
  region->idle = region_of(child);
  region->idle->idle_next = below;
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

void region_before_fork(void)
{
  lock_take(&pool_lock);
  for (struct region *region = region_first(); region; region = region->next)
    lock_take(&region->lock);
}

static void unlock(struct lock *lock, bool child)
{
  if (child)
    lock_reset(lock);
  else
    lock_release(lock);
}

void region_after_fork(bool child)
{
  for (struct region *region = region_first(); region; region = region->next)
    unlock(&region->lock, child);
  unlock(&pool_lock, child);
}
