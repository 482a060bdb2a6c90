/*
 * The program's own mappings, as a sorted list: most programs make a handful, a few as many as the kernel allows.
 * Called by query/heap/heap_process.c.
 */
#include "track/heap/heap_mappings.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

#define MREMAP_DONTUNMAP_FLAG 4

void heap_mappings_release(struct heap_mappings *m)
{
  for (size_t i = 0; i < m->count; i++)
    free(m->piece[i]);
  free(m->piece);
  *m = (struct heap_mappings){0};
}

void heap_mappings_copy(struct heap_mappings *to, const struct heap_mappings *from)
{
  heap_mappings_release(to);
  to->room = from->count;
  to->piece = xcalloc(to->room + 1, sizeof(struct heap_mappings_piece *));
  for (; to->count < from->count; to->count++) {
    to->piece[to->count] = xmalloc(sizeof **to->piece);
    *to->piece[to->count] = *from->piece[to->count];
  }
}

bool heap_mappings_next(const struct heap_mappings *m, struct heap_mappings_place *place)
{
  if (place->piece < m->count && place->item == m->piece[place->piece]->count) {
    place->piece++;
    place->item = 0;
  }
  if (place->piece == m->count)
    return false;
  place->mapping = &m->piece[place->piece]->item[place->item++];
  return true;
}

/* The first mapping that ends behind addr; at the end of the last piece when there is none. */
static struct heap_mappings_place place_find(const struct heap_mappings *m, uint64_t addr)
{
  struct heap_mappings_place place = {0};
  size_t low = 0, high = m->count;

  while (low < high) {
    size_t middle = (low + high) / 2;
    const struct heap_mappings_piece *piece = m->piece[middle];

    if (piece->item[piece->count - 1].end <= addr)
      low = middle + 1;
    else
      high = middle;
  }
  place.piece = low;
  if (low == m->count)
    return place;
  for (high = m->piece[low]->count, low = 0; low < high;) {
    size_t middle = (low + high) / 2;

    if (m->piece[place.piece]->item[middle].end <= addr)
      low = middle + 1;
    else
      high = middle;
  }
  place.item = low;
  place.mapping = &m->piece[place.piece]->item[low];
  return place;
}

static void piece_insert(struct heap_mappings *m, size_t at)
{
  m->piece = xgrow(m->piece, m->count, &m->room, sizeof *m->piece);
  memmove(m->piece + at + 1, m->piece + at, (m->count - at) * sizeof *m->piece);
  m->piece[at] = xcalloc(1, sizeof **m->piece);
  m->count++;
}

static void piece_remove(struct heap_mappings *m, size_t at)
{
  free(m->piece[at]);
  m->count--;
  memmove(m->piece + at, m->piece + at + 1, (m->count - at) * sizeof *m->piece);
}

/* Makes room for one at a place, which may thereby become another one. */
static struct heap_mapping *place_insert(struct heap_mappings *m, struct heap_mappings_place place)
{
  struct heap_mappings_piece *piece;

  /* Behind all others: at the end of the last piece, if it has room. */
  if (place.piece == m->count && place.piece && m->piece[place.piece - 1]->count < HEAP_MAPPINGS_PIECE)
    place = (struct heap_mappings_place){.piece = place.piece - 1, .item = m->piece[place.piece - 1]->count};
  else if (place.piece == m->count)
    piece_insert(m, place.piece);
  piece = m->piece[place.piece];
  if (piece->count == HEAP_MAPPINGS_PIECE) {
    size_t half = HEAP_MAPPINGS_PIECE / 2;

    piece_insert(m, place.piece + 1);
    m->piece[place.piece + 1]->count = HEAP_MAPPINGS_PIECE - half;
    memcpy(m->piece[place.piece + 1]->item, piece->item + half, (HEAP_MAPPINGS_PIECE - half) * sizeof *piece->item);
    piece->count = half;
    if (place.item > half) {
      place.item -= half;
      piece = m->piece[++place.piece];
    }
  }
  memmove(piece->item + place.item + 1, piece->item + place.item, (piece->count - place.item) * sizeof *piece->item);
  piece->count++;
  return &piece->item[place.item];
}

/* Takes out n mappings of one piece, which goes with its last. */
static void piece_drop(struct heap_mappings *m, struct heap_mappings_place place, size_t n)
{
  struct heap_mappings_piece *piece = m->piece[place.piece];

  memmove(piece->item + place.item, piece->item + place.item + n,
          (piece->count - place.item - n) * sizeof *piece->item);
  piece->count -= n;
  if (!piece->count)
    piece_remove(m, place.piece);
}

/* Divides the mapping that addr lies within, so that one begins there. */
static void cut_at(struct heap_mappings *m, uint64_t addr)
{
  struct heap_mappings_place place = place_find(m, addr);
  struct heap_mapping before;

  if (!place.mapping || place.mapping->start >= addr)
    return;
  before = *place.mapping;
  m->piece[place.piece]->item[place.item].start = addr;
  before.end = addr;
  *place_insert(m, place) = before;
}

/* Makes [start, end) one mapping of stack's, or, with mapped false, none. */
static bool set(struct heap_mappings *m, uint64_t start, uint64_t end, bool mapped, uint32_t stack)
{
  struct heap_mappings_place place;

  if (end <= start)
    return true;
  cut_at(m, start);
  cut_at(m, end);
  while ((place = place_find(m, start)).mapping && place.mapping->start < end) {
    const struct heap_mappings_piece *piece = m->piece[place.piece];
    size_t last = place.item;

    while (last < piece->count && piece->item[last].start < end)
      last++;
    piece_drop(m, place, last - place.item);
  }
  if (mapped)
    *place_insert(m, place_find(m, start)) = (struct heap_mapping){start, end, stack};
  return true;
}

bool heap_mappings_add(struct heap_mappings *m, const struct heap_mapping *mapping)
{
  return set(m, mapping->start, mapping->end, true, mapping->stack);
}

static bool unmap_at(struct heap_mappings *m, uint64_t addr)
{
  struct heap_mappings_place place = place_find(m, addr);

  if (place.mapping && place.mapping->start == addr)
    piece_drop(m, place, 1);
  return true;
}

/* A mapping that moves or changes its size belongs to who did that: it is his size now. */
static bool move(struct heap_mappings *m, const struct event *e, uint32_t stack, uint64_t old_size, uint64_t size)
{
  if (!(e->field[4] & MREMAP_DONTUNMAP_FLAG) && !set(m, e->field[0], e->field[0] + old_size, false, 0))
    return false;
  return set(m, e->field[2], e->field[2] + size, true, stack);
}

bool heap_mappings_event(struct heap_mappings *m, const struct event *e, uint32_t stack, uint64_t page_size)
{
  const uint64_t *f = e->field, mask = page_size - 1;

  switch (e->type) {
  case VT_R_MMAP:
  case VT_R_SHMAT:
    return set(m, f[0], f[0] + ((f[1] + mask) & ~mask), true, stack);
  case VT_R_MUNMAP:
    return set(m, f[0], f[0] + ((f[1] + mask) & ~mask), false, 0);
  case VT_R_SHMDT:
    return unmap_at(m, f[0]);
  case VT_R_MREMAP:
    return move(m, e, stack, (f[1] + mask) & ~mask, (f[3] + mask) & ~mask);
  case VT_R_BRK:
    if (f[1] >= f[0])
      return set(m, (f[0] + mask) & ~mask, (f[1] + mask) & ~mask, true, stack);
    return set(m, (f[1] + mask) & ~mask, (f[0] + mask) & ~mask, false, 0);
  default:
    return true;
  }
}
