/*
 * Allocates so many MiB and writes to each page of the first quarter, takes a
 * snapshot, and prints what the kernel says about its resident memory right
 * after that.  For check_heap_sums.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "vmtrace/vmtrace.h"

#define PAGE 4096

/* Without stdio, which would allocate. */
static long rss_kib(void)
{
  static char text[4096];
  int fd = open("/proc/self/smaps_rollup", O_RDONLY);
  const char *line;

  if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
    return -1;
  close(fd);
  line = strstr(text, "Rss:");
  return line ? atol(line + 4) : -1;
}

int main(int argc, char **argv)
{
  size_t size = (argc > 1 ? strtoul(argv[1], NULL, 0) : 1) << 20;
  volatile char *block = malloc(size);
  long rss;

  if (!block)
    return 1;
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  for (size_t i = 0; i < size / 4; i += PAGE)
    block[i] = 1;
  VMTRACE_SNAPSHOT("touched");
  rss = rss_kib();
  printf("%ld\n", rss);
  return rss < 0;
}
