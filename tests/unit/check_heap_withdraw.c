/*
 * Segments that the program takes while another thread works in them: when the call is over, no more of their blocks
 * are handed out.
 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "heap/heap_fast.h"
#include "heap/segment.h"

#include "unit.h"

#define SEGMENTS 600
#define BLOCKS 300 /* of a round: enough for magazines that are filled, grow and run over */

struct worker {
  struct heap *heap;
  uint64_t left[SEGMENTS];
  unsigned left_count; /* atomic: so many are filled */
  uint64_t latest;     /* atomic: a block of the present round */
  uint64_t wrong;      /* atomic: a block of a segment that was left before the round began */
  uint64_t calls;      /* atomic: on the heap, so far */
  bool over;           /* atomic */
};

static struct worker worker;

/* As long as a call needs that is under way. */
static void worker_leaves(void)
{
  uint64_t calls = __atomic_load_n(&worker.calls, __ATOMIC_SEQ_CST);

  while (__atomic_load_n(&worker.calls, __ATOMIC_SEQ_CST) < calls + 2)
    sched_yield();
}

/* No more than a store: it must not hold up what it counts. */
static void note_call(struct worker *w)
{
  __atomic_store_n(&w->calls, w->calls + 1, __ATOMIC_RELEASE);
}

static bool is_left(const struct worker *w, unsigned count, uint64_t addr)
{
  for (unsigned i = count; i-- > 0;)
    if (w->left[i] == (addr & ~(SEGMENT_SIZE - 1)))
      return true;
  return false;
}

static void work_round(struct worker *w, unsigned *random)
{
  unsigned count = __atomic_load_n(&w->left_count, __ATOMIC_ACQUIRE);
  void *blocks[BLOCKS];

  for (unsigned i = 0; i < BLOCKS; i++) {
    *random = *random * 1664525 + 1013904223;
    blocks[i] = heap_alloc(w->heap, 16 + (*random >> 8) % 8 * 48);
    note_call(w);
    if (is_left(w, count, (uintptr_t)blocks[i]))
      __atomic_store_n(&w->wrong, (uintptr_t)blocks[i], __ATOMIC_RELAXED);
    __atomic_store_n(&w->latest, (uintptr_t)blocks[i], __ATOMIC_RELAXED);
  }
  for (unsigned i = 0; i < BLOCKS; i++) {
    heap_free(w->heap, blocks[i]);
    note_call(w);
  }
}

static void *work(void *arg)
{
  struct worker *w = arg;
  unsigned random = 1;

  while (!__atomic_load_n(&w->over, __ATOMIC_RELAXED))
    work_round(w, &random);
  return NULL;
}

START_TEST(nothing_of_a_segment_comes_back)
{
  struct heap *own = heap_main();
  pthread_t thread;

  worker.heap = heap_child(own);
  heap_set_wait(worker_leaves);
  ck_assert_int_eq(pthread_create(&thread, NULL, work, &worker), 0);
  for (unsigned i = 0; i < SEGMENTS && !__atomic_load_n(&worker.wrong, __ATOMIC_RELAXED); i++) {
    uint64_t latest;

    while (!(latest = __atomic_exchange_n(&worker.latest, 0, __ATOMIC_RELAXED)))
      sched_yield();
    worker.left[i] = latest & ~(SEGMENT_SIZE - 1);
    heap_withdraw(own, worker.left[i], 4096);
    __atomic_store_n(&worker.left_count, i + 1, __ATOMIC_RELEASE);
  }
  __atomic_store_n(&worker.over, true, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
  ck_assert_msg(!worker.wrong, "0x%lx was handed out after its segment had been left", (unsigned long)worker.wrong);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap_withdraw");
  TCase *tests = unit_case(suite, "heap_withdraw", 60);

  /* Without the wait each round fails with a probability of a third. */
  tcase_add_loop_test(tests, nothing_of_a_segment_comes_back, 0, 12);
  return unit_main(suite);
}
