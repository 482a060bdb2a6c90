/*
 * jemalloc as the baseline: the same programs under jemalloc and under the
 * library, side by side.  Output and exit status are the same; addresses are
 * the same in every run here and never there; the events seen over jemalloc are those seen
 * over the pinned heap; the frames behind the same work are not many more.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

#define RUNS 4

static const char *const workloads[][5] = {
    {"1", "200000", "4096", "1024", NULL}, /* many small blocks */
    {"2", "40000", "512", "65536", NULL},  /* some larger ones */
    {"3", "4000", "64", "2000000", NULL},  /* few large ones */
    {"4", "500000", "50000", "256", NULL}, /* a lot of tiny ones */
};
#define WORKLOADS (sizeof workloads / sizeof *workloads)

static void run_churn(const char *const *arguments, const char *preload, const char *setting, const char *also,
                      struct e2e_result *result)
{
  const char *const *argv = E2E_ARGV(e2e_prog("churn"), arguments[0], arguments[1], arguments[2], arguments[3], also);

  e2e_run(&(struct e2e_spec){.argv = argv, .env = setting ? E2E_ARGV(setting) : NULL, .preload = preload}, result);
  ck_assert_msg(WIFEXITED(result->status), "ended by a signal: %s", result->err);
}

START_TEST(same_output_and_status)
{
  const char *jemalloc = e2e_system_library("libjemalloc.so.2");

  if (!jemalloc)
    E2E_SKIP("libjemalloc.so.2 is not installed");
  for (size_t i = 0; i < WORKLOADS; i++) {
    struct e2e_result there, here;

    run_churn(workloads[i], jemalloc, NULL, NULL, &there);
    run_churn(workloads[i], e2e_library(), NULL, NULL, &here);
    e2e_expect_same(&there, &here, "churn under jemalloc and here");
    e2e_release(&there);
    e2e_release(&here);
  }
}
END_TEST

/* How many of RUNS runs print what the first one printed. */
static int equal_runs(const char *preload)
{
  struct e2e_result first, again;
  int equal = 0;

  run_churn(workloads[0], preload, NULL, "addresses", &first);
  for (int i = 1; i < RUNS; i++) {
    run_churn(workloads[0], preload, NULL, "addresses", &again);
    equal += !strcmp(first.out, again.out);
    e2e_release(&again);
  }
  e2e_release(&first);
  return equal;
}

START_TEST(same_addresses_here_only)
{
  const char *jemalloc = e2e_system_library("libjemalloc.so.2");
  FILE *file = fopen("/proc/sys/kernel/randomize_va_space", "re");
  char aslr = file ? (char)fgetc(file) : '0';

  if (file)
    fclose(file);
  ck_assert_int_eq(equal_runs(e2e_library()), RUNS - 1);
  if (!jemalloc)
    E2E_SKIP("libjemalloc.so.2 is not installed");
  if (aslr != '2')
    E2E_SKIP("address space layout randomisation is off");
  ck_assert_int_eq(equal_runs(jemalloc), 0);
}
END_TEST

static void count_events(const char *preload, const char *heap, long long counts[3])
{
  static const char *const keys[3] = {"events.alloc", "events.free", "events.realloc"};
  const char *dir = e2e_path("%s", strrchr(heap, '=') + 1);
  struct e2e_result result;
  char out[4200];
  char **traces;
  json_t *info;

  snprintf(out, sizeof out, "VMTRACE_OUT=%s.vmt", dir);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("churn"), "5", "100000", "2000", "4000"),
                             .env = E2E_ARGV(heap, out),
                             .preload = preload},
          &result);
  ck_assert_msg(WIFEXITED(result.status), "ended by a signal: %s", result.err);
  e2e_release(&result);
  traces = (char *[]){out + strlen("VMTRACE_OUT="), NULL};
  info = e2e_json(E2E_ARGV("info"), traces);
  ck_assert_str_eq(e2e_str(info, "heap"), strrchr(heap, '=') + 1);
  for (int i = 0; i < 3; i++)
    counts[i] = e2e_int(info, keys[i]);
  json_decref(info);
}

START_TEST(same_events_over_jemalloc)
{
  const char *jemalloc = e2e_system_library("libjemalloc.so.2");
  long long here[3], there[3];
  char preload[8192];

  if (!jemalloc)
    E2E_SKIP("libjemalloc.so.2 is not installed");
  snprintf(preload, sizeof preload, "%s:%s", e2e_library(), jemalloc);
  count_events(preload, "VMTRACE_HEAP=next", there);
  count_events(preload, "VMTRACE_HEAP=pin", here); /* jemalloc idle: what it loads with it allocates, too */
  ck_assert_int_gt(here[0], 40000);
  ck_assert_int_gt(here[2], 1000);
  for (int i = 0; i < 3; i++)
    ck_assert_msg(here[i] == there[i], "%lld here, %lld over jemalloc (%s)", here[i], there[i],
                  (const char *const[]){"alloc", "free", "realloc"}[i]);
}
END_TEST

static double peak_of(const char *const *workload, const char *preload)
{
  struct e2e_result result;
  double kib;

  run_churn(workload, preload, "VMTRACE_OUT=off", "peak", &result);
  kib = strtod(result.err, NULL);
  ck_assert_msg(kib > 1000, "no peak: %s", result.err);
  e2e_release(&result);
  return kib;
}

/* Resident pages at the peak: how memory is laid out decides, not the clock. */
START_TEST(as_many_frames)
{
  const char *jemalloc = e2e_system_library("libjemalloc.so.2");
  double product = 1, mean;
  char figures[512] = "";

  if (!jemalloc)
    E2E_SKIP("libjemalloc.so.2 is not installed");
  for (size_t i = 0; i < WORKLOADS; i++) {
    double there = peak_of(workloads[i], jemalloc), here = peak_of(workloads[i], e2e_library());

    snprintf(figures + strlen(figures), sizeof figures - strlen(figures), " %.0f/%.0f", here, there);
    product *= here / there;
  }
  mean = pow(product, 1.0 / WORKLOADS);
  ck_assert_msg(mean <= 1.1, "peak of resident memory: %.2f of jemalloc's (KiB:%s)", mean, figures);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("baseline");
  TCase *tcase = e2e_case(suite, "baseline", 120);

  tcase_add_test(tcase, same_output_and_status);
  tcase_add_test(tcase, same_addresses_here_only);
  tcase_add_test(tcase, same_events_over_jemalloc);
  tcase_add_test(tcase, as_many_frames);
  return e2e_main(suite);
}
