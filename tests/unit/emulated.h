/*
 * Tests of another processor's build run under user-mode emulation
 * (`make aarch64`), where the kernel's part is played by the emulator, and not in full.
 */
#ifndef TESTS_EMULATED_H
#define TESTS_EMULATED_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Whether a test that needs this of the kernel has to be left out; says so. */
static inline bool emulated_without(const char *test, const char *feature)
{
  if (!getenv("VMTRACE_TEST_EMULATED"))
    return false;
  printf("skip: %s: the emulator does not offer %s\n", test, feature);
  fflush(stdout);
  return true;
}

#endif
