/*
 * Heaps that no thread will use again by the rule, because theirs was detached
 * and is gone.  Such a heap is closed: free space counts as freed by others, segments die as their blocks go, and at
 * last nothing is left but the record, for another region.  Must not say which heaps these are, nor who reopens one
 * (ended.c).  Called by ended.c when a thread is gone; by retire.c and huge.c when
 * the last blocks go; by region.c for records, and when a thread goes on in a closed heap.
 */
#include "heap/abandon.h"

#include "heap/arena.h"
#include "heap/decay.h"
#include "heap/ended_list.h"
#include "heap/recycle.h"
#include "heap/retire.h"
#include "heap/segment.h"
#include "heap/slab.h"

static struct region *records; /* of dead regions, by ended.left_next; under the lists' lock */

/* Counts the available blocks of a run as gone; true: nothing else is left of its segment. */
static bool close_run(struct run *run, unsigned class)
{
  unsigned pages = run->last + 1u, total = pages * (unsigned)HEAP_PAGE / class_infos[class].size;

  return (uint16_t)__atomic_add_fetch(&run->gone, run->free, __ATOMIC_ACQ_REL) == total &&
         retire_pages(run_segment(run), pages);
}

/* The free maps and avail bits stay, should it be reopened. */
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

bool abandon_close(struct region *region)
{
  uint64_t mask = region_enter(region);
  bool dead;

  decay_now(region);
  if (region->state == REGION_PARKED)
    close_heap(region);
  dead = region->state == REGION_RESET || abandon_is_dead(region);
  region_leave(region, mask);
  return dead;
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

void abandon_reopen(struct region *region)
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

bool abandon_is_dead(const struct region *region)
{
  const struct arena *arena = arena_of(region_heap(region));

  if (!region->closed || arena->huge_blocks || arena->ranges)
    return false;
  for (uint32_t i = 0; i < arena->segment_count; i++)
    if (arena->segments[i])
      return false;
  return true;
}

void abandon_bury(struct region *region)
{
  warm_remove(region);
  if (region->state != REGION_RESET)
    decay_discard(region, META_GONE);
  region->closed = false;
  __atomic_store_n(&region->waste, 0, __ATOMIC_RELAXED);
  region_set_state(region, REGION_DEAD);
  region->ended.left_next = records;
  records = region;
}

void abandon_emptied(struct region *region)
{
  uint64_t mask;

  if (region->state != REGION_PARKED || !abandon_is_dead(region))
    return;
  mask = ended_list_take();
  /* If it is not there, somebody is about to take it over or to bury it. */
  if (region->ended.left) {
    left_remove(region);
    abandon_bury(region);
  }
  ended_list_release(mask);
}

struct region *abandon_record(void)
{
  uint64_t mask = ended_list_take();
  struct region *region = records;

  if (region)
    records = region->ended.left_next;
  ended_list_release(mask);
  return region;
}

#define LOOK_RECORDS 64
#define LIKE_FACTOR 64 /* regions that are larger wait for the rule */

struct region *abandon_record_like(uint64_t size)
{
  uint64_t mask = ended_list_take();
  struct region **at = &records, *region;

  for (int i = 0; *at && i < LOOK_RECORDS; i++, at = &(*at)->ended.left_next)
    if ((*at)->end - (*at)->start >= size && (*at)->end - (*at)->start <= LIKE_FACTOR * size)
      break;
  region = *at;
  if (region && (region->end - region->start < size || region->end - region->start > LIKE_FACTOR * size))
    region = NULL;
  if (region)
    *at = region->ended.left_next;
  ended_list_release(mask);
  return region;
}
