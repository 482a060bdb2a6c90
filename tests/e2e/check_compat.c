/*
 * What real programs do to a preloaded library, each case by itself; the
 * program that does it stands beside.  The programs are run in tests/matrix.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "e2e.h"

/* gdb, in the constructor of libp11-kit.  A lock taken twice shows as a hang in setlocale. */
START_TEST(starts_inside_newlocale)
{
  struct e2e_result result;

  for (int next = 0; next < 2; next++) {
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("locale_first")),
                               .env = E2E_ARGV(next ? "VMTRACE_HEAP=next" : "VMTRACE_HEAP=pin"),
                               .preload = e2e_library()},
            &result);
    e2e_expect_exit(&result, 0);
    ck_assert_str_eq(result.out, "C, no error\n");
    e2e_release(&result);
  }
}
END_TEST

/* Chromium, with the spin lock of its PartitionAlloc held. */
START_TEST(starts_inside_the_programs_own_malloc)
{
  struct e2e_result result;

  for (int next = 0; next < 2; next++) {
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("own_malloc")),
                               .env = E2E_ARGV(next ? "VMTRACE_HEAP=next" : "VMTRACE_HEAP=pin"),
                               .preload = e2e_library()},
            &result);
    e2e_expect_exit(&result, 0);
    ck_assert_str_eq(result.out, "allocated, 0 times\n");
    e2e_release(&result);
  }
}
END_TEST

/* What jemalloc gave out by a function of its own goes back to it, in the ranges where the library pins mappings too.
 */
START_TEST(blocks_of_the_next_allocator_go_back_to_it)
{
  const char *jemalloc = e2e_system_library("libjemalloc.so.2");
  struct e2e_result result;
  char preload[1000];

  if (!jemalloc)
    E2E_SKIP("libjemalloc.so.2 is not in the usual places");
  snprintf(preload, sizeof preload, "%s:%s", e2e_library(), jemalloc);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("next_own")),
                             .env = E2E_ARGV(_i ? "VMTRACE_HEAP=next" : "VMTRACE_HEAP=pin"),
                             .preload = preload},
          &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "came back\n");
  ck_assert_str_eq(result.err, "");
  e2e_release(&result);
}
END_TEST

static void bind_deeply(const char *preload, const char *heap, const char *says)
{
  const char *jansson = e2e_system_library("libjansson.so.4");
  struct e2e_result result;

  if (!jansson)
    E2E_SKIP("libjansson.so.4 is not in the usual places");
  e2e_run(
      &(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("deep_bind"), jansson), .env = E2E_ARGV(heap), .preload = preload},
      &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, says);
  e2e_release(&result);
}

/* PHP opens its extensions so. */
START_TEST(module_bound_deeply_has_the_pinned_heap)
{
  bind_deeply(e2e_library(), "VMTRACE_HEAP=pin", "true, pinned\n");
}
END_TEST

START_TEST(module_bound_deeply_has_the_preloaded_allocator)
{
  const char *jemalloc = e2e_system_library("libjemalloc.so.2");
  char preload[8192];

  if (!jemalloc)
    E2E_SKIP("libjemalloc.so.2 is not installed");
  snprintf(preload, sizeof preload, "%s:%s", e2e_library(), jemalloc);
  bind_deeply(preload, "VMTRACE_HEAP=next", "true, elsewhere\n");
}
END_TEST

/* GNU Common Lisp, in maxima: its heap is in the executable, and the program break follows it. */
START_TEST(break_follows_the_data)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("saved_heap")), .env = E2E_ARGV("VMTRACE_SAMPLE_MS=0")},
          &result);
  if (WEXITSTATUS(result.status) == 2)
    E2E_SKIP("randomisation cannot be turned off here");
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("saved_heap")), .preload = e2e_library()}, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "behind the data\n");
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("compat");
  TCase *tcase = e2e_case(suite, "compat", 60);

  tcase_add_test(tcase, starts_inside_newlocale);
  tcase_add_test(tcase, starts_inside_the_programs_own_malloc);
  tcase_add_loop_test(tcase, blocks_of_the_next_allocator_go_back_to_it, 0, 2);
  tcase_add_test(tcase, module_bound_deeply_has_the_pinned_heap);
  tcase_add_test(tcase, module_bound_deeply_has_the_preloaded_allocator);
  tcase_add_test(tcase, break_follows_the_data);
  return e2e_main(suite);
}
