/*
 * The library as on Linux 4.14, by tests/progs/old_kernel.c: what came later is found missing at run time, each time by
 * a call that fails, and nothing differs but how pages are found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "e2e.h"
#include "e2e_judge.h"

#define CANNOT 77
#define SAMPLE_SCAN 4

static const struct run {
  const char *program, *arguments[3];
} runs[] = {
    {"threads8", {"1", "20"}},    {"events", {NULL}},
    {"family", {NULL}},           {"ordeal", {"alive", "20"}},
    {"ordeal", {"holes", "20"}},  {"ordeal", {"children", "3"}},
    {"conformance", {"resized"}}, {"conformance", {"alignments"}},
};

/* With the library, on this kernel or the old one. */
static void run_on(bool old, const struct run *run, struct e2e_result *result)
{
  const char *argv[8];
  char variable[4200];
  size_t n = 0;

  snprintf(variable, sizeof variable, old ? "VMTRACE_OUT=%s/%%p.vmt" : "VMTRACE_OUT=off", e2e_dir());
  if (old) {
    argv[n++] = e2e_prog("old_kernel");
    argv[n++] = e2e_library();
  }
  argv[n++] = e2e_prog(run->program);
  for (size_t i = 0; i < 3; i++)
    argv[n++] = run->arguments[i];
  argv[n] = NULL;
  e2e_run(&(struct e2e_spec){.argv = argv, .env = E2E_ARGV(variable), .preload = old ? NULL : e2e_library()}, result);
  if (old && WIFEXITED(result->status) && WEXITSTATUS(result->status) == CANNOT)
    return;
  e2e_expect_exit(result, 0);
}

/* Where the kernel chooses the place it is another one in each run. */
static void end_at(char *text, const char *word)
{
  char *at = strstr(text, word);

  if (at)
    *at = 0;
}

/* Every trace is whole, and its samples found pages in the older way; how many samples there are. */
static size_t samples_without_scan(void)
{
  size_t count, samples = 0, i;
  char **traces = e2e_traces(e2e_dir(), &count);
  long long threads;

  ck_assert_uint_ge(judge_whole("threads", &threads), 1);
  for (size_t t = 0; t < count; t++) {
    json_t *dump = e2e_dump(traces[t]), *event;

    json_array_foreach(dump, i, event) {
      if (strcmp(e2e_str(event, "op"), "sample"))
        continue;
      ck_assert_msg(!(e2e_int(event, "flags") & SAMPLE_SCAN), "%s: PAGEMAP_SCAN was not taken away", traces[t]);
      samples++;
    }
    json_decref(dump);
  }
  e2e_traces_free(traces);
  return samples;
}

START_TEST(same_as_on_this_kernel)
{
  struct e2e_result here, there;

  run_on(true, &runs[_i], &there);
  if (WIFEXITED(there.status) && WEXITSTATUS(there.status) == CANNOT)
    E2E_SKIP("no system calls can be taken away here: %s", there.err);
  run_on(false, &runs[_i], &here);
  end_at(here.out, "shmat");
  end_at(there.out, "shmat");
  ck_assert_str_eq(there.out, here.out);
  ck_assert_str_eq(there.err, here.err);
  ck_assert_uint_ge(samples_without_scan(), 1);
  e2e_release(&here);
  e2e_release(&there);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("old_kernel");
  TCase *tcase = e2e_case(suite, "old_kernel", 600);

  tcase_add_loop_test(tcase, same_as_on_this_kernel, 0, sizeof runs / sizeof *runs);
  return e2e_main(suite);
}
