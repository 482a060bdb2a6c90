/*
 * Many threads that create and join threads all the time: joiners SECONDS THREADS.  libc gives the pthread_t of a
 * thread that was joined to the next one at once, while the joiner is still on its way out of pthread_join.
 *
 * Exits 0; 1 when a thread cannot be made or joined.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MOST 64

static time_t until;

static void *use_heap(void *arg)
{
  free(malloc(100 + (size_t)arg % 1000));
  return arg;
}

static void *create_and_join(void *arg)
{
  pthread_t thread;
  void *value;

  while (time(NULL) < until) {
    if (pthread_create(&thread, NULL, use_heap, arg) || pthread_join(thread, &value) || value != arg)
      exit(1);
  }
  return arg;
}

int main(int argc, char **argv)
{
  int threads = argc > 2 ? atoi(argv[2]) : 16;
  pthread_t thread[THREADS_MOST];

  until = time(NULL) + (argc > 1 ? atoi(argv[1]) : 2);
  threads = threads < 1 ? 1 : threads > THREADS_MOST ? THREADS_MOST : threads;
  for (int i = 0; i < threads; i++)
    if (pthread_create(&thread[i], NULL, create_and_join, &until))
      return 1;
  for (int i = 0; i < threads; i++)
    if (pthread_join(thread[i], NULL))
      return 1;
  return 0;
}
