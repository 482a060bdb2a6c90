/*
 * Threads that come and go, each leaving a few blocks to those after it: `generations HOW COUNT`.
 *
 *   chain     each thread is made by the one before, and nobody joins it
 *   detached  the same, detached
 *   joined    made and joined by the first thread, one after the other
 *   server    made by the first thread, detached, each after the one before has done its work
 *
 * Each fills 1 MiB with small blocks, checks and frees all but a few, and checks and frees those that
 * an earlier thread left.  Prints a digest of the first addresses of each thread of the first 100.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 4096
#define KEEP 512 /* one in so many is left to others */
#define LEFT 32  /* generations that it is left for */
#define DIGESTED 100

struct left {
  unsigned char *p;
  size_t size;
};

static struct left left[LEFT][BLOCKS / KEEP];
static unsigned generation, count;
static uint64_t digest;
static const char *how;
static pthread_attr_t attr;
static sem_t done;

static void fail(const char *what)
{
  fprintf(stderr, "generation %u: %s\n", generation, what);
  exit(1);
}

static void check_and_free(const struct left *block)
{
  for (size_t i = 1; i < block->size; i++)
    if (block->p[i] != block->p[0])
      fail("a block was written to");
  free(block->p);
}

static void make_next(void);

static void *work(void *arg)
{
  struct left blocks[BLOCKS], *mine = left[generation % LEFT];
  uint32_t x = generation * 2654435761u + 1;

  (void)arg;
  for (unsigned i = 0; i < BLOCKS; i++) {
    x = x * 1103515245 + 12345;
    blocks[i] = (struct left){NULL, 16 + (x >> 16) % 480};
    blocks[i].p = malloc(blocks[i].size);
    if (!blocks[i].p)
      fail("no memory");
    memset(blocks[i].p, (int)(x >> 24), blocks[i].size);
    if (generation < DIGESTED)
      digest = digest * 31 + (uintptr_t)blocks[i].p;
  }
  for (unsigned i = 0; i < BLOCKS; i++) {
    if (i % KEEP) {
      check_and_free(&blocks[i]);
      continue;
    }
    if (mine[i / KEEP].p)
      check_and_free(&mine[i / KEEP]);
    mine[i / KEEP] = blocks[i];
  }
  generation++;
  if ((*how == 'c' || *how == 'd') && generation < count)
    make_next();
  else
    sem_post(&done);
  return NULL;
}

static void make_next(void)
{
  pthread_t thread;

  if (pthread_create(&thread, &attr, work, NULL))
    fail("no thread");
  if (*how == 'j' && pthread_join(thread, NULL))
    fail("no join");
}

int main(int argc, char **argv)
{
  if (argc != 3)
    return 2;
  how = argv[1];
  count = (unsigned)atoi(argv[2]);
  sem_init(&done, 0, 0);
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 256 << 10);
  if (*how == 'd' || *how == 's')
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  do {
    make_next();
    sem_wait(&done);
  } while (generation < count);
  printf("%#llx\n", (unsigned long long)digest);
  return 0;
}
