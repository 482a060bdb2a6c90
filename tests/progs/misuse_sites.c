/*
 * Misuse of the heap from functions of known names, so that a report's call
 * stacks can be judged: misuse_sites KIND [DETAIL].  Ends with "went on" where it lives on.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define KEEP() __asm__ volatile("" ::: "memory") /* no sibling calls: each function keeps its frame */

static void (*sized)(void *, size_t);
static void (*aligned_sized)(void *, size_t, size_t);

NOINLINE static char *make_block(size_t size)
{
  char *p = malloc(size);

  KEEP();
  return p;
}

NOINLINE static char *grow_block(char *p, size_t size)
{
  p = realloc(p, size);
  KEEP();
  return p;
}

NOINLINE static void release_first(void *p)
{
  free(p);
  KEEP();
}

NOINLINE static void release_again(void *p)
{
  free(p);
  KEEP();
}

static void *first_in_thread(void *p)
{
  release_first(p);
  return NULL;
}

static void churn(long count)
{
  static void *live[64];

  for (long i = 0; i < count; i++) {
    free(live[i % 64]);
    live[i % 64] = malloc(300 + (size_t)(i % 7));
  }
}

NOINLINE static void twice(const char *detail)
{
  char *volatile p = make_block(100);

  if (!strcmp(detail, "grown"))
    p = grow_block(p, 90);
  release_first(p);
  if (!strcmp(detail, "long"))
    churn(2000000);
  release_again(p);
}

static void in_threads(void)
{
  pthread_t thread;
  char *volatile p = make_block(100);

  pthread_create(&thread, NULL, first_in_thread, p);
  pthread_join(thread, NULL);
  release_again(p);
}

NOINLINE static void inside(const char *detail)
{
  char *volatile p = make_block(!strncmp(detail, "huge", 4) ? 5000000 : !strcmp(detail, "medium") ? 200000 : 1000);

  release_again(p + (!strcmp(detail, "huge") ? 3000000 : 48));
}

static void in_child(void)
{
  char *volatile p = make_block(100);
  pid_t child = fork();
  int status;

  if (!child) {
    release_first(p);
    release_again(p);
    _exit(0);
  }
  waitpid(child, &status, 0);
  printf("child %s %d\n", WIFSIGNALED(status) ? "signal" : "exit",
         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

NOINLINE static void deep(int depth)
{
  char *volatile p = malloc(5000);

  if (depth > 0)
    deep(depth - 1);
  free(p);
  KEEP();
}

/* Freed before the fork; the child's own call stacks come after. */
static void inherited(void)
{
  char *volatile p = make_block(100);
  pid_t child;
  int status;

  release_first(p);
  child = fork();
  if (!child) {
    deep(50);
    release_again(p);
    _exit(0);
  }
  waitpid(child, &status, 0);
  printf("child %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
}

static void many(void)
{
  for (int i = 0; i < 150; i++) {
    char *volatile p = make_block(100);

    release_first(p);
    errno = i;
    release_again(p);
    if (errno != i)
      puts("free changed errno");
  }
}

NOINLINE static void moved(void)
{
  char *volatile p = make_block(100);
  void *volatile q;

  errno = 0;
  q = realloc(p + 16, 200);
  printf("realloc gave %s, errno %d\n", q ? "a block" : "nothing", errno);
  memset(p, 1, 100);
  free(p);
}

NOINLINE static void wrong_size(const char *detail)
{
  char *volatile p = make_block(1000), *volatile a = aligned_alloc(256, 512);

  if (!strcmp(detail, "large"))
    sized(p, 5000);
  else if (!strcmp(detail, "small"))
    sized(p, 100);
  else if (!strcmp(detail, "aligned"))
    aligned_sized(a, 256, 5000);
  else if (!strcmp(detail, "alignment"))
    aligned_sized(a + 0, 1 << 30, 512);
  else if (!strcmp(detail, "odd"))
    aligned_sized(a, 24, 512);
}

/* What a program may do, whatever class its blocks are of. */
static void right_sizes(void)
{
  for (size_t size = 1; size < 3000000; size += size / 7 + 1) {
    char *p;

    sized(malloc(size), size);
    sized(calloc(1, size), size);
    p = realloc(malloc(size), size / 2 + 1);
    sized(p, size / 2 + 1);
    for (size_t align = 16; align <= 65536; align *= 4) {
      size_t rounded = (size + align - 1) / align * align;

      aligned_sized(aligned_alloc(align, rounded), align, rounded);
    }
  }
  sized(NULL, 100);
  aligned_sized(NULL, 16, 100);
}

int main(int argc, char **argv)
{
  const char *kind = argc > 1 ? argv[1] : "", *detail = argc > 2 ? argv[2] : "";

  sized = (void (*)(void *, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_sized");
  aligned_sized = (void (*)(void *, size_t, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_aligned_sized");
  if (!strcmp(kind, "twice"))
    twice(detail);
  else if (!strcmp(kind, "threads"))
    in_threads();
  else if (!strcmp(kind, "inside"))
    inside(detail);
  else if (!strcmp(kind, "child"))
    in_child();
  else if (!strcmp(kind, "inherited"))
    inherited();
  else if (!strcmp(kind, "many"))
    many();
  else if (!strcmp(kind, "moved"))
    moved();
  else if (!strcmp(kind, "size"))
    wrong_size(detail);
  else if (!strcmp(kind, "sizes"))
    right_sizes();
  puts("went on");
  return 0;
}
