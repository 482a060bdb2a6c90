/*
 * Workload: vectors that grow, as the buffers and arrays of real programs do.
 * One step grows many small vectors side by side by fixed increments and by doubling,
 * a few up to 1 MiB, and two large ones to 16 MiB, by doubling and by 256 KiB at a time; then
 * frees them.  New space is touched once per page.  An operation is one realloc or free.
 * Started by the bench driver.
 */
#include "work.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* A set of vectors that grow in turn from first to last bytes. */
struct growth {
  unsigned vectors;
  size_t first, last;
  size_t increment; /* 0: doubling */
};

static const struct growth plan[] = {
    {.vectors = 256, .first = 24, .last = 3 * KIB, .increment = 48}, /* strings */
    {.vectors = 256, .first = 16, .last = 32 * KIB},                 /* arrays */
    {.vectors = 8, .first = 64, .last = 1 * MIB},                    /* larger arrays */
    {.vectors = 2, .first = 4 * KIB, .last = 1 * MIB, .increment = 16 * KIB},
    {.vectors = 1, .first = 4 * KIB, .last = 16 * MIB},
    {.vectors = 1, .first = 64 * KIB, .last = 16 * MIB, .increment = 256 * KIB},
};

#define VECTORS_MAX 256u

static void touch(unsigned char *p, size_t from, size_t to)
{
  for (size_t at = from; at < to; at += WORK_PAGE)
    p[at] = 1;
  p[to - 1] = 2;
}

static uint64_t grow(const struct growth *growth)
{
  unsigned char *vector[VECTORS_MAX] = {NULL};
  size_t size = 0, next = growth->first;
  uint64_t ops = 0;

  while (next <= growth->last) {
    for (unsigned i = 0; i < growth->vectors; i++) {
      unsigned char *p = realloc(vector[i], next);

      if (!p)
        work_fail("out of memory");
      if (size && p[size - 1] != 2)
        work_fail("realloc lost data");
      touch(p, size, next);
      vector[i] = p;
    }
    ops += growth->vectors;
    size = next;
    next = growth->increment ? next + growth->increment : next * 2;
  }
  for (unsigned i = 0; i < growth->vectors; i++)
    free(vector[i]);
  return ops + growth->vectors;
}

static uint64_t growth_step(void *arg)
{
  uint64_t ops = 0;

  (void)arg;
  for (unsigned i = 0; i < sizeof plan / sizeof *plan; i++)
    ops += grow(&plan[i]);
  return ops;
}

int main(int argc, char **argv)
{
  struct work_options options = work_parse(argc, argv);

  work_measure(&options, growth_step, NULL);
  return 0;
}
