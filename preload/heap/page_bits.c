/* Bit maps of a segment's pages.  See page_bits.h; called by segment.c and sweep.c. */
#include "heap/page_bits.h"

#define WORDS (SEGMENT_PAGES / 64)

/* Bits [from, to) of a word; from < to <= 64. */
static uint64_t mask(unsigned from, unsigned to)
{
  return (UINT64_MAX >> (64 - (to - from))) << from;
}

unsigned pages_next_set(const uint64_t *map, unsigned page)
{
  unsigned word = page / 64;
  uint64_t bits;

  if (page >= SEGMENT_PAGES)
    return SEGMENT_PAGES;
  bits = map[word] & (UINT64_MAX << page % 64);
  while (!bits) {
    if (++word == WORDS)
      return SEGMENT_PAGES;
    bits = map[word];
  }
  return word * 64 + (unsigned)__builtin_ctzll(bits);
}

unsigned pages_next_clear(const uint64_t *map, unsigned page)
{
  unsigned word = page / 64;
  uint64_t bits;

  if (page >= SEGMENT_PAGES)
    return SEGMENT_PAGES;
  bits = ~map[word] & (UINT64_MAX << page % 64);
  while (!bits) {
    if (++word == WORDS)
      return SEGMENT_PAGES;
    bits = ~map[word];
  }
  return word * 64 + (unsigned)__builtin_ctzll(bits);
}

unsigned pages_find(const uint64_t *map, unsigned count, unsigned align)
{
  unsigned page = pages_next_set(map, 0);

  while (page < SEGMENT_PAGES) {
    unsigned end = pages_next_clear(map, page);
    unsigned start = (page + align - 1) & ~(align - 1);

    if (start + count <= end)
      return start;
    page = pages_next_set(map, end);
  }
  return PAGES_NONE;
}

unsigned pages_longest(const uint64_t *map)
{
  unsigned longest = 0;
  unsigned page = pages_next_set(map, 0);

  while (page < SEGMENT_PAGES) {
    unsigned end = pages_next_clear(map, page);

    if (end - page > longest)
      longest = end - page;
    page = pages_next_set(map, end);
  }
  return longest;
}

void pages_set(uint64_t *map, unsigned first, unsigned count)
{
  for (unsigned end = first + count; first < end;) {
    unsigned stop = (first / 64 + 1) * 64 < end ? (first / 64 + 1) * 64 : end;

    map[first / 64] |= mask(first % 64, first % 64 + stop - first);
    first = stop;
  }
}

void pages_clear(uint64_t *map, unsigned first, unsigned count)
{
  for (unsigned end = first + count; first < end;) {
    unsigned stop = (first / 64 + 1) * 64 < end ? (first / 64 + 1) * 64 : end;

    map[first / 64] &= ~mask(first % 64, first % 64 + stop - first);
    first = stop;
  }
}

unsigned pages_count(const uint64_t *map, unsigned first, unsigned count)
{
  unsigned n = 0;

  for (unsigned end = first + count; first < end;) {
    unsigned stop = (first / 64 + 1) * 64 < end ? (first / 64 + 1) * 64 : end;

    n += (unsigned)__builtin_popcountll(map[first / 64] & mask(first % 64, first % 64 + stop - first));
    first = stop;
  }
  return n;
}
