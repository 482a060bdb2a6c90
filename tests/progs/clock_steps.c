/*
 * The clock steps: clock_steps own, a program with a clock of its own, by
 * years forth and back, that allocates; or clock_steps space, in a time
 * namespace in which CLOCK_MONOTONIC is ten days ahead (exit status 77: there can be none).
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define YEAR 31536000
#define EVENTS 20000

static unsigned long asked;
static int own;

/* What this program, and the libraries that it is linked with, take for the time. */
int clock_gettime(clockid_t clock, struct timespec *t)
{
  unsigned long n = __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
  long result = syscall(SYS_clock_gettime, clock, t);

  if (own) {
    free(malloc(n % 100));
    t->tv_sec += n % 3 == 0 ? YEAR : n % 3 == 1 ? -YEAR : 0;
  }
  return (int)result;
}

static void *work(void *kept)
{
  void *live[16] = {NULL};
  struct timespec t;

  for (unsigned i = 0; i < EVENTS; i++) {
    free(live[i % 16]);
    live[i % 16] = malloc(i % 1000);
    if (i % 1000 == 0)
      clock_gettime(CLOCK_REALTIME, &t);
  }
  for (unsigned i = 0; i < 16; i++)
    free(live[i]);
  return kept;
}

static int enter_space(char **argv)
{
  static const char offset[] = "monotonic 864000 0";
  int fd;

  if (unshare(CLONE_NEWTIME))
    return 77;
  fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, offset, sizeof offset - 1) != (ssize_t)sizeof offset - 1)
    return 77;
  execl("/proc/self/exe", argv[0], "in-space", (char *)NULL);
  return 77;
}

int main(int argc, char **argv)
{
  pthread_t threads[2];

  if (argc > 1 && !strcmp(argv[1], "space"))
    return enter_space(argv);
  own = argc > 1 && !strcmp(argv[1], "own");
  work(NULL);
  for (int i = 0; i < 2; i++)
    pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  printf("%s\n", own && asked < 3 * EVENTS / 1000 ? "the clock was not asked" : "done");
  return 0;
}
