/*
 * Size classes of small blocks: multiples of 16 bytes up to 256, then eight
 * per doubling up to CLASS_MAX, so that rounding wastes at most 12.5% above
 * 128 bytes.  Class numbers start at 1; 0 means "not a small block".
 */
#ifndef VMTRACE_CLASS_H
#define VMTRACE_CLASS_H

#include <stddef.h>
#include <stdint.h>

#define CLASS_COUNT 72
#define CLASS_MAX 32768u
#define CLASS_NONE 0

struct class_info {
  uint32_t size;       /* bytes of a block */
  uint32_t reciprocal; /* (offset * reciprocal) >> 32 == offset / size for offsets below RUN_BYTES_MAX */
  uint8_t min_pages;   /* shortest run worth having, to fill holes */
  uint8_t first_pages; /* length of the class's first run in a heap */
  uint8_t full_pages;  /* length of all others */
  uint8_t magazine;    /* most blocks kept in a heap's magazine */
};

#define RUN_BYTES_MAX (UINT32_C(1) << 17)

/* Filled by class_init; all zero before, so that every allocation misses. */
extern uint8_t class_table[CLASS_MAX / 16 + 1] __attribute__((visibility("hidden")));
extern struct class_info class_infos[CLASS_COUNT + 1] __attribute__((visibility("hidden")));

/* Idempotent; called by heap_main before the first heap exists. */
void class_init(void);

/* The class of a size up to CLASS_MAX. */
static inline unsigned class_of(size_t size)
{
  return class_table[(size + 15) >> 4];
}

/* The smallest class with blocks of at least size bytes all aligned to align (a power of two up to the page size);
 * CLASS_NONE when there is none. */
unsigned class_aligned(size_t size, size_t align);

#endif
