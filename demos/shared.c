/*
 * The opposite of mem: two processes count in one page that they really share.
 * Both print the same address, and each sees what the other one added:
 * `vmtrace pages` says shared-memory, one frame for both.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
  atomic_int *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t child;

  if (p == MAP_FAILED) {
    perror("shared: mmap");
    return EXIT_FAILURE;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  child = fork();
  if (child < 0) {
    perror("shared: fork");
    return EXIT_FAILURE;
  }
  printf("(%d) address pointed to by p: %p\n", (int)getpid(), (void *)p);
  for (int i = 0; i < 3; i++) {
    sleep(1);
    printf("(%d) p: %d\n", (int)getpid(), atomic_fetch_add(p, 1) + 1);
  }
  if (child)
    waitpid(child, NULL, 0);
  return EXIT_SUCCESS;
}
