/*
 * One thread only allocates, another only frees: `producer COUNT` hands COUNT
 * blocks of 16 to 1,000 bytes over a bounded queue, each written to once.  Prints what arrived.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 256
#define QUEUE 16

static void *queue[QUEUE][BATCH];
static unsigned head, tail; /* batches filled and emptied */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned long batches;

static void *consume(void *arg)
{
  uint64_t *sum = arg;

  for (unsigned long n = 0; n < batches; n++) {
    void **batch = queue[n % QUEUE];

    pthread_mutex_lock(&lock);
    while (head == tail)
      pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < BATCH; i++) {
      *sum += *(uint64_t *)batch[i];
      free(batch[i]);
    }
    pthread_mutex_lock(&lock);
    tail++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

int main(int argc, char **argv)
{
  uint64_t sum = 0;
  uint32_t random = 1;
  pthread_t consumer;

  batches = (argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000) / BATCH;
  if (pthread_create(&consumer, NULL, consume, &sum))
    return 1;
  for (unsigned long n = 0; n < batches; n++) {
    void **batch = queue[n % QUEUE];

    pthread_mutex_lock(&lock);
    while (head - tail == QUEUE)
      pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < BATCH; i++) {
      random = random * 1664525 + 1013904223;
      batch[i] = malloc(16 + random % 985);
      if (!batch[i])
        return 1;
      *(uint64_t *)batch[i] = n + (unsigned)i;
    }
    pthread_mutex_lock(&lock);
    head++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
  }
  pthread_join(consumer, NULL);
  printf("%lu blocks, sum %lu\n", batches * BATCH, (unsigned long)sum);
  return 0;
}
