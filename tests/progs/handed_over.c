/*
 * One thread allocates, others free what it has: handed_over ROUNDS.  Of ROUNDS
 * blocks every fourth stays for long, so that there is one on nearly every
 * page; the others soon go to one of two threads, which free them, now and then by realloc to another size or to
 * none.  Every block holds a pattern, so that two owners of one are noticed.
 */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FREERS 2
#define STAYING 20000
#define SOON 500 /* places of blocks that soon go */
#define SMALLEST 400
#define BIGGEST 1100
#define RING 64

struct stamp {
  uint32_t tag, size;
};

/* Between the allocating thread and one that frees.  NULL is the end. */
struct ring {
  struct stamp *item[RING];
  unsigned long head __attribute__((aligned(64))), tail __attribute__((aligned(64)));
};

static struct stamp *staying[STAYING], *soon[SOON];
static struct ring rings[FREERS];
static unsigned long damaged;

static void write_stamp(struct stamp *s, uint32_t tag, uint32_t size)
{
  memset(s, (int)(tag & 0xff), size);
  *s = (struct stamp){tag, size};
}

static void check_stamp(const struct stamp *s, uint32_t size)
{
  const uint8_t *byte = (const uint8_t *)s;
  unsigned long wrong = 0;

  for (uint32_t i = sizeof *s; i < size; i++)
    wrong += byte[i] != (s->tag & 0xff);
  __atomic_fetch_add(&damaged, wrong, __ATOMIC_RELAXED);
}

static void get_rid(struct stamp *s, uint32_t random)
{
  uint32_t had = s->size, want = SMALLEST + random / 16 % BIGGEST;

  check_stamp(s, had);
  switch (random % 16) {
  case 0:
    s = realloc(s, want);
    if (!s)
      abort();
    check_stamp(s, had < want ? had : want);
    break;
  case 1:
    s = realloc(s, 0);
    if (s)
      abort();
    break;
  default:
    break;
  }
  free(s);
}

static bool ring_put(struct ring *r, struct stamp *s)
{
  if (r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) == RING)
    return false;
  r->item[r->head % RING] = s;
  __atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
  return true;
}

static struct stamp *ring_get(struct ring *r)
{
  struct stamp *s;

  while (__atomic_load_n(&r->head, __ATOMIC_ACQUIRE) == r->tail)
    sched_yield();
  s = r->item[r->tail % RING];
  __atomic_store_n(&r->tail, r->tail + 1, __ATOMIC_RELEASE);
  return s;
}

static void *free_all(void *ring)
{
  struct stamp *s;
  uint32_t random = 1;

  while ((s = ring_get(ring))) {
    random = random * 1664525 + 1013904223;
    get_rid(s, random >> 8);
  }
  return NULL;
}

static void hand_over(struct stamp *s, uint32_t to)
{
  while (!ring_put(&rings[to % FREERS], s))
    sched_yield();
}

static void allocate_all(unsigned long rounds)
{
  uint64_t x = 1;

  for (unsigned long i = 0; i < rounds; i++) {
    uint32_t size;
    struct stamp *mine, *old, **place;

    x = x * 6364136223846793005u + 1442695040888963407u;
    size = SMALLEST + (uint32_t)(x >> 40) % (BIGGEST - SMALLEST);
    mine = malloc(size);
    if (!mine)
      abort();
    write_stamp(mine, (uint32_t)(x >> 33), size);
    place = i % 4 ? &soon[(x >> 20) % SOON] : &staying[(x >> 20) % STAYING];
    old = *place;
    *place = mine;
    if (old)
      hand_over(old, (uint32_t)(x >> 50));
  }
}

int main(int argc, char **argv)
{
  pthread_t freers[FREERS];

  for (unsigned i = 0; i < FREERS; i++)
    if (pthread_create(&freers[i], NULL, free_all, &rings[i]))
      return 1;
  allocate_all(argc > 1 ? strtoul(argv[1], NULL, 10) : 0);
  for (unsigned i = 0; i < FREERS; i++)
    hand_over(NULL, i);
  for (unsigned i = 0; i < FREERS; i++)
    pthread_join(freers[i], NULL);
  printf("%lu bytes damaged\n", damaged);
  return 0;
}
