/*
 * The lists of heaps whose threads have ended.  Keeps them and nothing else:
 * decides nothing and does not touch what is in a heap.  Called by decay.c, abandon.c and ended.c.
 */
#include "heap/ended_list.h"

#include <stddef.h>

static struct region *warm_front, *warm_back;
static uint64_t warm_total;
static struct region *left_front, *left_back;
static uint32_t left_total;

uint64_t ended_list_take(void)
{
  return masked_lock_take(&lock_ended);
}

void ended_list_release(uint64_t mask)
{
  masked_lock_release(&lock_ended, mask);
}

void warm_remove(struct region *region)
{
  struct ended *e = &region->ended;

  if (!e->warm)
    return;
  *(e->warm_prev ? &e->warm_prev->ended.warm_next : &warm_front) = e->warm_next;
  *(e->warm_next ? &e->warm_next->ended.warm_prev : &warm_back) = e->warm_prev;
  e->warm = false;
  warm_total -= e->warm_bytes;
}

void warm_add(struct region *region, uint64_t bytes)
{
  struct ended *e = &region->ended;

  warm_remove(region);
  e->warm = true;
  e->warm_bytes = bytes;
  e->warm_next = NULL;
  e->warm_prev = warm_back;
  *(warm_back ? &warm_back->ended.warm_next : &warm_front) = region;
  warm_back = region;
  warm_total += bytes;
}

struct region *warm_above(uint64_t limit)
{
  return warm_total > limit ? warm_front : NULL;
}

void left_remove(struct region *region)
{
  struct ended *e = &region->ended;

  if (!e->left)
    return;
  *(e->left_prev ? &e->left_prev->ended.left_next : &left_front) = e->left_next;
  *(e->left_next ? &e->left_next->ended.left_prev : &left_back) = e->left_prev;
  __atomic_store_n(&e->left, false, __ATOMIC_RELAXED);
  left_total--;
}

void left_add(struct region *region)
{
  struct ended *e = &region->ended;

  __atomic_store_n(&e->left, true, __ATOMIC_RELAXED);
  e->left_prev = NULL;
  e->left_next = left_front;
  *(left_front ? &left_front->ended.left_prev : &left_back) = region;
  left_front = region;
  left_total++;
}

struct region *left_first(void)
{
  return left_front;
}

struct region *left_last(void)
{
  return left_back;
}

uint32_t left_count(void)
{
  return left_total;
}

void ended_list_orphaned(struct lock_state *lock)
{
  (void)lock;
  for (struct region *region = region_first(); region; region = region->next)
    region->ended.warm = region->ended.left = false;
  warm_front = warm_back = left_front = left_back = NULL;
  warm_total = 0;
  left_total = 0;
}
