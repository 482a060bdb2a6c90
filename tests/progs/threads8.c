/*
 * Eight threads in a tree three levels deep, with seeded random sizes.  Every
 * thread has a fixed partner at the other side of the tree; each round they
 * hand each other blocks, which the receiver resizes or frees.  A ninth thread
 * follows when all are joined.
 *
 * `threads8 SEED ROUNDS` prints LINEAGE SEQ ADDRESS of every allocation, so that
 * runs can be compared also when there is no trace.  It takes no memory
 * while the threads run but what it prints.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 10 /* the first one and nine more */
#define HELD 64
#define BATCH 8
#define LOG_MAX 40000

struct mailbox {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int full;
  void *blocks[BATCH];
};

struct worker {
  const char *lineage;
  int children[2]; /* indices, 0: none */
  int partner;     /* index, 0: none */
  uint64_t random;
  void *held[HELD];
  uintptr_t log[LOG_MAX];
  int logged;
  struct mailbox box; /* what the partner sent */
};

static struct worker workers[THREADS] = {
    {.lineage = "0"},
    {.lineage = "0.1", .children = {2, 4}, .partner = 5},
    {.lineage = "0.1.1", .children = {3}, .partner = 6},
    {.lineage = "0.1.1.1", .partner = 7},
    {.lineage = "0.1.2", .partner = 8},
    {.lineage = "0.2", .children = {6, 8}, .partner = 1},
    {.lineage = "0.2.1", .children = {7}, .partner = 2},
    {.lineage = "0.2.1.1", .partner = 3},
    {.lineage = "0.2.2", .partner = 4},
    {.lineage = "0.3"},
};
static int rounds;

static uint32_t next_random(struct worker *w)
{
  w->random = w->random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(w->random >> 33);
}

static size_t next_size(struct worker *w)
{
  uint32_t kind = next_random(w) % 1000;

  if (kind < 800)
    return next_random(w) % 512;
  if (kind < 970)
    return next_random(w) % 8192;
  if (kind < 998)
    return next_random(w) % 200000;
  return next_random(w) % 3000000;
}

static void *note(struct worker *w, void *p, size_t size)
{
  if (!p || w->logged == LOG_MAX)
    abort();
  w->log[w->logged++] = (uintptr_t)p;
  if (size)
    memset(p, 0x5a, size < 64 ? size : 64);
  return p;
}

static void *allocate(struct worker *w)
{
  size_t size = next_size(w);

  switch (next_random(w) % 8) {
  case 0:
    return note(w, calloc(1, size), size);
  case 1:
    return note(w, memalign((size_t)16 << next_random(w) % 9, size), size);
  default:
    return note(w, malloc(size), size);
  }
}

static void step(struct worker *w)
{
  void **slot = &w->held[next_random(w) % HELD];

  if (!*slot) {
    *slot = allocate(w);
  } else if (next_random(w) % 4 == 0) {
    size_t size = next_size(w) + 1; /* a size of 0 would free it */

    *slot = note(w, realloc(*slot, size), 0);
  } else {
    free(*slot);
    *slot = NULL;
  }
}

static void send(struct mailbox *box, void **blocks)
{
  pthread_mutex_lock(&box->lock);
  while (box->full)
    pthread_cond_wait(&box->changed, &box->lock);
  memcpy(box->blocks, blocks, sizeof box->blocks);
  box->full = 1;
  pthread_cond_broadcast(&box->changed);
  pthread_mutex_unlock(&box->lock);
}

static void receive(struct mailbox *box, void **blocks)
{
  pthread_mutex_lock(&box->lock);
  while (!box->full)
    pthread_cond_wait(&box->changed, &box->lock);
  memcpy(blocks, box->blocks, sizeof box->blocks);
  box->full = 0;
  pthread_cond_broadcast(&box->changed);
  pthread_mutex_unlock(&box->lock);
}

static void exchange(struct worker *w)
{
  void *blocks[BATCH];

  for (int i = 0; i < BATCH; i++)
    blocks[i] = allocate(w);
  send(&workers[w->partner].box, blocks);
  receive(&w->box, blocks);
  for (int i = 0; i < BATCH; i++) {
    if (next_random(w) % 4 == 0) {
      size_t size = next_size(w) + 1;

      blocks[i] = note(w, realloc(blocks[i], size), 0);
    }
    free(blocks[i]);
  }
}

static void *work(void *arg)
{
  struct worker *w = arg;
  pthread_t threads[2];

  for (int i = 0; i < 100; i++)
    step(w);
  for (int i = 0; i < 2 && w->children[i]; i++)
    if (pthread_create(&threads[i], NULL, work, &workers[w->children[i]]))
      abort();
  for (int round = 0; round < rounds; round++) {
    for (int i = 0; i < 20; i++)
      step(w);
    if (w->partner)
      exchange(w);
  }
  for (int i = 0; i < 2 && w->children[i]; i++)
    if (pthread_join(threads[i], NULL))
      abort();
  for (int i = 0; i < 100; i++)
    step(w);
  return NULL;
}

static void run(int index)
{
  pthread_t thread;

  if (pthread_create(&thread, NULL, work, &workers[index]) || pthread_join(thread, NULL))
    abort();
}

int main(int argc, char **argv)
{
  struct worker *first = &workers[0];
  pthread_t threads[2];
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;

  rounds = argc > 2 ? atoi(argv[2]) : 100;
  for (int i = 0; i < THREADS; i++) {
    workers[i].random = seed + (uint64_t)i * 0x9e3779b97f4a7c15u;
    pthread_mutex_init(&workers[i].box.lock, NULL);
    pthread_cond_init(&workers[i].box.changed, NULL);
  }
  for (int i = 0; i < 2; i++)
    if (pthread_create(&threads[i], NULL, work, &workers[1 + 4 * i]))
      abort();
  for (int i = 0; i < rounds; i++)
    step(first);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  run(9);
  for (int i = 0; i < rounds; i++)
    step(first);
  for (int i = 0; i < THREADS; i++)
    for (int j = 0; j < workers[i].logged; j++)
      printf("%s %d %#lx\n", workers[i].lineage, j, (unsigned long)workers[i].log[j]);
  return 0;
}
