/*
 * What a program under a sanitizer does, by its argument: `plain`, `work`
 * (threads, fork, exec, dlopen, all of the malloc family), or an error that a
 * sanitizer reports: `leak`, `race`, `misuse`.  Exits with 4.  Built by
 * tests/e2e/check_allocators.c with each sanitizer.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int shared;

static void *churn(void *arg)
{
  char *kept[50] = {0};

  for (size_t i = 0; i < 2000; i++) {
    free(kept[i % 50]);
    kept[i % 50] = malloc(i % 700 + 1);
    memset(kept[i % 50], 1, i % 700 + 1);
    kept[i % 50] = realloc(kept[i % 50], i % 900 + 1);
  }
  for (size_t i = 0; i < 50; i++)
    free(kept[i]);
  return arg;
}

static void *increment(void *arg)
{
  for (int i = 0; i < 100000; i++)
    shared++;
  return arg;
}

static void two_threads(void *(*work)(void *))
{
  pthread_t threads[2];

  for (int i = 0; i < 2; i++)
    pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
}

static void children(char *self)
{
  for (int i = 0; i < 4; i++) {
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
      churn(NULL);
      if (i & 1)
        execl(self, self, "plain", NULL);
      _exit(4);
    }
    waitpid(child, &status, 0);
    printf("child: %d\n", WEXITSTATUS(status));
    fflush(stdout);
  }
}

static void work(char *self)
{
  void *library = dlopen("libm.so.6", RTLD_NOW), *p = NULL;
  char *map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  printf("library: %d\n", library != NULL);
  map[5] = 1;
  munmap(map, 1 << 20);
  two_threads(churn);
  printf("aligned: %d\n", posix_memalign(&p, 256, 1000));
  free(p);
  free(aligned_alloc(64, 640));
  free(calloc(10, 10));
  children(self);
  if (library)
    dlclose(library);
}

static __attribute__((noinline)) void leak(void)
{
  for (int i = 0; i < 10; i++) {
    char *volatile lost = malloc(1234);

    lost[0] = 1;
  }
}

static __attribute__((noinline)) void misuse(void)
{
  char *volatile p = malloc(20);

  p[0] = 1;
  free(p);
  if (p[0] == 77)
    puts("unlikely");
}

int main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "plain";

  if (!strcmp(what, "work"))
    work(argv[0]);
  else if (!strcmp(what, "leak"))
    leak();
  else if (!strcmp(what, "race"))
    two_threads(increment);
  else if (!strcmp(what, "misuse"))
    misuse();
  puts(what);
  return 4;
}
