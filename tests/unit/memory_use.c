/*
 * Resident bytes and mappings of a test's own process.  See memory_use.h;
 * called by the heap tests.
 */
#include "memory_use.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

size_t resident(void)
{
  unsigned long size = 0, pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");

  if (!f || fscanf(f, "%lu %lu", &size, &pages) != 2)
    ck_abort_msg("/proc/self/statm cannot be read");
  fclose(f);
  return pages * 4096;
}

unsigned mappings(void)
{
  unsigned lines = 0;
  FILE *f = fopen("/proc/self/maps", "r");

  if (!f)
    ck_abort_msg("/proc/self/maps cannot be read");
  for (int c; (c = fgetc(f)) != EOF;)
    lines += c == '\n';
  fclose(f);
  return lines;
}
