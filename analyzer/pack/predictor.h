/*
 * What a packed chunk's records are told by: guesses of the next address, call
 * stack and size, made from the records before.  Packing writes which guess
 * was right, unpacking makes the same guesses and takes it.  FORMAT.md,
 * section 6, specifies every one of them: a change here changes the format.
 *
 * Inline, because it is the inner loop of both.  Addresses are folded, in
 * units.  Nothing here can fail: all indices are masked, and wrong guesses
 * are only longer.
 */
#ifndef VMTRACE_PREDICTOR_H
#define VMTRACE_PREDICTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PREDICTOR_BITS_MIN 6u
#define PREDICTOR_BITS_MAX 17u

/* Codes of the column FREE_CODE: the guesses in their order, then the two that a number follows. */
enum {
  FREE_LATEST,   /* the block allocated last */
  FREE_FOLLOWS,  /* what was freed after this predecessor before */
  FREE_YOUNGER,  /* the block allocated after the one freed last */
  FREE_OLDER,    /* the one allocated before it */
  FREE_DISTANCE, /* a block of this chunk, by the distance of births */
  FREE_ADDRESS   /* any address */
};

/* Codes of the column ALLOC_CODE. */
enum {
  ALLOC_REUSE,   /* of its class's free blocks, the one freed last */
  ALLOC_NEXT,    /* right behind the block of its class allocated last */
  ALLOC_DELTA,   /* any address */
  ALLOC_IN_PLACE /* a realloc that does not move */
};

/* Codes of the column STACK_CODE, doubled; the low bit set: the size is explicit. */
enum {
  STACK_AFTER_TWO, /* what came after the two latest call stacks before */
  STACK_AFTER_ONE, /* after the latest one */
  STACK_NEWEST,    /* the call stack defined last, at its first use */
  STACK_DELTA
};

#define BIN_DEPTH 64u
#define BINS 74u /* size classes from 1 on, the last for all above 32 KiB */

struct predictor_bin {
  uint64_t free[BIN_DEPTH]; /* a stack of freed blocks, the deepest forgotten when it is full */
  uint64_t last;
  uint32_t count;
};

struct predictor_pair {
  uint32_t stack, size;
};

struct predictor {
  unsigned bits, shift;
  uint32_t births; /* allocations so far */
  uint32_t freed;  /* birth of the block freed last */
  uint64_t freed_unit;
  uint64_t prev; /* unit of the latest hot or realloc record */
  uint32_t stack, stack_before, newest;
  uint64_t *born;                   /* per birth: unit, and its class above bit 56 */
  uint32_t *where;                  /* per unit: its latest birth */
  uint64_t *follows;                /* per unit freed: the one freed next */
  struct predictor_pair *two, *one; /* per call stacks: what came next */
  uint16_t *sizes;                  /* per call stack: its latest size */
  struct predictor_bin bins[BINS];
  void *memory;
};

void predictor_init(struct predictor *f);
void predictor_release(struct predictor *f);

/* Forgets everything, for a chunk of raw_size bytes whose addresses are in units of 1 << shift. */
void predictor_start(struct predictor *f, uint32_t raw_size, unsigned shift);

static inline uint32_t predictor_hash(uint64_t v, unsigned bits)
{
  return (uint32_t)(v * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits));
}

/* Multiples of 16 up to 256 (of no size: as 1 byte), then eight per doubling up to 32 KiB. */
static inline unsigned predictor_class(uint64_t size)
{
  unsigned bits;

  if (size <= 256)
    return (unsigned)(size + 15 + !size) >> 4;
  if (size > 32768)
    return BINS - 1;
  bits = 31u - (unsigned)__builtin_clz((unsigned)size - 1);
  return 17 + (bits - 8) * 8 + (((unsigned)size - 1) >> (bits - 3) & 7);
}

static inline uint32_t predictor_class_units(const struct predictor *f, unsigned class)
{
  uint32_t bytes = class <= 16 ? class * 16 : (9 + (class - 17) % 8) * (UINT32_C(32) << (class - 17) / 8);

  return bytes >> f->shift;
}

#define BORN_UNIT ((UINT64_C(1) << 56) - 1)

static inline uint64_t predictor_born(const struct predictor *f, uint32_t birth)
{
  return f->born[birth & ((2u << f->bits) - 1)];
}

static inline uint64_t *predictor_follows(const struct predictor *f)
{
  return &f->follows[predictor_hash(f->freed_unit, f->bits - 2)];
}

/* The birth that is remembered of unit; the caller checks it by predictor_born. */
static inline uint32_t predictor_where(const struct predictor *f, uint64_t unit)
{
  return f->where[predictor_hash(unit, f->bits)];
}

static inline uint64_t predictor_free_guess(const struct predictor *f, unsigned code)
{
  switch (code) {
  case FREE_LATEST:
    return predictor_born(f, f->births) & BORN_UNIT;
  case FREE_FOLLOWS:
    return *predictor_follows(f);
  case FREE_YOUNGER:
    return predictor_born(f, f->freed + 1) & BORN_UNIT;
  default:
    return predictor_born(f, f->freed - 1) & BORN_UNIT;
  }
}

/* unit is freed: its block is the next of its class to be used again, if it is one that is known (*class, else BINS).
 */
static inline void predictor_freed(struct predictor *f, uint64_t unit, unsigned *class)
{
  uint32_t birth = predictor_where(f, unit);
  uint64_t born = predictor_born(f, birth);

  *predictor_follows(f) = unit;
  f->freed_unit = unit;
  f->prev = unit;
  *class = BINS;
  if ((born & BORN_UNIT) != unit || !birth)
    return;
  f->freed = birth;
  *class = (unsigned)(born >> 56);
}

static inline void predictor_reusable(struct predictor *f, uint64_t unit, unsigned class)
{
  struct predictor_bin *bin = &f->bins[class];

  if (class == BINS)
    return;
  if (bin->count == BIN_DEPTH) {
    __builtin_memmove(bin->free, bin->free + 1, (BIN_DEPTH - 1) * sizeof *bin->free);
    bin->count--;
  }
  bin->free[bin->count++] = unit;
}

/* The guess for ALLOC_REUSE or ALLOC_NEXT; UINT64_MAX: there is none. */
static inline uint64_t predictor_alloc_guess(const struct predictor *f, unsigned class, unsigned code)
{
  const struct predictor_bin *bin = &f->bins[class];

  if (code == ALLOC_REUSE)
    return bin->count ? bin->free[bin->count - 1] : UINT64_MAX;
  return bin->last + predictor_class_units(f, class);
}

/* A block of that class was allocated at unit, by the guess that code names. */
static inline void predictor_allocated(struct predictor *f, uint64_t unit, unsigned class, unsigned code)
{
  struct predictor_bin *bin = &f->bins[class];

  if (code == ALLOC_REUSE && bin->count)
    bin->count--;
  else if (code != ALLOC_IN_PLACE)
    bin->count = 0;
  bin->last = unit;
  f->prev = unit;
  f->births++;
  f->born[f->births & ((2u << f->bits) - 1)] = (unit & BORN_UNIT) | (uint64_t) class << 56;
  f->where[predictor_hash(unit, f->bits)] = f->births;
}

static inline struct predictor_pair *predictor_two(const struct predictor *f)
{
  return &f->two[predictor_hash(f->stack | (uint64_t)f->stack_before << 32, f->bits - 2)];
}

static inline struct predictor_pair *predictor_one(const struct predictor *f)
{
  return &f->one[predictor_hash(f->stack, f->bits - 4)];
}

static inline uint16_t *predictor_size(const struct predictor *f, uint32_t stack)
{
  return &f->sizes[predictor_hash(stack, f->bits - 2)];
}

/* A hot alloc of that size came with that call stack. */
static inline void predictor_stack(struct predictor *f, uint32_t stack, uint32_t size)
{
  struct predictor_pair pair = {stack, size};

  *predictor_two(f) = pair;
  *predictor_one(f) = pair;
  *predictor_size(f, stack) = (uint16_t)size;
  f->stack_before = f->stack;
  f->stack = stack;
}

#endif
