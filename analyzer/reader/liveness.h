/*
 * The set of addresses at which a block is live: one bit per address unit,
 * in words of 64 units that exist only while a bit in them is set.  Memory
 * grows with the live blocks, at most 32 bytes for each.
 */
#ifndef VMTRACE_LIVENESS_H
#define VMTRACE_LIVENESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct liveness_word {
  uint64_t key;  /* unit >> 6 */
  uint64_t bits; /* 0: an empty slot */
};

struct liveness {
  struct liveness_word *slots; /* open addressing, a power of two of them */
  size_t mask, used;
  unsigned hash_shift;
  uint64_t multiplier; /* random, so that no file can be made to collide */
};

void liveness_init(struct liveness *l);
void liveness_release(struct liveness *l);

/* Says that unit will be asked for soon. */
static inline void liveness_expect(const struct liveness *l, uint64_t unit)
{
  __builtin_prefetch(&l->slots[(unit >> 6) * l->multiplier >> l->hash_shift], 1);
}

bool liveness_has(const struct liveness *l, uint64_t unit);
/* Makes unit live; false when it already was. */
bool liveness_begin(struct liveness *l, uint64_t unit);
/* Ends it; false when it was not live. */
bool liveness_end(struct liveness *l, uint64_t unit);

#endif
