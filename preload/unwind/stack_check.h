/*
 * A word that a walk read, and what it held: the evidence that a remembered stack is made of.
 * Checks are made four at a time: arrays of them are padded with checks that always hold.
 */
#ifndef VMTRACE_STACK_CHECK_H
#define VMTRACE_STACK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

#define CHECKS_AT_ONCE 4

struct check {
  const uint64_t *place;
  uint64_t value;
};

/* Nothing is read for a check of this word that could be something else. */
extern const uint64_t check_nothing __attribute__((visibility("hidden")));
#define CHECK_HOLDS ((struct check){&check_nothing, 0})

/* False: all of CHECKS_AT_ONCE words are what they were.  They must be readable. */
static inline bool checks_differ(const struct check *c)
{
  return unlikely(*c[3].place != c[3].value) || unlikely(*c[2].place != c[2].value) ||
         unlikely(*c[1].place != c[1].value) || unlikely(*c[0].place != c[0].value);
}

#endif
