/*
 * Makes a known number of calls of malloc and free, which it prints, where not
 * all of them can be recorded.  Ways to run: threads (from several threads, most of which begin late, one after the
 * other and side by side), handlers (a signal handler that makes thousands of them, in the middle of a call).
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 60000
#define THREADS 4
#define FLOOD 4000    /* pairs of calls of one handler */
#define FLOODS 3      /* handlers in the middle of a call */
#define BIG (8 << 20) /* a block whose calls take long */

static volatile sig_atomic_t inside, floods, handled;

static void *work(void *unused)
{
  (void)unused;
  for (int i = 0; i < PAIRS; i++)
    free(malloc((size_t)i % 900));
  return NULL;
}

static unsigned long many_threads(void)
{
  pthread_t thread[THREADS];

  work(NULL);
  for (int i = 0; i < THREADS; i++) {
    pthread_create(&thread[i], NULL, work, NULL);
    pthread_join(thread[i], NULL);
  }
  for (int i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, work, NULL);
  for (int i = 0; i < THREADS; i++)
    pthread_join(thread[i], NULL);
  return 2ul * PAIRS * (1 + 2 * THREADS);
}

static void handler(int signo)
{
  (void)signo;
  handled = handled + 1;
  floods = floods + (inside ? 1 : 0);
  for (int i = 0; i < FLOOD; i++)
    free(malloc(24));
}

static unsigned long in_handlers(void)
{
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
  const struct itimerspec soon = {.it_value = {.tv_nsec = 200000}};
  unsigned long pairs = 0;
  timer_t timer;

  signal(SIGALRM, handler);
  if (timer_create(CLOCK_MONOTONIC, &event, &timer))
    return 0;
  while (floods < FLOODS) {
    int seen = handled;

    if (timer_settime(timer, 0, &soon, NULL))
      return 0;
    while (handled == seen) {
      void *p;

      inside = 1;
      p = malloc(BIG);
      free(p);
      inside = 0;
      pairs++;
    }
  }
  return 2 * (pairs + (unsigned long)handled * FLOOD);
}

int main(int argc, char **argv)
{
  unsigned long calls = argc > 1 && !strcmp(argv[1], "handlers") ? in_handlers() : many_threads();
  char text[32];
  int n = snprintf(text, sizeof text, "%lu\n", calls);

  return write(1, text, (size_t)n) != n;
}
