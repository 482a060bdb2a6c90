/*
 * A hash of bytes under a random number.  See hash.h.
 */
#include "reader/hash.h"

#include <string.h>
#include <sys/random.h>

/* Odd, so that multiplying by it loses nothing. */
static uint64_t hash_seed(void)
{
  static uint64_t seed;

  if (!seed && getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
    seed = (uint64_t)(uintptr_t)&seed;
  seed |= 1;
  return seed;
}

uint32_t hash_bytes(const void *key, size_t size)
{
  const unsigned char *p = key;
  uint64_t seed = hash_seed(), h = seed ^ size, word;

  for (; size > 0; size -= word) {
    uint64_t part = 0;

    word = size < 8 ? size : 8;
    memcpy(&part, p, word);
    p += word;
    h = (h ^ part) * seed;
    h ^= h >> 29;
  }
  h *= UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)(h >> 32);
}
