/*
 * The gate before libunwind: a fork waits for who is inside, who comes meanwhile is refused in the end, and a child
 * that was made while somebody was inside never enters.
 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unwind/libunwind_gate.h"

#include "unit.h"

#define ROUNDS 50
#define STAY 100 /* turns that somebody who is inside gives to others */

static int is_inside, fork_comes; /* atomic */

static void *stay(void *unused)
{
  uint64_t mask;

  if (!libunwind_enter(&mask))
    return unused;
  __atomic_store_n(&is_inside, 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n(&fork_comes, __ATOMIC_SEQ_CST))
    sched_yield();
  for (unsigned i = 0; i < STAY; i++)
    sched_yield();
  __atomic_store_n(&is_inside, 0, __ATOMIC_SEQ_CST);
  libunwind_leave(mask);
  return unused;
}

/* Its patience has an end, which a busy machine may let it see now and then. */
START_TEST(fork_waits_for_who_is_inside)
{
  unsigned waited = 0;

  for (unsigned i = 0; i < ROUNDS; i++) {
    pthread_t thread;

    __atomic_store_n(&fork_comes, 0, __ATOMIC_SEQ_CST);
    ck_assert_int_eq(pthread_create(&thread, NULL, stay, NULL), 0);
    while (!__atomic_load_n(&is_inside, __ATOMIC_SEQ_CST))
      sched_yield();
    __atomic_store_n(&fork_comes, 1, __ATOMIC_SEQ_CST);
    libunwind_before_fork();
    waited += !__atomic_load_n(&is_inside, __ATOMIC_SEQ_CST);
    libunwind_after_fork(false);
    pthread_join(thread, NULL);
  }
  ck_assert_uint_gt(waited, ROUNDS * 3 / 4);
}
END_TEST

START_TEST(nobody_enters_before_a_fork_is_over)
{
  uint64_t mask;

  libunwind_before_fork();
  ck_assert(!libunwind_enter(&mask));
  libunwind_after_fork(false);
  ck_assert(libunwind_enter(&mask));
  libunwind_leave(mask);
}
END_TEST

static bool child_enters(void)
{
  uint64_t mask;
  int status;
  pid_t pid = fork();

  if (pid == 0) {
    libunwind_after_fork(true);
    _exit(libunwind_enter(&mask));
  }
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status));
  return WEXITSTATUS(status);
}

/* What libunwind has half-done is never finished there. */
START_TEST(a_child_of_the_middle_never_enters)
{
  uint64_t mask;

  ck_assert(libunwind_enter(&mask));
  libunwind_before_fork();
  ck_assert(!child_enters());
  libunwind_after_fork(false);
  libunwind_leave(mask);
  libunwind_before_fork();
  ck_assert(child_enters());
  libunwind_after_fork(false);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("libunwind_gate");
  TCase *tests = unit_case(suite, "gate", 60);

  tcase_add_test(tests, fork_waits_for_who_is_inside);
  tcase_add_test(tests, nobody_enters_before_a_fork_is_over);
  tcase_add_test(tests, a_child_of_the_middle_never_enters);
  return unit_main(suite);
}
