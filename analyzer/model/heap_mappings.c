/*
 * The program's own mappings, as a sorted array: a process has 65,530
 * mappings at most, and most programs make a handful.  Called by model/heap_process.c.
 */
#include "model/heap_mappings.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

#define MREMAP_DONTUNMAP_FLAG 4

void heap_mappings_release(struct heap_mappings *m)
{
  free(m->item);
  *m = (struct heap_mappings){0};
}

/* The first one that ends behind addr. */
static size_t find(const struct heap_mappings *m, uint64_t addr)
{
  size_t low = 0, high = m->count;

  while (low < high) {
    size_t middle = (low + high) / 2;

    if (m->item[middle].end <= addr)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Puts n in place of count ones from at on. */
static bool replace(struct heap_mappings *m, size_t at, size_t count, const struct heap_mapping *by, size_t n)
{
  size_t rest = m->count - at - count;

  if (m->count - count + n > m->room) {
    size_t room = (m->count + n) * 2;
    struct heap_mapping *item = xreallocarray(m->item, room, sizeof *item);

    if (!item)
      return false;
    m->item = item;
    m->room = room;
  }
  if (n != count && rest)
    memmove(m->item + at + n, m->item + at + count, rest * sizeof *m->item);
  if (n)
    memcpy(m->item + at, by, n * sizeof *by);
  m->count = m->count - count + n;
  return true;
}

/* Makes [start, end) one mapping of stack's, or, with mapped false, none. */
static bool set(struct heap_mappings *m, uint64_t start, uint64_t end, bool mapped, uint32_t stack)
{
  struct heap_mapping by[3];
  size_t first, last, n = 0;

  if (end <= start)
    return true;
  first = last = find(m, start);
  if (first < m->count && m->item[first].start < start)
    by[n++] = (struct heap_mapping){m->item[first].start, start, m->item[first].stack};
  if (mapped)
    by[n++] = (struct heap_mapping){start, end, stack};
  while (last < m->count && m->item[last].start < end)
    last++;
  if (last > first && m->item[last - 1].end > end)
    by[n++] = (struct heap_mapping){end, m->item[last - 1].end, m->item[last - 1].stack};
  return replace(m, first, last - first, by, n);
}

bool heap_mappings_add(struct heap_mappings *m, const struct heap_mapping *mapping)
{
  return set(m, mapping->start, mapping->end, true, mapping->stack);
}

static bool unmap_at(struct heap_mappings *m, uint64_t addr)
{
  size_t i = find(m, addr);

  return i >= m->count || m->item[i].start != addr || replace(m, i, 1, NULL, 0);
}

/* A mapping that moves or changes its size belongs to who did that: it is his size now. */
static bool move(struct heap_mappings *m, const struct event *e, uint64_t old_size, uint64_t size)
{
  if (!(e->field[4] & MREMAP_DONTUNMAP_FLAG) && !set(m, e->field[0], e->field[0] + old_size, false, 0))
    return false;
  return set(m, e->field[2], e->field[2] + size, true, e->stack);
}

bool heap_mappings_event(struct heap_mappings *m, const struct event *e, uint64_t page_size)
{
  const uint64_t *f = e->field, mask = page_size - 1;

  switch (e->type) {
  case VT_R_MMAP:
  case VT_R_SHMAT:
    return set(m, f[0], f[0] + ((f[1] + mask) & ~mask), true, e->stack);
  case VT_R_MUNMAP:
    return set(m, f[0], f[0] + ((f[1] + mask) & ~mask), false, 0);
  case VT_R_SHMDT:
    return unmap_at(m, f[0]);
  case VT_R_MREMAP:
    return move(m, e, (f[1] + mask) & ~mask, (f[3] + mask) & ~mask);
  case VT_R_BRK:
    if (f[1] >= f[0])
      return set(m, (f[0] + mask) & ~mask, (f[1] + mask) & ~mask, true, e->stack);
    return set(m, (f[1] + mask) & ~mask, (f[0] + mask) & ~mask, false, 0);
  default:
    return true;
  }
}
