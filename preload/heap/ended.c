/*
 * The ends of threads, and who goes on in their heaps.  A joined thread's heap
 * waits for the next child of the thread that joined it.  For all others nobody waits: if the thread was detached, its
 * heap is closed (abandon.h); if it could still be joined, it stays as it was.  In both cases a thread takes it over
 * only once too much is lost (recycle.h), because which threads are gone when another one is made is a matter of time.
 * Must not give memory back itself (decay.h).  Called by entry/ when a thread ends, is joined or is gone; by region.c
 * for heaps to go on with.
 */
#include "heap/ended.h"

#include <string.h>

#include "base/sys.h"
#include "heap/abandon.h"
#include "heap/arena.h"
#include "heap/decay.h"
#include "heap/ended_list.h"
#include "heap/magazine.h"
#include "heap/recycle.h"
#include "heap/retire.h"
#include "heap/segment.h"
#include "heap/slab.h"

/* What is lost is added up each time that so many more threads are gone, and this part of those that are left. */
#define JUDGE_THREADS 16
#define JUDGE_PART 8

/* So many threads may go to the overflow range before regions are used again. */
#define RUN_SHORT 128

/* So many heaps are looked at for the best one to go on in. */
#define LOOK_LEFT 32

static uint32_t left_since; /* threads gone since the latest judgement; under the lists' lock */
static bool near_seen;      /* that judgement found recycling near; the same */
static uint32_t run_short;

/* What the threads in between are using.  Takes each region's lock in turn. */
static uint64_t bytes_used(void)
{
  uint64_t pages = 0, mask;

  for (struct region *region = region_first(); region; region = region->next) {
    if (region_state(region) != REGION_USED)
      continue;
    mask = region_enter(region);
    if (region->state == REGION_USED)
      pages += arena_of(region_heap(region))->used_pages;
    region_leave(region, mask);
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
  mask = ended_list_take();
  due = ++left_since >= JUDGE_THREADS && left_since >= left_count() / JUDGE_PART;
  if (due) {
    left_since = 0;
    for (struct region *region = left_first(); region; region = region->ended.left_next)
      lost += __atomic_load_n(&region->waste, __ATOMIC_RELAXED);
    /* From near to on only after so many more threads: then all frees that were not yet recorded are. */
    due = !heap_recycles() || near_seen;
    near_seen = heap_recycles();
  }
  ended_list_release(mask);
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
  uint64_t bytes = 0, all, mask;

  if (region_state(region) == REGION_LOST)
    return;
  retire_flush(arena);
  magazine_flush_all(arena);
  all = region_enter(region);
  if (region->state != REGION_RESET) {
    slab_release(arena);
    meta_drop_spares(&arena->spares);
    /* A wiped heap and one that is kept go on alike. */
    if (decay_is_pristine(region)) {
      memset(arena->bins, 0, sizeof arena->bins);
      arena->run_pages = 0;
    }
    region_set_state(region, REGION_PARKED);
    region->parked_ns = sys_now();
    bytes = decay_kept(region);
  }
  region_leave(region, all);
  mask = ended_list_take();
  if (bytes)
    warm_add(region, bytes);
  ended_list_release(mask);
}

void heap_thread_end(struct heap *heap)
{
  uint64_t mask;

  if (heap == &heap_none)
    return;
  park(region_of(heap));
  mask = ended_list_take();
  region_of(heap)->ended.busy = false;
  ended_list_release(mask);
  decay_to_limit();
}

/* What becomes of a heap whose thread is gone; it is marked as busy. */
static void leave(struct region *region, bool joinable)
{
  bool dead = false;
  uint64_t all, mask;

  if (!joinable && !recycle_is_on())
    dead = abandon_close(region);
  all = region_enter(region);
  mask = ended_list_take();
  region->ended.busy = false;
  if (dead || abandon_is_dead(region))
    abandon_bury(region);
  else
    left_add(region);
  ended_list_release(mask);
  region_leave(region, all);
}

void heap_thread_gone(struct heap *heap, bool joinable)
{
  struct region *region;
  uint64_t mask;
  bool mine;

  if (heap == &heap_none)
    return;
  region = region_of(heap);
  mask = ended_list_take();
  mine = !region->ended.busy && !region->ended.joined && !region->ended.left;
  if (mine) {
    region->ended.busy = true;
    __atomic_store_n(&region->ended.gone, true, __ATOMIC_RELAXED);
  }
  ended_list_release(mask);
  if (!mine)
    return;
  /* libc may have used the heap after heap_thread_end. */
  park(region);
  leave(region, joinable);
  decay_to_limit();
  judge();
}

void heap_detached_late(struct heap *heap)
{
  struct region *region;
  uint64_t mask;
  bool mine;

  if (heap == &heap_none)
    return;
  region = region_of(heap);
  mask = ended_list_take();
  mine = region->ended.left;
  if (mine) {
    left_remove(region);
    region->ended.busy = true;
  }
  ended_list_release(mask);
  if (mine)
    leave(region, false);
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
  mask = ended_list_take();
  mine = late ? e->left : !e->joined;
  if (mine) {
    left_remove(joined);
    e->joined = true;
    __atomic_store_n(&e->gone, true, __ATOMIC_RELAXED);
    /* Once more, because now it may be wiped. */
    if (!e->warm && region_state(joined) == REGION_PARKED)
      warm_add(joined, DECAY_LEAST);
  }
  ended_list_release(mask);
  if (!mine)
    return;
  joined->idle_next = region->idle;
  region->idle = joined;
  decay_to_limit();
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
  uint64_t mask = ended_list_take();

  region->ended.busy = true;
  region->ended.joined = false;
  __atomic_store_n(&region->ended.gone, false, __ATOMIC_RELAXED);
  warm_remove(region);
  ended_list_release(mask);
}

/* Of the first few that are left, the one with the most memory for the next thread.  Under the lists' lock. */
static struct region *best_left(void)
{
  struct region *best = NULL, *last = left_last();
  uint64_t most = 0;
  unsigned n = 0;

  for (struct region *region = left_first(); region && n < LOOK_LEFT; region = region->ended.left_next, n++) {
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
  mask = ended_list_take();
  region = best_left();
  if (region) {
    left_remove(region);
    warm_remove(region);
    region->ended.busy = true;
    __atomic_store_n(&region->ended.gone, false, __ATOMIC_RELAXED);
  }
  ended_list_release(mask);
  if (region)
    recycle_report(region->start);
  return region;
}

void ended_refused(struct region *region)
{
  uint64_t mask = ended_list_take();

  region->ended.busy = false;
  left_add(region);
  ended_list_release(mask);
}
