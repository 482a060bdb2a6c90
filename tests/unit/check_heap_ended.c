/*
 * Heaps whose threads have ended: what becomes of their memory, and who uses
 * again what is left of them; joined, detached, never joined, joined late.
 */
#include <check.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "heap/heap_fast.h"
#include "heap/recycle.h"
#include "heap/region.h"

#include "emulated.h"
#include "instrumented.h"
#include "memory_use.h"
#include "must.h"
#include "unit.h"

#define MIB ((size_t)1 << 20)

static unsigned regions(void)
{
  unsigned n = 0;

  for (struct region *region = region_first(); region; region = region->next)
    n++;
  return n;
}

static unsigned reports;

static void note(enum vt_nondet reason, uint64_t addr)
{
  (void)addr;
  need(reason == VT_NONDET_RECYCLED);
  __atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED);
}

/* Far more than the limit was found lost, twice. */
static void recycle_now(void)
{
  recycle_judge(UINT64_C(1) << 40, 0);
  recycle_judge(UINT64_C(1) << 40, 0);
  ck_assert(recycle_is_on());
}

/* Blocks of many sizes, each filled with its number. */
#define BLOCKS 600

static size_t size_of(unsigned i)
{
  return i % 50 == 7 ? 40000 : 16 + i * 37 % 1500;
}

static void fill(struct heap *heap, unsigned char **blocks)
{
  for (unsigned i = 0; i < BLOCKS; i++) {
    blocks[i] = heap_alloc(heap, size_of(i));
    need(blocks[i]);
    memset(blocks[i], (int)(i % 251), size_of(i));
  }
}

static void check_block(const unsigned char *p, unsigned i)
{
  for (size_t k = 0; k < size_of(i); k++)
    need(p[k] == i % 251);
}

/* All but one of `keep` are freed by whoever owns heap. */
static void free_most(struct heap *heap, unsigned char **blocks, unsigned keep)
{
  for (unsigned i = 0; i < BLOCKS; i++)
    if (i % keep)
      need(heap_free(heap, blocks[i]) == HEAP_OK);
}

static void free_rest(struct heap *heap, unsigned char **blocks, unsigned keep)
{
  for (unsigned i = 0; i < BLOCKS; i += keep) {
    check_block(blocks[i], i);
    need(heap_free(heap, blocks[i]) == HEAP_OK);
  }
}

/* The free memory of threads that wait to be joined goes back, but for a part that is the same for one and for many. */
START_TEST(ended_threads_keep_little)
{
  enum { COUNT = 64, SIZE = 1 << 16, EACH = 32 };
  struct heap *heap = heap_main(), *children[COUNT];
  size_t before = resident();

  if (emulated_without("ended_threads_keep_little", "resident sizes of its own"))
    return;
  for (unsigned i = 0; i < COUNT; i++) {
    void *blocks[EACH];

    children[i] = heap_child(heap);
    for (unsigned k = 0; k < EACH; k++)
      memset(blocks[k] = heap_alloc(children[i], SIZE + k), 1, SIZE);
    for (unsigned k = 0; k < EACH; k++)
      need(heap_free(children[i], blocks[k]) == HEAP_OK);
    heap_thread_end(children[i]);
  }
  ck_assert_msg(INSTRUMENTED || resident() - before < 16 * MIB, "%zu MiB", (resident() - before) >> 20);
}
END_TEST

/* Detached threads whose blocks others free leave nothing, and change nothing. */
START_TEST(detached_threads_die_with_their_last_block)
{
  enum { COUNT = 1000 };
  static unsigned char *blocks[4][BLOCKS];
  struct heap *heap = heap_main();
  uint64_t last = UINT64_MAX;
  unsigned few = 0;
  size_t before = 0;

  if (emulated_without("detached_threads_die_with_their_last_block", "resident sizes of its own"))
    return;
  heap_set_nondet(note);
  for (unsigned i = 0; i < COUNT / (INSTRUMENTED ? 10 : 1); i++) {
    struct heap *child = heap_child(heap);
    unsigned char **mine = blocks[i % 4];

    ck_assert_ptr_nonnull(child);
    /* Each in a region of its own, below that of the one before. */
    ck_assert_uint_lt(region_of(child)->start, last);
    last = region_of(child)->start;
    if (i >= 4)
      free_rest(heap, mine, 10);
    if (i >= 4 && i % 3 == 0)
      ck_assert_int_eq(heap_free(heap, mine[10]), HEAP_DOUBLE);
    fill(child, mine);
    free_most(child, mine, 10);
    if (i % 5 == 0)
      need(heap_free(heap, heap_alloc(child, 3 * MIB)) == HEAP_OK);
    heap_thread_end(child);
    heap_thread_gone(child, false);
    if (i == 50) {
      before = resident();
      few = regions();
    }
  }
  ck_assert_uint_eq(reports, 0);
  ck_assert_uint_lt(regions(), few + 8);
  ck_assert_msg(INSTRUMENTED || resident() < before + 4 * MIB, "%zu KiB more", (resident() - before) >> 10);
  ck_assert_uint_lt(mappings(), 1000);
}
END_TEST

/* As long as little is lost nobody goes on in another's heap, gone or not; then the next thread does. */
START_TEST(heaps_are_taken_over_once_much_is_lost)
{
  bool joinable = _i;
  static unsigned char *blocks[BLOCKS], *more[BLOCKS];
  struct heap *heap = heap_main(), *a = heap_child(heap), *b;
  unsigned inside = 0;

  heap_set_nondet(note);
  fill(a, blocks);
  free_most(a, blocks, 3);
  heap_thread_end(a);
  heap_thread_gone(a, joinable);
  ck_assert_ptr_ne(heap_child(heap), a);
  ck_assert_uint_eq(reports, 0);
  /* One block more was freed by another thread, before its space is used again. */
  check_block(blocks[0], 0);
  need(heap_free(heap, blocks[0]) == HEAP_OK);
  recycle_now();
  b = heap_child(heap);
  ck_assert_ptr_eq(b, a);
  ck_assert_uint_eq(reports, 1);
  fill(b, more);
  for (unsigned i = 0; i < BLOCKS; i++) {
    inside += more[i] < blocks[BLOCKS - 3] + 40000;
    for (unsigned k = 3; k < BLOCKS; k += 3)
      need(more[i] != blocks[k]);
  }
  ck_assert_uint_gt(inside, BLOCKS / 3);
  for (unsigned i = 3; i < BLOCKS; i += 3) {
    check_block(blocks[i], i);
    need(heap_free(i % 2 ? b : heap, blocks[i]) == HEAP_OK);
  }
  for (unsigned i = 0; i < BLOCKS; i++) {
    check_block(more[i], i);
    need(heap_free(b, more[i]) == HEAP_OK);
  }
}
END_TEST

START_TEST(late_joins_get_what_nobody_took)
{
  struct heap *heap = heap_main(), *a = heap_child(heap), *b = heap_child(heap);
  unsigned char *kept = heap_alloc(a, 100);

  heap_alloc(b, 100);
  heap_thread_end(a);
  heap_thread_gone(a, true);
  heap_thread_end(b);
  heap_thread_gone(b, true);
  heap_join_late(heap, b);
  ck_assert_ptr_eq(heap_child(heap), b);
  recycle_now();
  ck_assert_ptr_eq(heap_child(heap), a);
  /* Too late: a is in use. */
  heap_join_late(heap, a);
  ck_assert_ptr_ne(heap_child(heap), a);
  /* Its second thread is joined as any other. */
  need(heap_free(a, kept) == HEAP_OK);
  heap_thread_end(a);
  heap_join_late(heap, a);
  heap_join(heap, a);
  heap_join_late(heap, a);
  ck_assert_ptr_eq(heap_child(heap), a);
  ck_assert_ptr_ne(heap_child(heap), a);
}
END_TEST

/* A chain: every thread is made by the one before, which nobody joins.  It neither grows nor ends. */
START_TEST(chains_go_on_for_ever)
{
  enum { COUNT = 20000 };
  static unsigned char *kept[8][BLOCKS];
  struct heap *heap = heap_child(heap_main());
  size_t most = 0, before = resident();

  if (emulated_without("chains_go_on_for_ever", "resident sizes of its own"))
    return;
  for (unsigned i = 0; i < COUNT / (INSTRUMENTED ? 100 : 10); i++) {
    unsigned char **mine = kept[i % 8];
    struct heap *child;

    if (i >= 8)
      free_rest(heap, mine, 25);
    fill(heap, mine);
    free_most(heap, mine, 25);
    child = heap_child(heap);
    ck_assert_ptr_nonnull(child);
    heap_thread_end(heap);
    heap_thread_gone(heap, i % 2);
    heap = child;
    most = resident() > most ? resident() : most;
  }
  ck_assert_msg(INSTRUMENTED || most - before < 40 * MIB, "%zu MiB", (most - before) >> 20);
  /* And without a word of memory, through all the addresses there are. */
  for (unsigned i = 0; i < COUNT * 3 / (INSTRUMENTED ? 100 : 1); i++) {
    struct heap *child = heap_child(heap);

    ck_assert_ptr_nonnull(child);
    heap_thread_end(heap);
    heap_thread_gone(heap, i % 2);
    heap = child;
  }
  ck_assert_uint_lt(regions(), 5000);
}
END_TEST

/*
 * Threads for a while, each going on in whatever heap it is given; what they
 * leave is in places that others empty.  The blocks' content is checked at each hand-over.
 */
#define TEAM 3
#define PLACES 4096
#define THREADS (INSTRUMENTED ? 30 : 150)

static unsigned char *place[PLACES]; /* the first byte repeats; the second word is the size */

struct life {
  struct heap *heap;
  uint64_t x;
};

static void put_down(struct heap *heap, uint64_t x)
{
  size_t size = 16 + (x >> 33) % 900;
  unsigned char *p = heap_alloc(heap, size), *old;

  need(p);
  memset(p, (int)(x >> 56), size);
  memcpy(p + 8, &(uint64_t){size}, sizeof(uint64_t));
  old = __atomic_exchange_n(&place[(x >> 20) % PLACES], p, __ATOMIC_ACQ_REL);
  if (!old)
    return;
  memcpy(&size, old + 8, sizeof size);
  need(size >= 16 && size < 916);
  for (size_t i = 16; i < size; i++)
    need(old[i] == old[0]);
  need(heap_free(heap, old) == HEAP_OK);
}

static void *live(void *arg)
{
  struct life *life = arg;

  for (unsigned i = 0; i < 2000; i++) {
    life->x = life->x * 6364136223846793005u + 1442695040888963407u;
    put_down(life->heap, life->x);
  }
  heap_thread_end(life->heap);
  return NULL;
}

static void *lead(void *arg)
{
  struct life *self = arg;

  for (unsigned i = 0; i < THREADS; i++) {
    struct life life = {heap_child(self->heap), self->x * 1000 + i};
    pthread_t thread;

    need(life.heap);
    need(!pthread_create(&thread, NULL, live, &life));
    need(!pthread_join(thread, NULL));
    if (i % 3)
      heap_thread_gone(life.heap, i % 3 == 1);
    else
      heap_join(self->heap, life.heap);
    if (i % 50 == 0)
      heap_trim(i % 100 ? 1000000 : 0);
  }
  return NULL;
}

START_TEST(threads_come_and_go)
{
  struct life leads[TEAM];
  pthread_t threads[TEAM];

  heap_recycle_above(_i ? 100000 : UINT64_C(8) << 20);
  for (unsigned i = 0; i < TEAM; i++) {
    leads[i] = (struct life){heap_child(heap_main()), i + 1};
    need(!pthread_create(&threads[i], NULL, lead, &leads[i]));
  }
  for (unsigned i = 0; i < TEAM; i++)
    pthread_join(threads[i], NULL);
  for (unsigned i = 0; i < PLACES; i++)
    if (place[i])
      need(heap_free(heap_main(), place[i]) == HEAP_OK);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap_ended");
  TCase *tests = unit_case(suite, "heap_ended", 240);

  tcase_add_test(tests, ended_threads_keep_little);
  tcase_add_test(tests, detached_threads_die_with_their_last_block);
  tcase_add_loop_test(tests, heaps_are_taken_over_once_much_is_lost, 0, 2);
  tcase_add_test(tests, late_joins_get_what_nobody_took);
  tcase_add_test(tests, chains_go_on_for_ever);
  tcase_add_loop_test(tests, threads_come_and_go, 0, 2);
  return unit_main(suite);
}
