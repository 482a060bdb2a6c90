/*
 * counted FILE THREADS: allocates and frees for ever, and keeps in FILE, which
 * is mapped shared and so survives any death, how many of each every thread has done.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS_MAX 8
#define LIVE 300

struct counts {
  volatile uint64_t allocs, frees;
  uint64_t apart[6];
};

static struct counts *counts;

static void *work(void *arg)
{
  struct counts *mine = arg;
  static __thread void *live[LIVE];
  uint64_t state = (uint64_t)(mine - counts) * 77 + 88172645463325252u;

  for (;;) {
    void **place;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    place = &live[state % LIVE];
    if (*place) {
      free(*place);
      mine->frees++;
    }
    *place = malloc(state >> 40 & 1023);
    mine->allocs++;
  }
  return NULL;
}

int main(int argc, char **argv)
{
  int fd = argc > 2 ? open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
  int threads = argc > 2 ? atoi(argv[2]) : 0;
  pthread_t thread;

  if (fd < 0 || threads < 1 || threads > THREADS_MAX || ftruncate(fd, sizeof *counts * THREADS_MAX))
    return 2;
  counts = mmap(NULL, sizeof *counts * THREADS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (counts == MAP_FAILED)
    return 2;
  for (int i = 1; i < threads; i++)
    if (pthread_create(&thread, NULL, work, &counts[i]))
      return 2;
  work(&counts[0]);
  return 0;
}
