/*
 * The same addresses in every run: threads8 under everything that may change
 * when a thread runs, judged by what the program prints and by what its trace
 * says.  Also: memory stays bounded when one thread allocates and another frees.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "e2e.h"

#define RUNS 20
#define SEED "20260711"
#define ROUNDS "150"

/* One way of running the program. */
struct setting {
  int cpus;  /* 0: as many as there are */
  bool load; /* two busy processes beside it */
  bool trace;
};

static void set_cpus(const void *arg)
{
  const struct setting *setting = arg;
  cpu_set_t all, some;
  int left = setting->cpus;

  if (!setting->cpus || sched_getaffinity(0, sizeof all, &all))
    return;
  CPU_ZERO(&some);
  for (int cpu = 0; cpu < CPU_SETSIZE && left; cpu++)
    if (CPU_ISSET(cpu, &all)) {
      CPU_SET(cpu, &some);
      left--;
    }
  if (sched_setaffinity(0, sizeof some, &some))
    _exit(126);
}

/* run differs in what must not matter, too: directory and environment. */
static void run_one(const struct setting *setting, int run, struct e2e_result *result)
{
  struct e2e_process load[2];
  char out[4200], padding[4200];

  snprintf(padding, sizeof padding, "PADDING=%0*d", 1 + run * 200, 0);
  snprintf(out, sizeof out, "VMTRACE_OUT=%s/run%02d.vmt", e2e_dir(), run);
  for (int i = 0; setting->load && i < 2; i++)
    load[i] = e2e_start(&(struct e2e_spec){.argv = E2E_ARGV("sh", "-c", "while :; do :; done")});
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("threads8"), SEED, ROUNDS),
                             .env = E2E_ARGV(setting->trace ? out : "VMTRACE_OUT=off", padding),
                             .preload = e2e_library(),
                             .cwd = run % 2 ? "/" : NULL,
                             .prepare = set_cpus,
                             .arg = setting},
          result);
  for (int i = 0; setting->load && i < 2; i++) {
    struct e2e_result ended;

    kill(load[i].pid, SIGKILL);
    e2e_finish(&load[i], &ended);
    e2e_release(&ended);
  }
  e2e_expect_exit(result, 0);
  ck_assert_str_eq(result->err, "");
}

struct place {
  const char *lineage, *addr;
  long long seq;
};

static int by_place(const void *a, const void *b)
{
  const struct place *p = a, *q = b;
  int order = strcmp(p->lineage, q->lineage);

  return order ? order : (p->seq > q->seq) - (p->seq < q->seq);
}

/* "LINEAGE SEQ ADDRESS" of every allocation event of a trace, sorted; to be freed. */
static char *places_of(const char *trace)
{
  json_t *events = e2e_dump(trace), *event;
  struct place *places = calloc(json_array_size(events) + 1, sizeof *places);
  size_t n = 0, i, size;
  char *text;
  FILE *out;

  json_array_foreach(events, i, event) {
    const char *op = e2e_str(event, "op");

    if (!strcmp(op, "alloc") || !strcmp(op, "realloc"))
      places[n++] = (struct place){e2e_str(event, "thread"), e2e_str(event, "addr"), e2e_int(event, "seq")};
  }
  qsort(places, n, sizeof *places, by_place);
  out = open_memstream(&text, &size);
  for (i = 0; i < n; i++)
    fprintf(out, "%s %lld %s\n", places[i].lineage, places[i].seq, places[i].addr);
  fclose(out);
  free(places);
  json_decref(events);
  return text;
}

/* All lines of a thread that the program printed begin the list that the trace has of this thread. */
static void expect_printed_in_trace(const char *printed, const char *traced)
{
  const char *at = traced;

  for (const char *line = printed; *line; line = strchr(line, '\n') + 1) {
    size_t length = strcspn(line, "\n") + 1, lineage = strcspn(line, " ") + 1;

    /* A new thread: what the trace has beyond is the first thread's printf. */
    while (*at && strncmp(at, line, lineage) && !strncmp(at, "0 ", 2))
      at = strchr(at, '\n') + 1;
    ck_assert_msg(!strncmp(at, line, length), "printed: %.*s traced: %.*s", (int)length, line,
                  (int)strcspn(at, "\n") + 1, at);
    at += length;
  }
  ck_assert_msg(!*at, "the trace has more than the program did: %.200s", at);
}

static void expect_equal(const char *a, const char *b, int run, const char *what)
{
  size_t line = 0, at = 0;

  for (; a[at] && a[at] == b[at]; at++)
    if (a[at] == '\n')
      line = at + 1;
  ck_assert_msg(a[at] == b[at], "run %d, %s:\n%.*s\nwas, now it is\n%.*s", run, what, (int)strcspn(a + line, "\n"),
                a + line, (int)strcspn(b + line, "\n"), b + line);
}

START_TEST(twenty_runs)
{
  char *printed = NULL, *traced = NULL;

  for (int run = 0; run < RUNS; run++) {
    const struct setting setting = {.cpus = run % 4 == 0   ? 1
                                            : run % 4 == 1 ? 2
                                                           : 0,
                                    .load = run % 3 == 2,
                                    .trace = run % 2 == 0};
    struct e2e_result result;

    run_one(&setting, run, &result);
    if (!printed)
      printed = strdup(result.out);
    expect_equal(printed, result.out, run, "what it printed");
    if (setting.trace) {
      char *const one[] = {(char *)e2e_path("run%02d.vmt", run), NULL};
      json_t *info = e2e_json(E2E_ARGV("info"), one);
      char *now = places_of(one[0]);

      ck_assert(json_is_true(e2e_get(info, "deterministic")));
      ck_assert(json_is_true(e2e_get(info, "complete")));
      ck_assert_str_eq(e2e_str(info, "ended"), "exit");
      expect_printed_in_trace(result.out, now);
      if (!traced)
        traced = strdup(now);
      expect_equal(traced, now, run, "its trace");
      free(now);
      json_decref(info);
    }
    e2e_release(&result);
  }
  free(printed);
  free(traced);
}
END_TEST

/* Another seed, other addresses: the test above would not notice a heap that ignores the program. */
START_TEST(other_input)
{
  struct e2e_result a, b;
  const char *const off = "VMTRACE_OUT=off";

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("threads8"), "1", "20"),
                             .env = E2E_ARGV(off),
                             .preload = e2e_library()},
          &a);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("threads8"), "2", "20"),
                             .env = E2E_ARGV(off),
                             .preload = e2e_library()},
          &b);
  ck_assert_str_ne(a.out, b.out);
  e2e_release(&a);
  e2e_release(&b);
}
END_TEST

static long peak_kib(const char *count)
{
  struct e2e_result result;
  long peak;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("producer"), count),
                             .env = E2E_ARGV("VMTRACE_OUT=off"),
                             .preload = e2e_library()},
          &result);
  e2e_expect_exit(&result, 0);
  peak = result.usage.ru_maxrss;
  e2e_release(&result);
  return peak;
}

/* A hundred million blocks take no more memory than ten million. */
START_TEST(producer_stays_small)
{
  long some = peak_kib("10000000"), many = peak_kib("100000000");

  ck_assert_msg(many < 128 * 1024, "%ld KiB", many);
  ck_assert_msg(many < some + 32 * 1024, "%ld KiB for 10 million blocks, %ld KiB for 100 million", some, many);
}
END_TEST

/* What the kernel would place at random is placed by the rule ... */
static const char *const placed[] = {"hints", "behind", "low", "stacks", "huge", "walled", "grow", "attach", "data"};

/* ... or reported. */
static const char *const reported[] = {"code", "lot", "breaks", "lows", "polls"};

/* What `placed WAY` printed, traced; to be freed.  *reproducible: what is said of it. */
static char *run_placed(const char *way, int run, bool traced, bool *reproducible)
{
  struct e2e_result result;
  char out[4200], *printed;

  snprintf(out, sizeof out, "VMTRACE_OUT=%s/%s%d.vmt", e2e_dir(), way, run);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("placed"), way),
                             .env = E2E_ARGV(traced ? out : "VMTRACE_OUT=off"),
                             .preload = e2e_library()},
          &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.err, "");
  if (traced) {
    char *const one[] = {strchr(out, '=') + 1, NULL};
    json_t *info = e2e_json(E2E_ARGV("info"), one);

    *reproducible = json_is_true(e2e_get(info, "deterministic"));
    json_decref(info);
  }
  printed = strdup(result.out);
  e2e_release(&result);
  return printed;
}

START_TEST(places_are_the_rules)
{
  const char *way = placed[_i];
  char *first = NULL;

  for (int run = 0; run < 4; run++) {
    bool reproducible = true;
    char *printed = run_placed(way, run, run % 2, &reproducible);

    ck_assert_msg(reproducible, "%s: no", way);
    if (!strcmp(way, "grow"))
      ck_assert_msg(!strncmp(printed, "1 1\n", 4), "%s", printed);
    if (first)
      expect_equal(first, printed, run, way);
    else
      first = strdup(printed);
    ck_assert_msg(!strstr(printed, "0x7f") && !strstr(printed, "0xfff"), "%s: %s", way, printed);
    free(printed);
  }
  free(first);
}
END_TEST

START_TEST(places_are_reported)
{
  bool reproducible = true;

  free(run_placed(reported[_i], 0, true, &reproducible));
  ck_assert_msg(!reproducible, "%s: yes", reported[_i]);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("determinism");
  TCase *tcase = e2e_case(suite, "determinism", 300);

  tcase_add_test(tcase, twenty_runs);
  tcase_add_test(tcase, other_input);
  tcase_add_loop_test(tcase, places_are_the_rules, 0, sizeof placed / sizeof *placed);
  tcase_add_loop_test(tcase, places_are_reported, 0, sizeof reported / sizeof *reported);
  tcase_add_test(tcase, producer_stays_small);
  return e2e_main(suite);
}
