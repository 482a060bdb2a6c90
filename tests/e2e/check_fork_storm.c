/*
 * Forks in the worst moments (tests/progs/fork_storm.c): every child does what
 * it does without the library, and every process has a whole trace of its own.  E2E_ORDEAL multiplies the numbers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e_judge.h"

/* As threads and children allocate, in numbers of tests/progs/fork_storm.c. */
#define CHILD_ALLOCS 300

static unsigned long times(unsigned long count)
{
  const char *text = getenv("E2E_ORDEAL");
  int factor = text ? atoi(text) : 0;

  return factor > 0 ? count * (unsigned long)factor : count;
}

/* Of six children in a row one executes a program and one forks again; there are two threads that fork. */
START_TEST(in_the_middle_of_allocation)
{
  unsigned long each = times(30) / 6 * 6;
  struct e2e_result with;
  long long allocs, forks, modules;

  judge_run("fork_storm", "storm", each, &with);
  ck_assert_str_eq(with.err, "");
  ck_assert_uint_eq(judge_whole("events.alloc", &allocs), 1 + 2 * (each + 2 * (each / 6)));
  ck_assert_int_gt(allocs, (long long)each * 2 * CHILD_ALLOCS / 2);
  ck_assert_uint_le(judge_whole("events.module", &modules), (size_t)modules / 3);
  judge_whole("events.fork", &forks);
  ck_assert_int_eq(forks, (long long)(2 * (each + each / 6)));
  e2e_release(&with);
}
END_TEST

/*
 * A handler of the forking thread that allocates while all locks of the library are held by that thread.  Without the
 * library it may wait for ever, for a lock of libc's heap that its own thread holds.
 */
START_TEST(handlers_that_allocate)
{
  unsigned long count = times(100);
  char number[32];
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("fork_storm"), "signals", number), .preload = e2e_library()};
  struct e2e_result with;
  long long allocs;

  snprintf(number, sizeof number, "%lu", count);
  e2e_run(&spec, &with);
  e2e_expect_exit(&with, 0);
  ck_assert_uint_eq(strtoul(strchr(with.out, ' '), NULL, 10), count);
  ck_assert_str_eq(with.err, "");
  ck_assert_uint_eq(judge_whole("events.alloc", &allocs), count + 1);
  ck_assert_int_ge(allocs, (long long)count * 50);
  e2e_release(&with);
}
END_TEST

/* _Fork may be called in handlers: in one that interrupts _Fork, and in another thread at the same time, in the middle
 * of a hook. */
START_TEST(bare_forks_in_handlers)
{
  unsigned long count = times(100);
  struct e2e_result with;
  long long forks;

  judge_run("fork_storm", "bare", count, &with);
  ck_assert_uint_eq(strtoul(strchr(with.out, ' '), NULL, 10), 3 * count);
  ck_assert_str_eq(with.err, "");
  ck_assert_uint_eq(judge_whole("events.fork", &forks), 3 * count + 1);
  ck_assert_int_eq(forks, (long long)(3 * count));
  e2e_release(&with);
}
END_TEST

/* Blocks that one thread frees go to whoever asks first: more of what libc's own heap locks. */
START_TEST(handed_on_to_libc)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("fork_storm"), "storm", "12")};
  struct e2e_result with;
  long long lost;

  judge_same(spec, "VMTRACE_HEAP=next", &with);
  ck_assert_str_eq(with.err, "");
  ck_assert_uint_eq(judge_whole("lost", &lost), 1 + 2 * (12 + 2 * 2));
  e2e_release(&with);
}
END_TEST

START_TEST(many_at_once)
{
  unsigned long count = times(200) < 1000 ? times(200) : 1000;
  struct e2e_result with;
  long long allocs;

  judge_run("fork_storm", "bomb", count, &with);
  ck_assert_str_eq(with.err, "");
  ck_assert_uint_eq(judge_whole("events.alloc", &allocs), count + 1);
  ck_assert_int_ge(allocs, (long long)count * 100);
  e2e_release(&with);
}
END_TEST

/* Children that no hook saw are noticed at their first call; those that share memory are none. */
START_TEST(bare_clone_calls)
{
  struct e2e_result with;
  size_t count, expected = 1;
  long long allocs;

  judge_run("fork_storm", "flags", 0, &with);
  ck_assert_str_eq(with.err, "");
  for (const char *line = with.out; (line = strstr(line, ": 21")); line++)
    expected++;
  count = judge_whole("events.alloc", &allocs);
  ck_assert_uint_eq(count, expected - 1); /* CLONE_VM|CLONE_VFORK */
  ck_assert_int_gt(allocs, 4000);
  e2e_release(&with);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("fork_storm");
  TCase *storm = e2e_case(suite, "storm", 600), *numbers = e2e_case(suite, "numbers", 600),
        *flags = e2e_case(suite, "flags", 120), *handlers = e2e_case(suite, "handlers", 120);

  tcase_add_test(storm, in_the_middle_of_allocation);
  tcase_add_test(storm, handed_on_to_libc);
  tcase_add_test(handlers, handlers_that_allocate);
  tcase_add_test(handlers, bare_forks_in_handlers);
  tcase_add_test(numbers, many_at_once);
  tcase_add_test(flags, bare_clone_calls);
  return e2e_main(suite);
}
