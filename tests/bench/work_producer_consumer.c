/*
 * Workload: one thread allocates, another frees.  The producer fills batches of
 * blocks of mixed sizes and hands them over a bounded queue; the consumer reads
 * and frees them.  An operation is one block: malloc, fill, hand over, read, free.
 * Started by the bench driver.
 */
#include <pthread.h>

#include "work.h"

#define BATCH 256u
#define QUEUE 16u

struct batch {
  unsigned char *block[BATCH];
  uint16_t size[BATCH];
};

struct queue {
  pthread_mutex_t mutex;
  pthread_cond_t not_empty, not_full;
  struct batch slot[QUEUE];
  unsigned head, count; /* the oldest full slot, and how many are full */
  bool stop;
};

static struct queue queue = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .not_empty = PTHREAD_COND_INITIALIZER,
    .not_full = PTHREAD_COND_INITIALIZER,
};
static uint16_t sizes[WORK_SIZES];

/* The next free slot, NULL when the consumer has enough. */
static struct batch *queue_claim(void)
{
  struct batch *batch;

  pthread_mutex_lock(&queue.mutex);
  while (queue.count == QUEUE && !queue.stop)
    pthread_cond_wait(&queue.not_full, &queue.mutex);
  batch = queue.stop ? NULL : &queue.slot[(queue.head + queue.count) % QUEUE];
  pthread_mutex_unlock(&queue.mutex);
  return batch;
}

static void queue_publish(void)
{
  pthread_mutex_lock(&queue.mutex);
  queue.count++;
  pthread_cond_signal(&queue.not_empty);
  pthread_mutex_unlock(&queue.mutex);
}

static void *produce(void *arg)
{
  uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
  struct batch *batch;

  (void)arg;
  while ((batch = queue_claim())) {
    for (unsigned i = 0; i < BATCH; i++) {
      uint64_t r = work_random(&random);

      batch->size[i] = sizes[r >> 32 & (WORK_SIZES - 1)];
      batch->block[i] = malloc(batch->size[i]);
      if (!batch->block[i])
        work_fail("out of memory");
      memset(batch->block[i], (int)(i & 0xff), batch->size[i]);
    }
    queue_publish();
  }
  return NULL;
}

static void batch_consume(struct batch *batch)
{
  for (unsigned i = 0; i < BATCH; i++) {
    if (memchr(batch->block[i], (int)(~i & 0xff), batch->size[i]) || batch->block[i][0] != (i & 0xff))
      work_fail("a block changed on the way");
    free(batch->block[i]);
  }
}

static uint64_t consume_step(void *arg)
{
  struct batch *batch;

  (void)arg;
  pthread_mutex_lock(&queue.mutex);
  while (!queue.count)
    pthread_cond_wait(&queue.not_empty, &queue.mutex);
  batch = &queue.slot[queue.head];
  pthread_mutex_unlock(&queue.mutex);
  batch_consume(batch);
  pthread_mutex_lock(&queue.mutex);
  queue.head = (queue.head + 1) % QUEUE;
  queue.count--;
  pthread_cond_signal(&queue.not_full);
  pthread_mutex_unlock(&queue.mutex);
  return BATCH;
}

static void consume_rest(pthread_t producer)
{
  pthread_mutex_lock(&queue.mutex);
  queue.stop = true;
  pthread_cond_signal(&queue.not_full);
  pthread_mutex_unlock(&queue.mutex);
  pthread_join(producer, NULL);
  while (queue.count)
    consume_step(NULL);
}

int main(int argc, char **argv)
{
  struct work_options options = work_parse(argc, argv);
  clockid_t clock = work_clock(&options, false);
  double rounds[WORK_ROUNDS];
  uint64_t ops = 0;
  pthread_t producer;
  unsigned n = options.ops ? 1 : WORK_ROUNDS;

  work_size_mix(sizes);
  if (pthread_create(&producer, NULL, produce, NULL))
    work_fail("cannot create a thread");
  for (unsigned i = 0; i < WORK_WARM_ROUNDS && !options.ops; i++)
    work_round(consume_step, NULL, clock, 0, &ops);
  for (unsigned i = 0; i < n; i++)
    rounds[i] = work_round(consume_step, NULL, clock, options.ops, &ops);
  consume_rest(producer);
  work_print(work_median(rounds, n), ops);
  return 0;
}
