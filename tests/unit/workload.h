/*
 * How much a test of random operations does.  Under an emulator or a sanitizer
 * each operation costs ten to a hundred times as much: VMTRACE_TEST_SHARE=N has them do one N-th of their rounds.
 */
#ifndef TESTS_WORKLOAD_H
#define TESTS_WORKLOAD_H

#include <stdlib.h>

/* How many of a test's rounds to do; at least one. */
static inline unsigned workload(unsigned rounds)
{
  const char *text = getenv("VMTRACE_TEST_SHARE");
  unsigned share = text ? (unsigned)strtoul(text, NULL, 10) : 1;

  if (share <= 1)
    return rounds;
  return share < rounds ? rounds / share : 1;
}

#endif
