/*
 * One thread after another.  `thread_series COUNT` joins each, `thread_series
 * COUNT detached` waits until it is gone.  Says after a tenth of them, and at the end, how far the
 * tracer's own addresses go, in how many mappings, what is resident, and where the thread's blocks lie.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OWN_START 0x0c0000000000ul
#define OWN_END 0x0e0000000000ul

static int tid; /* atomic: of the thread that is done */
static void *small, *large;

static void *body(void *unused)
{
  small = malloc(100);
  large = malloc(300000);
  memset(small, 1, 100);
  free(large);
  free(small);
  __atomic_store_n(&tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
  return unused;
}

/* Read by system calls, so that it allocates nothing. */
static void say(void)
{
  unsigned long start, end, top = 0, mappings = 0, rss = 0;
  char line[512];
  FILE *maps = fopen("/proc/self/maps", "r"), *statm = fopen("/proc/self/statm", "r");

  while (fgets(line, sizeof line, maps))
    if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start >= OWN_START && end <= OWN_END) {
      mappings++;
      top = end;
    }
  fscanf(statm, "%*u %lu", &rss);
  fclose(maps);
  fclose(statm);
  printf("%lu %lu %lu %p %p\n", (top - OWN_START) >> 10, mappings, rss * 4, small, large);
  fflush(stdout);
}

static void wait_until_gone(void)
{
  int id;

  while (!(id = __atomic_load_n(&tid, __ATOMIC_ACQUIRE)))
    sched_yield();
  while (syscall(SYS_tgkill, getpid(), id, 0) == 0 || errno != ESRCH)
    sched_yield();
}

int main(int argc, char **argv)
{
  int count = argc > 1 ? atoi(argv[1]) : 1000, detached = argc > 2;

  for (int i = 1; i <= count; i++) {
    pthread_t thread;

    tid = 0;
    if (pthread_create(&thread, NULL, body, NULL)) {
      perror("pthread_create");
      return 1;
    }
    if (detached) {
      pthread_detach(thread);
      wait_until_gone();
    } else {
      pthread_join(thread, NULL);
    }
    if (i == count / 10 || i == count)
      say();
  }
  return 0;
}
