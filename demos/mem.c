/*
 * The textbook's program: one int from malloc, counted up once a second.
 * Started several times at once, every copy prints the same address and still
 * counts on its own.  `mem` goes on for ever, `mem COUNT` stops at COUNT.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  /* The first allocation of the program, ahead of anything that stdio asks for. */
  int *p = malloc(sizeof *p);
  long count = -1;

  if (!p) {
    perror("mem: malloc");
    return EXIT_FAILURE;
  }
  if (argc > 1) {
    char *end;

    count = strtol(argv[1], &end, 10);
    if (argc > 2 || *end || end == argv[1] || count < 0) {
      fprintf(stderr, "usage: mem [COUNT]\n");
      return 2;
    }
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("(%d) address pointed to by p: %p\n", (int)getpid(), (void *)p);
  *p = 0;
  while (*p != count) {
    sleep(1);
    *p = *p + 1;
    printf("(%d) p: %d\n", (int)getpid(), *p);
  }
  free(p);
  return EXIT_SUCCESS;
}
