/*
 * Sets of address ranges as treaps: binary search trees by address, heaps by a
 * priority that is a hash of the address.  The shape never shows in a result.
 * See extent.h; called by segment.c, huge.c and range.c.
 */
#include "heap/extent.h"

#include <stddef.h>

#include "base/own.h"

static uint64_t max_of(const struct extent *e)
{
  return e ? e->max : 0;
}

static void update(struct extent *e)
{
  uint64_t max = e->size;

  if (max_of(e->left) > max)
    max = max_of(e->left);
  if (max_of(e->right) > max)
    max = max_of(e->right);
  e->max = max;
}

/* Splits into starts below key and starts at key and above. */
static void split(struct extent *e, uint64_t key, struct extent **low, struct extent **high)
{
  if (!e) {
    *low = *high = NULL;
  } else if (e->start < key) {
    split(e->right, key, &e->right, high);
    *low = e;
    update(e);
  } else {
    split(e->left, key, low, &e->left);
    *high = e;
    update(e);
  }
}

/* All of low lies below all of high. */
static struct extent *merge(struct extent *low, struct extent *high)
{
  if (!low || !high)
    return low ? low : high;
  if (low->priority > high->priority) {
    low->right = merge(low->right, high);
    update(low);
    return low;
  }
  high->left = merge(low, high->left);
  update(high);
  return high;
}

static void insert(struct extent **set, struct extent *e)
{
  struct extent *low, *high;

  split(*set, e->start, &low, &high);
  e->left = e->right = NULL;
  update(e);
  *set = merge(merge(low, e), high);
}

static void detach(struct extent **set, struct extent *e)
{
  struct extent *low, *middle, *high;

  split(*set, e->start, &low, &high);
  split(high, e->start + 1, &middle, &high);
  *set = merge(low, high);
}

static void put_node(struct extent *e)
{
  own_free(e, sizeof *e);
}

/* The member with the highest start at or below addr. */
static struct extent *floor_of(struct extent *e, uint64_t addr)
{
  struct extent *best = NULL;

  while (e) {
    if (e->start <= addr) {
      best = e;
      e = e->right;
    } else {
      e = e->left;
    }
  }
  return best;
}

/* The member with the lowest start at or above addr. */
static struct extent *ceiling_of(struct extent *e, uint64_t addr)
{
  struct extent *best = NULL;

  while (e) {
    if (e->start >= addr) {
      best = e;
      e = e->left;
    } else {
      e = e->right;
    }
  }
  return best;
}

bool extent_add(struct extent **set, uint64_t start, uint64_t size, uint64_t stamp)
{
  struct extent *before = floor_of(*set, start);
  struct extent *after = ceiling_of(*set, start);
  struct extent *e = NULL;

  if (before && before->start + before->size == start) {
    detach(set, before);
    e = before;
    e->size += size;
  }
  if (after && after->start == start + size) {
    detach(set, after);
    size = after->size;
    if (e) {
      e->size += size;
      e->stamp = after->stamp > e->stamp ? after->stamp : e->stamp;
      put_node(after);
    } else {
      e = after;
      e->size += e->start - start;
      e->start = start;
    }
  }
  if (!e) {
    e = own_alloc(sizeof *e);
    if (!e)
      return false;
    e->start = start;
    e->size = size;
    e->priority = (uint32_t)((start >> 12) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
  }
  e->stamp = stamp > e->stamp ? stamp : e->stamp;
  insert(set, e);
  return true;
}

uint64_t extent_fit_from(const struct extent *e, uint64_t from, uint64_t size, uint64_t align)
{
  uint64_t found, start;

  if (max_of(e) < size)
    return 0;
  found = extent_fit_from(e->left, from, size, align);
  if (found)
    return found;
  start = (e->start + align - 1) & ~(align - 1);
  if (e->start >= from && start >= e->start && start - e->start <= e->size && e->size - (start - e->start) >= size)
    return start;
  return extent_fit_from(e->right, from, size, align);
}

uint64_t extent_fit(const struct extent *set, uint64_t size, uint64_t align)
{
  return extent_fit_from(set, 0, size, align);
}

bool extent_holds(struct extent *set, uint64_t addr)
{
  const struct extent *e = floor_of(set, addr);

  return e && addr - e->start < e->size;
}

bool extent_holds_all(struct extent *set, uint64_t start, uint64_t end)
{
  const struct extent *e = floor_of(set, start);

  return e && e->start + e->size >= end;
}

bool extent_next(struct extent *set, uint64_t start, uint64_t end, uint64_t *piece, uint64_t *piece_end)
{
  const struct extent *e = floor_of(set, start);

  if (!e || e->start + e->size <= start)
    e = ceiling_of(set, start);
  if (!e || e->start >= end)
    return false;
  *piece = e->start > start ? e->start : start;
  *piece_end = e->start + e->size < end ? e->start + e->size : end;
  return true;
}

/* Takes [start, end) out of e, a member that contains it.  False: out of memory, unchanged. */
static bool carve(struct extent **set, struct extent *e, uint64_t start, uint64_t end)
{
  uint64_t e_end = e->start + e->size;
  struct extent *tail = NULL;

  if (start > e->start && end < e_end) {
    tail = own_alloc(sizeof *tail);
    if (!tail)
      return false;
  }
  detach(set, e);
  if (tail) {
    tail->start = end;
    tail->size = e_end - end;
    tail->stamp = e->stamp;
    tail->priority = (uint32_t)((end >> 12) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    insert(set, tail);
  }
  if (start > e->start) {
    e->size = start - e->start;
    insert(set, e);
  } else if (end < e_end) {
    e->start = end;
    e->size = e_end - end;
    insert(set, e);
  } else {
    put_node(e);
  }
  return true;
}

bool extent_claim(struct extent **set, uint64_t start, uint64_t size)
{
  struct extent *e = floor_of(*set, start);

  if (!e || start - e->start > e->size || e->size - (start - e->start) < size)
    return false;
  return carve(set, e, start, start + size);
}

bool extent_cut(struct extent **set, uint64_t start, uint64_t end, uint64_t *piece, uint64_t *size)
{
  struct extent *e = floor_of(*set, start);
  uint64_t from, to;

  if (!e || e->start + e->size <= start)
    e = ceiling_of(*set, start);
  if (!e || e->start >= end)
    return false;
  from = e->start > start ? e->start : start;
  to = e->start + e->size < end ? e->start + e->size : end;
  if (!carve(set, e, from, to))
    return false;
  *piece = from;
  *size = to - from;
  return true;
}

const struct extent *extent_oldest(const struct extent *set)
{
  const struct extent *best = set, *other;

  if (!set)
    return NULL;
  other = extent_oldest(set->left);
  if (other && other->stamp < best->stamp)
    best = other;
  other = extent_oldest(set->right);
  if (other && other->stamp < best->stamp)
    best = other;
  return best;
}

void extent_clear(struct extent **set)
{
  struct extent *e = *set;

  if (!e)
    return;
  extent_clear(&e->left);
  extent_clear(&e->right);
  put_node(e);
  *set = NULL;
}
