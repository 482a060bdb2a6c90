/*
 * Sets marks and asks for snapshots, by the public header: works with and
 * without the library.  Between "first" and "middle" 64 blocks of 1000 bytes are allocated and touched, of which
 * 32 are freed before "second".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmtrace/vmtrace.h"

int main(void)
{
  void *blocks[64];

  VMTRACE_MARK("first");
  for (unsigned i = 0; i < 64; i++) {
    blocks[i] = malloc(1000);
    memset(blocks[i], 1, 1000);
  }
  VMTRACE_SNAPSHOT("middle");
  for (unsigned i = 0; i < 32; i++)
    free(blocks[i]);
  VMTRACE_MARK("second");
  VMTRACE_SNAPSHOT(NULL);
  for (unsigned i = 32; i < 64; i++)
    free(blocks[i]);
  puts(VMTRACE_ACTIVE() ? "traced" : "not traced");
  return 0;
}
