/*
 * Pages of every kind: `sharing FILE` maps FILE shared and prints NAME ADDRESS
 * of one page each; `sharing FILE fork` then forks, and both go on.  Ends on SIGTERM; the
 * parent ends its child and waits for it first.
 *
 *   private  written by malloc's user      absent  mapped, never touched
 *   file     code of libc                  zero    mapped, only read
 *   memory   FILE, mapped shared           anon    shared and anonymous
 *   cow      written before fork only      broken  written before, and by the child
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul

static void *map(int flags, int fd)
{
  void *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

  if (p == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  return p;
}

static void say(const char *name, const volatile void *p)
{
  printf("%s %#lx\n", name, (unsigned long)((uintptr_t)p & ~(PAGE - 1)));
}

int main(int argc, char **argv)
{
  FILE *file = argc > 1 ? fopen(argv[1], "r+e") : NULL;
  volatile char *zero = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  volatile char *memory, *anon = map(MAP_SHARED | MAP_ANONYMOUS, -1);
  char *blocks = malloc(64 * PAGE);
  pid_t child = -1;
  sigset_t term;
  int signo;

  if (!file || !blocks) {
    perror("sharing: FILE");
    return 1;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  memory = map(MAP_SHARED, fileno(file));
  memset(blocks, 1, 64 * PAGE);
  memory[0] = anon[0] = 1;
  say("private", blocks + 8 * PAGE);
  say("file", (void *)(uintptr_t)printf);
  say("memory", memory);
  say("anon", anon);
  say("cow", blocks + 32 * PAGE);
  say("broken", blocks + 40 * PAGE);
  say("absent", map(MAP_PRIVATE | MAP_ANONYMOUS, -1));
  if (zero[0] == 0)
    say("zero", zero);
  if (argc > 2) {
    child = fork();
    if (child == 0) {
      blocks[40 * PAGE] = 2;
      memory[1] = anon[1] = 2; /* fork leaves it to the first touch to map shared pages in the child */
      printf("ready\n");
    }
  }
  if (child)
    printf("ready\n");
  sigwait(&term, &signo);
  if (child > 0) {
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
  }
  return 0;
}
