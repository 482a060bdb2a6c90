/*
 * The range above the first region, and what of a region is left for children.
 * Hands out addresses and nothing else; maps nothing, and never takes one back.  Called by region.c, and
 * by segment.c, huge.c and range.c when a heap has used up its own.
 *
 *   shared     pieces in the order of asking: the last resort
 *   scattered  every region's own places, by a hash of its start
 *   first      the first thread's alone, which is the one that reserves terabytes
 */
#include "heap/overflow.h"

/* Above the first region, behind the grain that shares its metadata with the low segment. */
#define SHARED_START (GRAIN_ALIAS + GRAIN_SIZE)
#define SCATTER_START (SHARED_START + HIGH_SIZE / 32)
#define SCATTER_SIZE (HIGH_SIZE / 16)
#define FIRST_START (SCATTER_START + SCATTER_SIZE)
#define SCATTER_GRAINS (SCATTER_SIZE / GRAIN_SIZE)

/* A heap that goes beyond its region gets so much at a time, so that it comes back rarely. */
#define PIECE_LEAST (UINT64_C(64) << 20)

static uint64_t shared_next = SHARED_START;     /* atomic */
static uint64_t first_next = FIRST_START;       /* under the first region's lock */
static uint64_t scattered[SCATTER_GRAINS / 64]; /* atomic: bit set: the grain is somebody's */

static uint64_t grain_round(uint64_t size)
{
  return (size + GRAIN_SIZE - 1) & ~(GRAIN_SIZE - 1);
}

uint64_t region_overflow(enum vt_nondet reason, uint64_t size, uint64_t *got)
{
  uint64_t addr = __atomic_load_n(&shared_next, __ATOMIC_RELAXED);

  size = grain_round(size);
  do {
    if (size > SCATTER_START - addr)
      return 0;
  } while (!__atomic_compare_exchange_n(&shared_next, &addr, addr + size, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  *got = size;
  region_nondet(reason, addr);
  return addr;
}

static bool grain_claim(uint64_t grain)
{
  uint64_t bit = UINT64_C(1) << grain % 64;

  return !(__atomic_fetch_or(&scattered[grain / 64], bit, __ATOMIC_RELAXED) & bit);
}

static void grains_release(uint64_t first, uint64_t count)
{
  for (uint64_t i = first; i < first + count; i++)
    __atomic_fetch_and(&scattered[i / 64], ~(UINT64_C(1) << i % 64), __ATOMIC_RELAXED);
}

/* All of them, or none. */
static bool grains_claim(uint64_t first, uint64_t count)
{
  for (uint64_t i = 0; i < count; i++)
    if (!grain_claim(first + i)) {
      grains_release(first, i);
      return false;
    }
  return true;
}

/* The finaliser of MurmurHash3. */
static uint64_t place_of(uint64_t start, uint64_t number)
{
  uint64_t x = start + number * UINT64_C(0x9e3779b97f4a7c15);

  x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
  x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
  return x ^ x >> 33;
}

uint64_t region_scatter(struct region *region, uint64_t size, uint64_t *got)
{
  uint64_t count = grain_round(size) / GRAIN_SIZE, first;

  if (!count || count > SCATTER_GRAINS / 64)
    return 0;
  first = place_of(region->start, ++region->scattered) % (SCATTER_GRAINS - count);
  if (!grains_claim(first, count))
    return 0;
  *got = count * GRAIN_SIZE;
  return SCATTER_START + first * GRAIN_SIZE;
}

/* What lies behind the region's own range is its children's, from the other end; what is left in between serves both.
 */
static uint64_t extend_upwards(struct region *region, uint64_t size, uint64_t *got)
{
  uint64_t start = region->own_end, room = region->children_start - start;

  if (room < size)
    return 0;
  *got = size > PIECE_LEAST || room < PIECE_LEAST ? grain_round(size) : PIECE_LEAST;
  region->own_end += *got;
  return start;
}

static uint64_t extend_first(uint64_t size, uint64_t *got)
{
  uint64_t start = first_next;

  size = grain_round(size);
  if (size > NESTED_START - start)
    return 0;
  first_next += size;
  *got = size;
  return start;
}

uint64_t region_extend(struct region *region, uint64_t size, uint64_t *got)
{
  uint64_t start = 0, piece = size > PIECE_LEAST ? size : PIECE_LEAST;

  if (size >= HIGH_SIZE)
    return 0;
  if (region->first)
    start = extend_first(piece, got);
  if (!start)
    start = extend_upwards(region, size, got);
  if (!start)
    start = region_scatter(region, piece, got);
  return start ? start : region_overflow(VT_NONDET_REGION, size, got);
}
