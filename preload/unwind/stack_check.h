/*
 * A word that a walk read, and what it held: the evidence that a remembered stack is made of.
 */
#ifndef VMTRACE_STACK_CHECK_H
#define VMTRACE_STACK_CHECK_H

#include <stdint.h>

struct check {
  const uint64_t *place;
  uint64_t value;
};

#endif
