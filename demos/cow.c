/*
 * fork copies nothing until somebody writes: a parent fills eight pages and
 * forks, the child writes to three of them.  `vmtrace pages` shows five that
 * both still share (shared-cow) and three that each has for itself (private).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 8, WRITTEN = 3 };

int main(void)
{
  char *block = aligned_alloc(PAGE, PAGES * PAGE);
  pid_t child;

  if (!block) {
    perror("cow: aligned_alloc");
    return EXIT_FAILURE;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  memset(block, 'p', PAGES * PAGE);
  child = fork();
  if (child < 0) {
    perror("cow: fork");
    return EXIT_FAILURE;
  }
  if (child == 0) {
    for (int i = 0; i < WRITTEN; i++)
      block[i * PAGE] = 'c';
    printf("(%d) the child wrote to %d of %d pages from %p on\n", (int)getpid(), WRITTEN, PAGES, (void *)block);
    sleep(2);
    return EXIT_SUCCESS;
  }
  sleep(1);
  printf("(%d) the parent still reads '%c' in the first page and '%c' in the last\n", (int)getpid(), block[0],
         block[(PAGES - 1) * PAGE]);
  waitpid(child, NULL, 0);
  free(block);
  return EXIT_SUCCESS;
}
