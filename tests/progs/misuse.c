/*
 * Misuse of the heap, one kind per run: double, double-far, interior, stack,
 * foreign, realloc, realloc-free, sized, thread.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *volatile block;

static void *free_block(void *unused)
{
  free(block);
  return unused;
}

int main(int argc, char **argv)
{
  const char *kind = argc > 1 ? argv[1] : "";
  char *volatile p = malloc(100);
  pthread_t thread;

  if (!strcmp(kind, "double")) {
    free(p);
    free(p);
  } else if (!strcmp(kind, "double-far")) {
    void *more[1000];

    free(p);
    for (int i = 0; i < 1000; i++)
      more[i] = malloc(5000);
    for (int i = 0; i < 1000; i++)
      free(more[i]);
    free(p);
  } else if (!strcmp(kind, "interior")) {
    free(p + 16);
  } else if (!strcmp(kind, "realloc")) {
    p = realloc(p + 32, 10);
  } else if (!strcmp(kind, "realloc-free")) {
    free(p);
    p = realloc(p, 1000);
  } else if (!strcmp(kind, "thread")) {
    block = p;
    pthread_create(&thread, NULL, free_block, NULL);
    pthread_join(thread, NULL);
    free(p);
  } else if (!strcmp(kind, "stack")) {
    char *volatile here = (char *)&thread;

    free(here); /* nobody's block: ignored */
  } else if (!strcmp(kind, "sized")) {
    void (*sized)(void *, size_t) = (void (*)(void *, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_sized");

    if (sized)
      sized(p, 100000);
  }
  puts("still here");
  return 0;
}
