/*
 * Programs whose threads come and go: the memory of those that ended serves
 * the next ones, whether they were joined, detached or neither; and where
 * which thread is first decides nothing, the addresses are those of every run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

struct way {
  const char *how;
  const char *few, *many;
  long more_kib; /* that many threads may take above a few: the stack of one that is not joined is lost */
  bool kept;     /* no address depends on when a thread was gone */
};

static const struct way ways[] = {
    {"chain", "200", "500", 300 * 128 + 8192, true},
    {"detached", "300", "900", 16384, true},
    {"joined", "300", "900", 4096, true},
    {"server", "300", "900", 8192, true},
};

static long peak_kib(const char *how, const char *count)
{
  struct e2e_result result;
  long peak;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("generations"), how, count),
                             .env = E2E_ARGV("VMTRACE_OUT=off"),
                             .preload = e2e_library()},
          &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.err, "");
  peak = result.usage.ru_maxrss;
  e2e_release(&result);
  return peak;
}

START_TEST(many_threads_take_what_a_few_do)
{
  const struct way *way = &ways[_i];
  long few = peak_kib(way->how, way->few), many = peak_kib(way->how, way->many);

  ck_assert_msg(many < few + way->more_kib, "%s: %ld KiB for %s threads, %ld KiB for %s", way->how, few, way->few, many,
                way->many);
}
END_TEST

/* The trace is whole, says whether addresses were kept, and if so they are the same in each run. */
START_TEST(traces_say_whether_addresses_were_kept)
{
  const struct way *way = &ways[_i];
  char *digest = NULL;

  for (int run = 0; run < 3; run++) {
    const char *trace = e2e_path("run%d.vmt", run);
    char *const one[] = {(char *)trace, NULL};
    struct e2e_result result;
    char out[4200];
    json_t *info;

    snprintf(out, sizeof out, "VMTRACE_OUT=%s", trace);
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("generations"), way->how, "150"),
                               .env = E2E_ARGV(out),
                               .preload = e2e_library()},
            &result);
    e2e_expect_exit(&result, 0);
    info = e2e_json(E2E_ARGV("info"), one);
    ck_assert_int_eq(json_is_true(e2e_get(info, "deterministic")), way->kept);
    ck_assert(json_is_true(e2e_get(info, "complete")));
    ck_assert_int_eq(e2e_int(info, "lost"), 0);
    if (!digest)
      digest = strdup(result.out);
    if (way->kept)
      ck_assert_str_eq(result.out, digest);
    json_decref(info);
    e2e_release(&result);
  }
  free(digest);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("generations");
  TCase *tcase = e2e_case(suite, "generations", 240);

  tcase_add_loop_test(tcase, many_threads_take_what_a_few_do, 0, sizeof ways / sizeof *ways);
  tcase_add_loop_test(tcase, traces_say_whether_addresses_were_kept, 0, sizeof ways / sizeof *ways);
  return e2e_main(suite);
}
