/*
 * Threads that all the time make calls for which the sampler's helper has to
 * go: `pauses ROUNDS`.  Another one allocates, with the smallest stack that a thread may have.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CALLERS 4

static atomic_bool done;
static int rounds;

/* Refused, whoever calls: the file is no namespace. */
static void *call(void *unused)
{
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

  for (int i = 0; i < rounds; i++) {
    if (setns(fd, 0) != -1 || unshare(-1) != -1)
      abort();
  }
  close(fd);
  return unused;
}

static void *allocate(void *unused)
{
  while (!atomic_load(&done))
    free(malloc(100));
  return unused;
}

int main(int argc, char **argv)
{
  pthread_t threads[CALLERS], other;

  rounds = argc > 1 ? atoi(argv[1]) : 10;
  pthread_create(&other, NULL, allocate, NULL);
  for (int i = 0; i < CALLERS; i++)
    pthread_create(&threads[i], NULL, call, NULL);
  for (int i = 0; i < CALLERS; i++)
    pthread_join(threads[i], NULL);
  atomic_store(&done, true);
  pthread_join(other, NULL);
  puts("done");
  return 0;
}
