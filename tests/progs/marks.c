/*
 * Says two marks and asks for a snapshot, by the public header: works with
 * and without the library.
 */
#include <stdio.h>
#include <stdlib.h>

#include "vmtrace/vmtrace.h"

int main(void)
{
  void *p;

  VMTRACE_MARK("first");
  p = malloc(100);
  VMTRACE_SNAPSHOT();
  VMTRACE_MARK("second");
  free(p);
  puts(vmtrace_mark ? "traced" : "not traced");
  return 0;
}
