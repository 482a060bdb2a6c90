/*
 * Computes the tables of size classes.  Touches no heap; called once, by
 * heap_main.
 */
#include "heap/class.h"

#include "heap/meta.h"

uint8_t class_table[CLASS_MAX / 16 + 1];
struct class_info class_infos[CLASS_COUNT + 1];

/* A magazine keeps at most this many bytes of one class, but MAGAZINE_MIN blocks at least. */
#define MAGAZINE_BYTES (UINT32_C(64) << 10)
#define MAGAZINE_MIN 8
#define MAGAZINE_MAX 64

static uint32_t size_of(unsigned class)
{
  unsigned step = class - 17;

  if (class <= 16)
    return class * 16;
  return (9 + step % 8) * (UINT32_C(32) << step / 8);
}

/* Whether a run of so many pages leaves at most 1/part of itself unused behind its last block. */
static int tiles(uint32_t size, unsigned pages, unsigned part)
{
  uint32_t bytes = pages * (uint32_t)HEAP_PAGE;

  return bytes >= size && bytes % size * part <= bytes;
}

static uint8_t pages_for(uint32_t size, unsigned blocks, unsigned least, unsigned part)
{
  unsigned pages = (size * blocks + (unsigned)HEAP_PAGE - 1) / (unsigned)HEAP_PAGE;

  if (pages < least)
    pages = least;
  while (!tiles(size, pages, part))
    pages++;
  return (uint8_t)pages;
}

static void fill_info(struct class_info *info, uint32_t size)
{
  uint8_t keep = MAGAZINE_MIN; /* a power of two, because magazines double */

  info->size = size;
  info->reciprocal = (uint32_t)(((UINT64_C(1) << 32) + size - 1) / size);
  info->min_pages = pages_for(size, 1, 1, 4);
  info->first_pages = pages_for(size, size > 4096 ? 1 : 4, 1, 8);
  info->full_pages = pages_for(size, size > 16384 ? 2 : 4, 16, 32);
  while (keep < MAGAZINE_MAX && keep * 2 * size <= MAGAZINE_BYTES)
    keep *= 2;
  info->magazine = keep;
}

void class_init(void)
{
  unsigned slot = 0;

  if (class_infos[1].size)
    return;
  for (unsigned class = 1; class <= CLASS_COUNT; class ++) {
    fill_info(&class_infos[class], size_of(class));
    for (; slot <= size_of(class) / 16; slot++)
      class_table[slot] = (uint8_t) class;
  }
}

unsigned class_aligned(size_t size, size_t align)
{
  size_t need = size ? (size + align - 1) & ~(align - 1) : align;

  if (need > CLASS_MAX || align > HEAP_PAGE)
    return CLASS_NONE;
  for (unsigned class = class_of(need); class <= CLASS_COUNT; class ++) {
    if (class_infos[class].size % align == 0)
      return class;
  }
  return CLASS_NONE;
}
