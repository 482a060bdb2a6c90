/*
 * The entry point for libFuzzer (clang -fsanitize=fuzzer,address,undefined):
 * the input is a trace.  Start it with a directory of real traces.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static int fd = -1;
  static char path[64];

  if (fd < 0) {
    fd = memfd_create("trace", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    stderr = fopen("/dev/null", "w"); /* messages of the analyzer; sanitizers write to the descriptor */
  }
  if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
    abort();
  exercise(path);
  return 0;
}
