/*
 * Memory that was asked for is not memory that is there: of three blocks one
 * is never touched (no frames at all), one only read (every page is the
 * kernel's one zero page), one written (a frame for each page).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64, SIZE = PAGES * PAGE };

int main(void)
{
  char *untouched = aligned_alloc(PAGE, SIZE);
  volatile char *read = aligned_alloc(PAGE, SIZE);
  volatile char *written = aligned_alloc(PAGE, SIZE);
  int sum = 0;

  if (!untouched || !read || !written) {
    perror("lazy: aligned_alloc");
    return EXIT_FAILURE;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 0; i < PAGES; i++) {
    sum += read[i * PAGE];
    written[i * PAGE] = 1;
  }
  printf("(%d) %d pages from %p: never touched\n", (int)getpid(), PAGES, (void *)untouched);
  printf("(%d) %d pages from %p: read, all zero: %s\n", (int)getpid(), PAGES, (void *)read, sum ? "no" : "yes");
  printf("(%d) %d pages from %p: written\n", (int)getpid(), PAGES, (void *)written);
  sleep(2);
  return EXIT_SUCCESS;
}
