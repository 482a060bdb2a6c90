/*
 * The live set of the merge.  Knows addresses, not blocks or events.  Called by merge.c, two probes per event at most.
 */
#include "reader/liveness.h"

#include <stdlib.h>
#include <sys/random.h>

#include "reader/xalloc.h"

#define FIRST_BITS 10

static size_t home(const struct liveness *l, uint64_t key)
{
  return (size_t)(key * l->multiplier >> l->hash_shift);
}

void liveness_init(struct liveness *l)
{
  uint64_t seed = 0;

  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
    seed = (uint64_t)(uintptr_t)l;
  *l = (struct liveness){.mask = ((size_t)1 << FIRST_BITS) - 1,
                         .hash_shift = 64 - FIRST_BITS,
                         .multiplier = (UINT64_C(0x9e3779b97f4a7c15) ^ seed) | 1,
                         .slots = xtable((size_t)1 << FIRST_BITS, sizeof *l->slots)};
}

void liveness_release(struct liveness *l)
{
  free(l->slots);
  *l = (struct liveness){0};
}

/* The slot of key, or the empty one where it would be. */
static struct liveness_word *find(const struct liveness *l, uint64_t key)
{
  size_t i = home(l, key);

  while (l->slots[i].bits && l->slots[i].key != key)
    i = (i + 1) & l->mask;
  return &l->slots[i];
}

/* Doubles the table. */
static void grow(struct liveness *l)
{
  struct liveness bigger = *l;

  bigger.mask = l->mask * 2 + 1;
  bigger.hash_shift--;
  bigger.slots = xtable(bigger.mask + 1, sizeof *bigger.slots);
  for (size_t i = 0; i <= l->mask; i++) {
    if (l->slots[i].bits)
      *find(&bigger, l->slots[i].key) = l->slots[i];
  }
  free(l->slots);
  *l = bigger;
}

/* Empties slot i and moves back what had to step over it. */
static void remove_slot(struct liveness *l, size_t i)
{
  size_t hole = i;

  for (;;) {
    l->slots[hole].bits = 0;
    do {
      i = (i + 1) & l->mask;
      if (!l->slots[i].bits)
        return;
      /* An entry whose home lies behind the hole (cyclically) stays where it is. */
    } while (((i - home(l, l->slots[i].key)) & l->mask) < ((i - hole) & l->mask));
    l->slots[hole] = l->slots[i];
    hole = i;
  }
}

bool liveness_has(const struct liveness *l, uint64_t unit)
{
  return find(l, unit >> 6)->bits >> (unit & 63) & 1;
}

bool liveness_begin(struct liveness *l, uint64_t unit)
{
  struct liveness_word *word = find(l, unit >> 6);
  uint64_t bit = UINT64_C(1) << (unit & 63);

  if (word->bits & bit)
    return false;
  if (!word->bits) {
    if (l->used > l->mask / 2) {
      grow(l);
      word = find(l, unit >> 6);
    }
    word->key = unit >> 6;
    l->used++;
  }
  word->bits |= bit;
  return true;
}

bool liveness_end(struct liveness *l, uint64_t unit)
{
  struct liveness_word *word = find(l, unit >> 6);
  uint64_t bit = UINT64_C(1) << (unit & 63);

  if (!(word->bits & bit))
    return false;
  word->bits &= ~bit;
  if (!word->bits) {
    remove_slot(l, (size_t)(word - l->slots));
    l->used--;
  }
  return true;
}
