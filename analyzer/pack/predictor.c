/*
 * The memory of the guesses.  As large as the chunk needs it, because forgetting costs
 * time, too, and a process with 10,000 threads has 10,000 small chunks.
 * Called by column_split.c and column_join.c.
 */
#include "pack/predictor.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

/* Bytes of each table when there are 1 << bits units to remember. */
struct table_sizes {
  size_t born, where, follows, two, one, sizes;
};

static struct table_sizes sizes_of(const struct predictor *f, unsigned bits)
{
  size_t n = (size_t)1 << bits;

  return (struct table_sizes){
      .born = 2 * n * sizeof *f->born,
      .where = n * sizeof *f->where,
      .follows = n / 4 * sizeof *f->follows,
      .two = n / 4 * sizeof *f->two,
      .one = n / 16 * sizeof *f->one,
      .sizes = n / 4 * sizeof *f->sizes,
  };
}

static size_t sum(const struct table_sizes *s)
{
  return s->born + s->where + s->follows + s->two + s->one + s->sizes;
}

void predictor_init(struct predictor *f)
{
  struct table_sizes most = sizes_of(f, PREDICTOR_BITS_MAX);

  f->memory = xmalloc(sum(&most));
}

void predictor_release(struct predictor *f)
{
  free(f->memory);
  f->memory = NULL;
}

void predictor_start(struct predictor *f, uint32_t raw_size, unsigned shift)
{
  void *memory = f->memory;
  unsigned bits = PREDICTOR_BITS_MIN;
  struct table_sizes s;
  char *at = memory;

  while (bits < PREDICTOR_BITS_MAX && raw_size > (UINT32_C(8) << bits))
    bits++;
  s = sizes_of(f, bits);
  memset(f, 0, sizeof *f);
  memset(memory, 0, sum(&s));
  f->memory = memory;
  f->bits = bits;
  f->shift = shift;
  f->born = (void *)at;
  f->follows = (void *)(at += s.born);
  f->two = (void *)(at += s.follows);
  f->one = (void *)(at += s.two);
  f->where = (void *)(at += s.one);
  f->sizes = (void *)(at + s.where);
}
