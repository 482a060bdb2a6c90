/*
 * The ends of threads.  Called by entry/ when a thread ends, is joined or is
 * gone; by region.c for heaps to go on with; by retire.c and huge.c when the last blocks go.
 *
 * Physics: the heap of an ended thread may keep its free pages for its next thread, which finds
 * them resident; of all such heaps together WARM_BYTES at most, and the one that ended first goes cold first.
 *
 * Logic: a joined thread's heap waits for the next child of the thread that joined it.  For all others
 * nobody waits.  If the thread was detached, its heap is closed: free space counts as freed by others, segments
 * die as their blocks go, and at last nothing is left but the record.  If it could still be joined, it stays as it
 * was.  In both cases a thread takes it over only once too much is lost (recycle.h), because which threads are gone
 * when another one is made is a matter of time.
 */
#include "heap/ended.h"

#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "base/sys.h"
#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/magazine.h"
#include "heap/recycle.h"
#include "heap/retire.h"
#include "heap/segment.h"
#include "heap/slab.h"

#define WARM_BYTES (UINT64_C(8) << 20)

/* What a heap holds beside its pages: its own page, and of each segment's metadata what a small part of it needs. */
#define HEAP_OVERHEAD (UINT64_C(16) << 10)
#define SEGMENT_OVERHEAD (UINT64_C(16) << 10)

/* What is lost is added up each time that so many more threads are gone, and this part of those that are left. */
#define JUDGE_THREADS 16
#define JUDGE_PART 8

/* So many threads may go to the overflow range before regions are used again. */
#define RUN_SHORT 256

/* So many heaps are looked at for the best one to go on in. */
#define LOOK_LEFT 32

static struct lock list_lock; /* the last to be taken; signals are blocked under it */
static struct region *warm_first, *warm_last;
static uint64_t warm_total;
static struct region *left, *left_last; /* the latest first */
static uint32_t left_count, left_since;
static struct region *records; /* of dead regions */
static bool near_seen;         /* the latest judgement found recycling near */
static uint32_t run_short;

static uint64_t lists_take(void)
{
  uint64_t mask = sys_block_signals();

  lock_take(&list_lock);
  return mask;
}

static void lists_release(uint64_t mask)
{
  lock_release(&list_lock);
  sys_restore_signals(mask);
}

/* ---- lists, under their lock ---- */

static void warm_remove(struct region *region)
{
  struct ended *e = &region->ended;

  if (!e->warm)
    return;
  *(e->warm_prev ? &e->warm_prev->ended.warm_next : &warm_first) = e->warm_next;
  *(e->warm_next ? &e->warm_next->ended.warm_prev : &warm_last) = e->warm_prev;
  e->warm = false;
  warm_total -= e->warm_bytes;
}

static void warm_add(struct region *region, uint64_t bytes)
{
  struct ended *e = &region->ended;

  warm_remove(region);
  e->warm = true;
  e->warm_bytes = bytes;
  e->warm_next = NULL;
  e->warm_prev = warm_last;
  *(warm_last ? &warm_last->ended.warm_next : &warm_first) = region;
  warm_last = region;
  warm_total += bytes;
}

static void left_remove(struct region *region)
{
  struct ended *e = &region->ended;

  if (!e->left)
    return;
  *(e->left_prev ? &e->left_prev->ended.left_next : &left) = e->left_next;
  *(e->left_next ? &e->left_next->ended.left_prev : &left_last) = e->left_prev;
  __atomic_store_n(&e->left, false, __ATOMIC_RELAXED);
  left_count--;
}

static void left_add(struct region *region)
{
  struct ended *e = &region->ended;

  __atomic_store_n(&e->left, true, __ATOMIC_RELAXED);
  e->left_prev = NULL;
  e->left_next = left;
  *(left ? &left->ended.left_prev : &left_last) = region;
  left = region;
  left_count++;
}

/* ---- memory ---- */

/* Whether the heap can be wiped and made anew without a difference in any later address: nothing is allocated, and
 * nothing lies outside the window.  Under the lock. */
static bool is_pristine(const struct arena *arena)
{
  const struct region *region = arena->region;

  return !region->first && !arena->huge_blocks && !arena->ranges && segment_all_free(arena) &&
         arena->next_segment == region->start + arena->segment_count * SEGMENT_SIZE;
}

/* What is left of an arena whose segments are gone: their metadata (state: what becomes of the grains), its sets and
 * its page. */
static void clear(struct region *region, unsigned state)
{
  struct arena *arena = arena_of(region_heap(region));
  uint32_t room = arena->segment_room;

  for (uint64_t grain = arena->fast.base; grain < arena->fast.base + arena->fast.span; grain += GRAIN_SIZE)
    meta_unmap(grain, state);
  for (uint64_t grain = region->window_end; grain < arena->huge_end; grain += GRAIN_SIZE)
    if (meta_state(grain) & META_HEADS)
      meta_unmap(grain, state);
  own_free(arena->segments, room * sizeof *arena->segments);
  own_free(arena->tree, 2 * (size_t)room * sizeof *arena->tree);
  cache_trim(arena, UINT64_MAX);
  extent_clear(&arena->free_ranges);
  extent_clear(&arena->cached);
  if (sys_madvise(arena, HEAP_PAGE, MADV_DONTNEED))
    memset(arena, 0, sizeof *arena);
}

/* Gives back everything of a pristine heap but its region.  Under the lock. */
static void wipe(struct region *region)
{
  segment_reset(arena_of(region_heap(region)));
  clear(region, 0);
  region_set_state(region, REGION_RESET);
  __atomic_store_n(&region->waste, 0, __ATOMIC_RELAXED);
}

void ended_sweep(struct region *region, bool whole)
{
  struct arena *arena = arena_of(region_heap(region));
  uint64_t lost = retire_sweep_ended(arena, whole);

  __atomic_store_n(&region->waste, lost + HEAP_OVERHEAD + arena->segment_count * SEGMENT_OVERHEAD, __ATOMIC_RELAXED);
}

/* Gives the pages back on which nothing is in use.  Under the lock. */
static void cool(struct region *region)
{
  struct arena *arena = arena_of(region_heap(region));

  if (region->state != REGION_PARKED)
    return;
  /* Until the thread is gone libc may use the heap, though not often. */
  if (__atomic_load_n(&region->ended.gone, __ATOMIC_RELAXED) && is_pristine(arena)) {
    wipe(region);
    return;
  }
  segment_purge_all(arena, UINT64_MAX);
  cache_trim(arena, UINT64_MAX);
  ended_sweep(region, true);
}

static void cool_locked(struct region *region)
{
  lock_take(&region->lock);
  cool(region);
  lock_release(&region->lock);
}

/* Until what is warm fits the limit. */
static void cool_down(void)
{
  for (;;) {
    uint64_t mask = lists_take();
    struct region *region = warm_total > WARM_BYTES ? warm_first : NULL;

    if (region)
      warm_remove(region);
    lock_release(&list_lock);
    if (region)
      cool_locked(region);
    sys_restore_signals(mask);
    if (!region)
      return;
  }
}

void ended_trim(struct region *region, uint64_t before_ns)
{
  bool due;

  lock_take(&region->lock);
  due = region->state == REGION_PARKED && region->parked_ns <= before_ns;
  if (due) {
    uint64_t mask = lists_take();

    due = region->ended.warm;
    warm_remove(region);
    lists_release(mask);
  }
  if (due)
    cool(region);
  lock_release(&region->lock);
}

/* ---- closing ---- */

/* Counts the available blocks of a run as gone; true: nothing else is left of its segment. */
static bool close_run(struct run *run, unsigned class)
{
  unsigned pages = run->last + 1u, total = pages * (unsigned)HEAP_PAGE / class_infos[class].size;

  return (uint16_t)__atomic_add_fetch(&run->gone, run->free, __ATOMIC_ACQ_REL) == total &&
         retire_pages(run_segment(run), pages);
}

/* Under the lock, of a cooled heap.  The free maps and avail bits stay, should it be reopened. */
static void close_heap(struct region *region)
{
  struct arena *arena = arena_of(region_heap(region));

  region->closed = true;
  for (unsigned class = 1; class <= CLASS_COUNT; class ++) {
    struct run *run = arena->bins[class].runs, *next;

    arena->bins[class].runs = NULL;
    for (; run; run = next) {
      next = run->next;
      if (close_run(run, class))
        segment_bury(arena, run_segment(run));
    }
  }
  for (uint32_t i = 0; i < arena->segment_count; i++) {
    struct segment *segment = arena->segments[i];

    if (!segment || !segment->free_pages)
      continue;
    segment->given_up = (uint16_t)(segment->given_up + segment->free_pages);
    if (retire_pages(segment, segment->free_pages))
      segment_bury(arena, segment);
  }
}

/* Makes what is available in a run so again; a run that has died since stays dead. */
static void reopen_run(struct arena *arena, struct run *run, unsigned class)
{
  unsigned total = (run->last + 1u) * (unsigned)HEAP_PAGE / class_infos[class].size;

  if (recycle_claim(run, run->free, total))
    slab_link(arena, class, run);
}

/* Takes the free pages out of those that count as dead; false: all are, and another thread is about to bury it. */
static bool reopen_pages(struct segment *segment)
{
  uint32_t dead = __atomic_load_n(&segment->dead_pages, __ATOMIC_ACQUIRE);

  do {
    if (dead == SEGMENT_PAGES)
      return false;
  } while (!__atomic_compare_exchange_n(&segment->dead_pages, &dead, dead - segment->free_pages, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
  segment->given_up = (uint16_t)(segment->given_up - segment->free_pages);
  return true;
}

static void reopen_segment(struct arena *arena, struct segment *segment)
{
  if (!reopen_pages(segment)) {
    segment_hide(arena, segment);
    return;
  }
  for (struct run *run = segment_next_run(segment, NULL); run; run = segment_next_run(segment, run)) {
    unsigned class = run_class(run);

    if (class && run->free)
      reopen_run(arena, run, class);
  }
}

void ended_reopen(struct region *region)
{
  struct arena *arena = arena_of(region_heap(region));

  if (!region->closed)
    return;
  region->closed = false;
  for (uint32_t i = 0; i < arena->segment_count; i++) {
    if (arena->segments[i])
      reopen_segment(arena, arena->segments[i]);
  }
}

/* Whether nothing of a closed heap is left.  Under the lock. */
static bool is_dead(const struct region *region)
{
  const struct arena *arena = arena_of(region_heap(region));

  if (!region->closed || arena->huge_blocks || arena->ranges)
    return false;
  for (uint32_t i = 0; i < arena->segment_count; i++)
    if (arena->segments[i])
      return false;
  return true;
}

/* Under the lock and that of the lists. */
static void bury_region(struct region *region)
{
  warm_remove(region);
  if (region->state != REGION_RESET)
    clear(region, META_GONE);
  region->closed = false;
  __atomic_store_n(&region->waste, 0, __ATOMIC_RELAXED);
  region_set_state(region, REGION_DEAD);
  region->ended.left_next = records;
  records = region;
}

void ended_emptied(struct region *region)
{
  uint64_t mask;

  if (region->state != REGION_PARKED || !is_dead(region))
    return;
  mask = lists_take();
  /* If it is not there, somebody is about to take it over or to bury it. */
  if (region->ended.left) {
    left_remove(region);
    bury_region(region);
  }
  lists_release(mask);
}

struct region *ended_record(void)
{
  uint64_t mask = lists_take();
  struct region *region = records;

  if (region)
    records = region->ended.left_next;
  lists_release(mask);
  return region;
}

/* ---- who goes on ---- */

/* What the threads in between are using.  Takes each region's lock in turn. */
static uint64_t bytes_used(void)
{
  uint64_t pages = 0;

  for (struct region *region = region_first(); region; region = region->next) {
    if (region_state(region) != REGION_USED)
      continue;
    lock_take(&region->lock);
    if (region->state == REGION_USED)
      pages += arena_of(region_heap(region))->used_pages;
    lock_release(&region->lock);
  }
  return pages * HEAP_PAGE;
}

/* Adds up what is lost, now and then; no lock held. */
static void judge(void)
{
  uint64_t lost = 0, mask;
  bool due;

  if (recycle_is_on())
    return;
  mask = lists_take();
  due = ++left_since >= JUDGE_THREADS && left_since >= left_count / JUDGE_PART;
  if (due) {
    left_since = 0;
    for (struct region *region = left; region; region = region->ended.left_next)
      lost += __atomic_load_n(&region->waste, __ATOMIC_RELAXED);
    /* From near to on only after so many more threads: then all frees that were not yet recorded are. */
    due = !heap_recycles() || near_seen;
    near_seen = heap_recycles();
  }
  lists_release(mask);
  if (due && recycle_is_waste(lost))
    recycle_judge(lost, bytes_used());
}

void ended_run_short(void)
{
  uint32_t n = __atomic_add_fetch(&run_short, 1, __ATOMIC_RELAXED);

  if (n >= RUN_SHORT && n % JUDGE_THREADS == 0 && !recycle_is_on() && recycle_is_waste(UINT64_MAX - 1))
    recycle_judge(UINT64_MAX - 1, 0);
}

/* Everything that the owner held apart goes back to its heap.  By the owner, or after it is gone. */
static void park(struct region *region)
{
  struct arena *arena = arena_of(region_heap(region));
  uint64_t bytes = 0, mask;

  retire_flush(arena);
  magazine_flush_all(arena);
  lock_take(&region->lock);
  if (region->state != REGION_RESET) {
    slab_release(arena);
    meta_drop_spares(&arena->spares);
    /* A wiped heap and one that is kept go on alike. */
    if (is_pristine(arena)) {
      memset(arena->bins, 0, sizeof arena->bins);
      arena->run_pages = 0;
    }
    region_set_state(region, REGION_PARKED);
    region->parked_ns = sys_now();
    bytes =
        arena->free_dirty * HEAP_PAGE + arena->cached_bytes + HEAP_OVERHEAD + arena->segment_count * SEGMENT_OVERHEAD;
  }
  lock_release(&region->lock);
  mask = lists_take();
  if (bytes)
    warm_add(region, bytes);
  lists_release(mask);
}

void heap_thread_end(struct heap *heap)
{
  uint64_t mask;

  if (heap == &heap_none)
    return;
  park(region_of(heap));
  mask = lists_take();
  region_of(heap)->ended.busy = false;
  lists_release(mask);
  cool_down();
}

/* Nobody will ever wait for the heap.  True: nothing is left of it, and its record may be used again. */
static bool abandon(struct region *region)
{
  bool dead;

  lock_take(&region->lock);
  cool(region);
  if (region->state == REGION_PARKED)
    close_heap(region);
  dead = region->state == REGION_RESET || is_dead(region);
  lock_release(&region->lock);
  return dead;
}

void heap_thread_gone(struct heap *heap, bool joinable)
{
  struct region *region;
  bool mine, dead = false;
  uint64_t mask;

  if (heap == &heap_none)
    return;
  region = region_of(heap);
  mask = lists_take();
  mine = !region->ended.busy && !region->ended.joined && !region->ended.left;
  if (mine) {
    region->ended.busy = true;
    __atomic_store_n(&region->ended.gone, true, __ATOMIC_RELAXED);
  }
  lists_release(mask);
  if (!mine)
    return;
  /* libc may have used the heap after heap_thread_end. */
  park(region);
  if (!joinable && !recycle_is_on())
    dead = abandon(region);
  lock_take(&region->lock);
  mask = lists_take();
  region->ended.busy = false;
  if (dead || is_dead(region))
    bury_region(region);
  else
    left_add(region);
  lists_release(mask);
  lock_release(&region->lock);
  cool_down();
  judge();
}

/* late: only if nobody has taken the heap over since its thread was gone. */
static void join(struct heap *heap, struct heap *child, bool late)
{
  struct region *region, *joined;
  struct ended *e;
  uint64_t mask;
  bool mine;

  if (heap == &heap_none || child == &heap_none)
    return;
  region = region_of(heap);
  joined = region_of(child);
  e = &joined->ended;
  mask = lists_take();
  mine = late ? e->left : !e->joined;
  if (mine) {
    left_remove(joined);
    e->joined = true;
    __atomic_store_n(&e->gone, true, __ATOMIC_RELAXED);
    /* Once more, because now it may be wiped. */
    if (!e->warm && region_state(joined) == REGION_PARKED)
      warm_add(joined, HEAP_OVERHEAD + SEGMENT_OVERHEAD);
  }
  lists_release(mask);
  if (!mine)
    return;
  joined->idle_next = region->idle;
  region->idle = joined;
  cool_down();
}

void heap_join(struct heap *heap, struct heap *child)
{
  join(heap, child, false);
}

void heap_join_late(struct heap *heap, struct heap *child)
{
  join(heap, child, true);
}

void ended_given(struct region *region)
{
  uint64_t mask = lists_take();

  region->ended.busy = true;
  region->ended.joined = false;
  __atomic_store_n(&region->ended.gone, false, __ATOMIC_RELAXED);
  warm_remove(region);
  lists_release(mask);
}

/* Of the first few that are left, the one with the most memory for the next thread.  Under the lists' lock. */
static struct region *best_left(void)
{
  struct region *best = NULL, *last = left_last;
  uint64_t most = 0;
  unsigned n = 0;

  for (struct region *region = left; region && n < LOOK_LEFT; region = region->ended.left_next, n++) {
    uint64_t bytes =
        __atomic_load_n(&region->waste, __ATOMIC_RELAXED) + (region->ended.warm ? region->ended.warm_bytes : 0);

    if (best && bytes <= most)
      continue;
    best = region;
    most = bytes;
  }
  /* The others come forward one by one. */
  if (n == LOOK_LEFT && last != best) {
    left_remove(last);
    left_add(last);
  }
  return best;
}

struct region *ended_heir(void)
{
  struct region *region;
  uint64_t mask;

  if (!recycle_is_on())
    return NULL;
  mask = lists_take();
  region = best_left();
  if (region) {
    left_remove(region);
    warm_remove(region);
    region->ended.busy = true;
    __atomic_store_n(&region->ended.gone, false, __ATOMIC_RELAXED);
  }
  lists_release(mask);
  if (region)
    recycle_report(region->start);
  return region;
}

void ended_refused(struct region *region)
{
  uint64_t mask = lists_take();

  region->ended.busy = false;
  left_add(region);
  lists_release(mask);
}

void ended_before_fork(void)
{
  lock_take(&list_lock);
}

void ended_after_fork(bool child)
{
  if (child)
    lock_reset(&list_lock);
  else
    lock_release(&list_lock);
}
