/*
 * The locks of the pinned heap: fork waits for those who hold one, and a
 * region whose lock was left behind by a longjmp is given up without harm to its blocks.
 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/lock_table.h"
#include "heap/heap_fast.h"
#include "heap/region.h"

#include "unit.h"

static unsigned nondets[VT_NONDET_MAX];

static void note_nondet(enum vt_nondet reason, uint64_t addr)
{
  (void)addr;
  nondets[reason]++;
}

/* Somebody who is in the middle of a change of a region. */
struct holder {
  struct guarded_lock *lock;
  int has_begun, fork_goes_on, was_passed; /* atomic */
};

/* Until fork either waits for the lock (lock.h) or has passed it. */
static void *hold(void *arg)
{
  struct holder *h = arg;

  guarded_lock_take(h->lock);
  __atomic_store_n(&h->has_begun, 1, __ATOMIC_RELEASE);
  while (!(__atomic_load_n(&h->lock->state.word, __ATOMIC_RELAXED) & LOCK_WAITED) &&
         !__atomic_load_n(&h->fork_goes_on, __ATOMIC_ACQUIRE))
    sched_yield();
  h->was_passed = __atomic_load_n(&h->fork_goes_on, __ATOMIC_ACQUIRE);
  guarded_lock_release(h->lock);
  return NULL;
}

/* The first thread's region and another one. */
START_TEST(fork_waits_for_who_works_in_a_region)
{
  struct heap *heap = heap_main(), *other = heap_child(heap);
  struct holder h = {.lock = &region_of(_i ? other : heap)->lock};
  pthread_t thread;

  ck_assert_int_eq(pthread_create(&thread, NULL, hold, &h), 0);
  while (!__atomic_load_n(&h.has_begun, __ATOMIC_ACQUIRE))
    sched_yield();
  lock_table_take();
  __atomic_store_n(&h.fork_goes_on, 1, __ATOMIC_RELEASE);
  lock_table_release();
  pthread_join(thread, NULL);
  ck_assert_msg(!h.was_passed, "fork did not wait");
}
END_TEST

START_TEST(a_region_left_half_way_is_given_up)
{
  struct heap *heap = heap_main(), *again;
  char *kept = heap_alloc(heap, 100), *freed = heap_alloc(heap, 5000), *fresh;

  heap_set_nondet(note_nondet);
  strcpy(kept, "kept");
  lock_table_recover();
  ck_assert_ptr_eq(heap_recover(heap), heap);
  ck_assert_uint_eq(nondets[VT_NONDET_SIGNAL], 0);
  /* Its holder's frame is gone. */
  guarded_lock_take(&region_of(heap)->lock);
  lock_table_recover();
  again = heap_recover(heap);
  ck_assert_ptr_ne(again, heap);
  ck_assert_uint_eq(nondets[VT_NONDET_SIGNAL], 1);
  ck_assert_int_eq(heap_free(again, freed), HEAP_OK);
  ck_assert_int_eq(heap_free(again, freed), HEAP_DOUBLE);
  for (size_t size = 1; size < 3u << 20; size *= 2) {
    fresh = heap_alloc(again, size);
    ck_assert_ptr_nonnull(fresh);
    memset(fresh, 1, size);
    ck_assert_int_eq(heap_free(again, fresh), HEAP_OK);
  }
  heap_trim(0);
  lock_table_take();
  lock_table_release();
  ck_assert_ptr_eq(heap_recover(again), again);
  ck_assert_str_eq(kept, "kept");
  ck_assert_int_eq(heap_free(again, kept), HEAP_OK);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap_locks");
  TCase *tests = unit_case(suite, "heap_locks", 60);

  tcase_add_loop_test(tests, fork_waits_for_who_works_in_a_region, 0, 2);
  tcase_add_test(tests, a_region_left_half_way_is_given_up);
  return unit_main(suite);
}
