/*
 * The pinned heap among threads: frees by others, memory that stays bounded
 * when one thread allocates and another frees.
 */
#include <check.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heap/arena.h"
#include "heap/heap_fast.h"
#include "heap/segment.h"

#include "emulated.h"
#include "instrumented.h"
#include "memory_use.h"
#include "must.h"
#include "unit.h"

/* A bounded queue between one thread that puts and one that takes. */
#define RING 4096

struct ring {
  void *items[RING];
  unsigned long depth; /* items that it holds at most; 0: RING */
  unsigned long head __attribute__((aligned(64))), tail __attribute__((aligned(64)));
};

static void ring_put(struct ring *r, void *p)
{
  while (r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) == (r->depth ? r->depth : RING))
    sched_yield();
  r->items[r->head % RING] = p;
  __atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
}

static void *ring_get(struct ring *r)
{
  void *p;

  while (__atomic_load_n(&r->head, __ATOMIC_ACQUIRE) == r->tail)
    sched_yield();
  p = r->items[r->tail % RING];
  __atomic_store_n(&r->tail, r->tail + 1, __ATOMIC_RELEASE);
  return p;
}

struct consumer {
  struct ring *ring;
  struct heap *heap;
  unsigned keep; /* every so many blocks one is kept; 0: none */
};

static void *consume(void *arg)
{
  struct consumer *c = arg;
  unsigned long n = 0;
  void *p;

  while ((p = ring_get(c->ring))) {
    need(*(void **)p == p);
    if (!c->keep || n++ % c->keep)
      need(heap_free(c->heap, p) == HEAP_OK);
  }
  heap_thread_end(c->heap);
  return NULL;
}

struct flow {
  unsigned long blocks;
  size_t least, most;
  unsigned keep, depth;
  size_t growth_mib; /* at most */
};

static const struct flow flows[] = {
    {5000000 / ROUNDS_SHARE, 16, 200, 0, 4096, 48},     {1000000 / ROUNDS_SHARE, 16, 4000, 0, 4096, 64},
    {300000 / ROUNDS_SHARE, 8, 60000, 0, 256, 96},      {20000 / ROUNDS_SHARE, 40000, 500000, 0, 16, 96},
    {3000 / ROUNDS_SHARE, 600000, 3000000, 0, 16, 160}, {2000000 / ROUNDS_SHARE, 16, 200, 1000, 4096, 64},
};

/* The bounds allow for the blocks in the queue. */
START_TEST(memory_is_bounded_when_others_free)
{
  const struct flow *flow = &flows[_i];
  struct ring *ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct heap *heap = heap_main();
  struct consumer c = {ring, heap_child(heap), flow->keep};
  size_t most = 0, before = resident();
  unsigned most_mappings = 0;
  uint64_t x = 12345;
  pthread_t thread;

  if (emulated_without("memory_is_bounded_when_others_free", "resident sizes of its own"))
    return;
  ring->depth = flow->depth;
  ck_assert_int_eq(pthread_create(&thread, NULL, consume, &c), 0);
  for (unsigned long i = 0; i < flow->blocks; i++) {
    size_t size = flow->least + (size_t)((x = x * 6364136223846793005u + 1) >> 33) % (flow->most - flow->least);
    void **p = heap_alloc(heap, size);

    need(p);
    memset(p, 1, size);
    *p = p;
    ring_put(ring, p);
    if (i % (flow->blocks / 64 + 1) == 0) {
      size_t now = resident();
      unsigned maps = mappings();

      most = now > most ? now : most;
      most_mappings = maps > most_mappings ? maps : most_mappings;
    }
  }
  ring_put(ring, NULL);
  pthread_join(thread, NULL);
  ck_assert_msg(INSTRUMENTED || most - before < flow->growth_mib << 20, "grew by %zu MiB", (most - before) >> 20);
  ck_assert_uint_lt(most_mappings, 10000);
}
END_TEST

#define TEAM 4
#define ROUNDS (200000 / ROUNDS_SHARE)

struct member {
  struct heap *heap;
  struct ring *in, *out;
  unsigned number;
};

/* Everybody allocates, passes half of it on, and frees what came from the neighbour. */
static void *pass_on(void *arg)
{
  struct member *m = arg;
  uint64_t x = m->number + 1;
  void *own[64] = {0};

  for (unsigned i = 0; i < ROUNDS; i++) {
    size_t size = 16 + ((x = x * 6364136223846793005u + 1) >> 33) % (i % 500 ? 1500 : 100000);
    uint64_t *p = heap_alloc(m->heap, size);
    void *theirs;

    need(p);
    p[0] = (uintptr_t)p;
    p[1] = m->number;
    if (i % 2) {
      ring_put(m->out, p);
      theirs = ring_get(m->in);
      need(*(uint64_t *)theirs == (uintptr_t)theirs && ((uint64_t *)theirs)[1] == (m->number + TEAM - 1) % TEAM);
      if (i % 7 == 0)
        need(heap_resize(m->heap, theirs, 3000, &theirs) == HEAP_OK && theirs);
      need(heap_free(m->heap, theirs) == HEAP_OK);
    } else {
      if (own[x >> 40 & 63])
        need(heap_free(m->heap, own[x >> 40 & 63]) == HEAP_OK);
      own[x >> 40 & 63] = p;
    }
  }
  heap_thread_end(m->heap);
  return NULL;
}

START_TEST(everybody_frees_the_neighbours_blocks)
{
  struct ring *rings = mmap(NULL, TEAM * sizeof *rings, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct member team[TEAM];
  pthread_t threads[TEAM];

  for (unsigned i = 0; i < TEAM; i++)
    team[i] = (struct member){heap_child(heap_main()), &rings[i], &rings[(i + 1) % TEAM], i};
  for (unsigned i = 0; i < TEAM; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, pass_on, &team[i]), 0);
  for (unsigned i = 0; i < 20; i++) {
    heap_trim(i % 2 ? 0 : 1000000);
    usleep(1000);
  }
  for (unsigned i = 0; i < TEAM; i++)
    pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(blocks_freed_by_others_do_not_come_back)
{
  struct heap *heap = heap_main(), *other = heap_child(heap);
  char *first = heap_alloc(heap, 100), *second;

  ck_assert_int_eq(heap_free(other, first), HEAP_OK);
  ck_assert_int_eq(heap_free(other, first), HEAP_DOUBLE);
  ck_assert_int_eq(heap_free(heap, first), HEAP_DOUBLE);
  for (unsigned i = 0; i < 10000; i++) {
    second = heap_alloc(heap, 100);
    ck_assert_ptr_ne(first, second);
    if (i % 2)
      heap_free(heap, second);
  }
}
END_TEST

/* Live blocks among many gone ones, on pages that are given back around them, are not touched; the pages are. */
START_TEST(sweeps_spare_live_blocks)
{
  enum { COUNT = 100000 / ROUNDS_SHARE };
  static const size_t sizes[] = {16, 48, 700, 3000, 40000};
  size_t size = sizes[_i], before, most;
  unsigned count = size > 30000 ? COUNT / 50 : COUNT;
  struct heap *heap = heap_main(), *other = heap_child(heap);
  unsigned char **blocks =
      mmap(NULL, COUNT * sizeof *blocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  before = resident();
  for (unsigned i = 0; i < count; i++) {
    blocks[i] = heap_alloc(heap, size);
    memset(blocks[i], (int)(i % 251), size);
  }
  most = resident();
  for (unsigned i = 0; i < count; i++) {
    if (i % 997 && i % 1009 > 3)
      need(heap_free(other, blocks[i]) == HEAP_OK);
  }
  heap_thread_end(other);
  for (unsigned round = 0; round < 2; round++) {
    heap_trim(0);
    for (unsigned i = 0; i < count; i++) {
      if (i % 997 && i % 1009 > 3)
        continue;
      for (size_t k = 0; k < size; k++)
        need(blocks[i][k] == i % 251);
    }
    /* The owner goes on in the middle of it. */
    for (unsigned i = 0; i < 1000; i++)
      memset(heap_alloc(heap, size), 0xee, size);
  }
  if (size * count > 16u << 20)
    ck_assert_msg(INSTRUMENTED || resident() - before < (most - before) / 2 + 2000 * size, "%zu of %zu KiB are left",
                  (resident() - before) >> 10, (most - before) >> 10);
}
END_TEST

START_TEST(dead_segments_are_remembered)
{
  enum { COUNT = 400000 };
  struct heap *heap = heap_main(), *other = heap_child(heap);
  void **blocks = mmap(NULL, COUNT * sizeof *blocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  for (unsigned i = 0; i < COUNT; i++)
    blocks[i] = heap_alloc(heap, 120);
  for (unsigned i = 0; i < COUNT; i++)
    need(heap_free(other, blocks[i]) == HEAP_OK);
  for (unsigned i = 0; i < COUNT; i++)
    need(heap_free(i % 2 ? other : heap, blocks[i]) == HEAP_DOUBLE);
}
END_TEST

/* So many bytes go through blocks that another thread frees; `used` of each block are written to. */
static void pipe_through(struct heap *heap, struct heap *other, uint64_t bytes, size_t size, size_t used)
{
  for (uint64_t i = 0; i < bytes / size; i++) {
    void *p = heap_alloc(heap, size);

    need(p);
    memset(p, 1, used);
    need(heap_free(other, p) == HEAP_OK);
  }
}

/* What a heap's dead segments were like decides about the pages of its next ones, and is found out again when that
 * changes. */
START_TEST(pages_follow_use)
{
  enum { BLOCK = 60000 };
  const uint64_t some = 16 * SEGMENT_SIZE, many = (DENSITY_PROBE + 16) * (uint64_t)SEGMENT_SIZE;
  struct heap *heap = heap_main(), *other = heap_child(heap);
  const struct arena *arena = arena_of(heap);

  if (emulated_without("pages_follow_use", "resident pages of its own"))
    return;
  ck_assert_int_eq(segment_pages(arena), SPACE_FRESH);
  pipe_through(heap, other, some, BLOCK, 64);
  ck_assert_int_eq(arena->density, -DENSITY_SURE);
  pipe_through(heap, other, many, BLOCK, BLOCK);
  ck_assert_int_eq(arena->density, DENSITY_SURE);
  pipe_through(heap, other, many, BLOCK, 64);
  ck_assert_int_eq(arena->density, -DENSITY_SURE);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap_threads");
  TCase *tests = unit_case(suite, "heap_threads", 120);

  tcase_add_loop_test(tests, memory_is_bounded_when_others_free, 0, sizeof flows / sizeof *flows);
  tcase_add_test(tests, everybody_frees_the_neighbours_blocks);
  tcase_add_test(tests, blocks_freed_by_others_do_not_come_back);
  tcase_add_loop_test(tests, sweeps_spare_live_blocks, 0, 5);
  tcase_add_test(tests, dead_segments_are_remembered);
  tcase_add_test(tests, pages_follow_use);
  return unit_main(suite);
}
