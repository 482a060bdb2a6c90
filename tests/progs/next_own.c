/*
 * Allocates by a function that only the allocator loaded after the library has
 * (jemalloc's mallocx), and frees by the standard names, as that allocator
 * allows.  Prints whether its memory came back.  Exits with 2 without such an allocator.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ROUNDS 400
#define LARGE (2u << 20)

int main(void)
{
  void *(*own)(size_t, int) = (void *(*)(size_t, int))(uintptr_t)dlsym(RTLD_DEFAULT, "mallocx");
  struct rusage usage;

  if (!own)
    return 2;
  for (size_t i = 1; i <= ROUNDS; i++) {
    char *volatile small = own(i, 0), *volatile large = own(LARGE + i, 0);

    if (!small || !large)
      return 3;
    memset(large, 1, LARGE);
    memset(small, 2, i);
    small = realloc(small, 3 * i);
    if (!small || small[0] != 2 || small[i - 1] != 2)
      return 3;
    free(small);
    free(large);
  }
  getrusage(RUSAGE_SELF, &usage);
  puts(usage.ru_maxrss < (long)(ROUNDS / 4 * (LARGE >> 10)) ? "came back" : "was lost");
  return 0;
}
