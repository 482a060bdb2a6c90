/*
 * Threads by every way to create and to end one.  Each allocates once, in its
 * own size; main joins those that can be.  C11 threads, detached ones, ends by
 * pthread_exit and by cancellation, and names.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static sem_t done;

static void *returns(void *size)
{
  pthread_setname_np(pthread_self(), "returns");
  free(malloc((size_t)(uintptr_t)size));
  return size;
}

static void *exits(void *size)
{
  prctl(PR_SET_NAME, "exits by itself, a long name");
  free(malloc((size_t)(uintptr_t)size));
  pthread_exit(size);
}

static void *is_cancelled(void *size)
{
  free(malloc((size_t)(uintptr_t)size));
  sem_post(&done);
  for (;;)
    sleep(100);
  return NULL;
}

static void *detached(void *size)
{
  free(malloc((size_t)(uintptr_t)size));
  sem_post(&done);
  return NULL;
}

static int c11(void *size)
{
  free(malloc((size_t)(uintptr_t)size));
  return 42;
}

/* Has children of its own. */
static void *nests(void *size)
{
  pthread_t child;
  struct timespec until;

  free(malloc((size_t)(uintptr_t)size));
  for (uintptr_t i = 1; i <= 2; i++) {
    if (pthread_create(&child, NULL, returns, (void *)((uintptr_t)size + i)))
      abort();
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    if (pthread_timedjoin_np(child, NULL, &until))
      abort();
  }
  return NULL;
}

static void *key_value(void *arg)
{
  pthread_key_t *key = arg;

  pthread_setspecific(*key, malloc(1077));
  return NULL;
}

int main(void)
{
  pthread_t thread;
  pthread_attr_t attr;
  pthread_key_t key;
  thrd_t c11_thread;
  void *value;
  int result;

  sem_init(&done, 0, 0);
  if (pthread_create(&thread, NULL, returns, (void *)1001) || pthread_join(thread, &value) || value != (void *)1001)
    return 1;
  if (pthread_create(&thread, NULL, exits, (void *)1002) || pthread_join(thread, &value) || value != (void *)1002)
    return 2;
  if (pthread_create(&thread, NULL, is_cancelled, (void *)1003))
    return 3;
  sem_wait(&done);
  pthread_cancel(thread);
  if (pthread_join(thread, &value) || value != PTHREAD_CANCELED)
    return 3;
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  if (pthread_create(&thread, &attr, detached, (void *)1004))
    return 4;
  sem_wait(&done);
  if (pthread_create(&thread, NULL, detached, (void *)1005) || pthread_detach(thread))
    return 5;
  sem_wait(&done);
  if (thrd_create(&c11_thread, c11, (void *)1006) != thrd_success || thrd_join(c11_thread, &result) != thrd_success ||
      result != 42)
    return 6;
  if (pthread_create(&thread, NULL, nests, (void *)1010) || pthread_join(thread, NULL))
    return 7;
  pthread_key_create(&key, free);
  if (pthread_create(&thread, NULL, key_value, &key))
    return 8;
  while (pthread_tryjoin_np(thread, NULL))
    sched_yield();
  puts("done");
  return 0;
}
