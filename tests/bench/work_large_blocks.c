/*
 * Workload: large blocks.  32 live blocks of 64 KiB to 16 MiB (as many per
 * doubling), a random one replaced again and again, each written once per page.
 * An operation is one free and one malloc with its touching.
 * Started by the bench driver.
 */
#include "work.h"

#define LIVE 32u
#define SMALLEST (UINT64_C(1) << 16)
#define DOUBLINGS 8u /* up to 16 MiB */
#define STEP 4u

struct large {
  unsigned char *block[LIVE];
  uint64_t random;
};

static size_t pick_size(uint64_t *random)
{
  uint64_t r = work_random(random);
  uint64_t low = SMALLEST << (r >> 61);

  return (size_t)(low + (r >> 16) % low);
}

_Static_assert(DOUBLINGS == 8, "three random bits choose the doubling");

static void replace(struct large *large, unsigned slot)
{
  size_t size = pick_size(&large->random);
  unsigned char *p;

  free(large->block[slot]);
  p = malloc(size);
  if (!p)
    work_fail("out of memory");
  for (size_t at = 0; at < size; at += WORK_PAGE)
    p[at] = (unsigned char)slot;
  large->block[slot] = p;
}

static uint64_t large_step(void *arg)
{
  struct large *large = arg;

  for (unsigned i = 0; i < STEP; i++) {
    unsigned slot = (unsigned)(work_random(&large->random) >> 59);

    if (large->block[slot][0] != slot)
      work_fail("a block changed");
    replace(large, slot);
  }
  return STEP;
}

int main(int argc, char **argv)
{
  static struct large large = {.random = UINT64_C(0x9e3779b97f4a7c15)};
  struct work_options options = work_parse(argc, argv);

  for (unsigned i = 0; i < LIVE; i++)
    replace(&large, i);
  work_measure(&options, large_step, &large);
  for (unsigned i = 0; i < LIVE; i++)
    free(large.block[i]);
  return 0;
}
