/*
 * What tests of hard conditions ask of every program and every trace.  See
 * e2e_judge.h; called by check_ordeal.c and its kin.
 */
#include "e2e_judge.h"

#include <stdio.h>
#include <string.h>

void judge_same(struct e2e_spec spec, const char *variable, struct e2e_result *with)
{
  struct e2e_result without;

  e2e_run(&spec, &without);
  spec.preload = e2e_library();
  spec.env = variable ? E2E_ARGV(variable) : NULL;
  e2e_run(&spec, with);
  ck_assert_msg(without.status == with->status && !strcmp(without.out, with->out),
                "without (status %x):\n%s\nwith (status %x):\n%s\n%s", without.status, without.out, with->status,
                with->out, with->err);
  e2e_release(&without);
}

void judge_run(const char *prog, const char *mode, unsigned long count, struct e2e_result *with)
{
  char number[32];

  snprintf(number, sizeof number, "%lu", count);
  judge_same((struct e2e_spec){.argv = E2E_ARGV(e2e_prog(prog), mode, number)}, NULL, with);
  e2e_expect_exit(with, 0);
}

json_t *judge_info(const char *trace)
{
  char *traces[] = {(char *)trace, NULL};

  return e2e_json(E2E_ARGV("info"), traces);
}

#define REASON_EXIT 3
#define FLAG_NUMBERS 1

long long judge_exit_sample(const char *trace)
{
  json_t *dump = e2e_dump(trace), *event;
  bool at_exit = false;
  long long pages = 0;
  size_t i;

  json_array_foreach(dump, i, event) {
    const char *op = e2e_str(event, "op");

    if (!strcmp(op, "sample"))
      at_exit = e2e_int(event, "reason") == REASON_EXIT && e2e_int(event, "flags") & FLAG_NUMBERS;
    else if (!strcmp(op, "sample_end") && at_exit)
      pages = e2e_int(event, "pages");
  }
  json_decref(dump);
  return pages;
}

size_t judge_whole(const char *path, long long *sum)
{
  size_t count;
  char **traces = e2e_traces(e2e_dir(), &count);

  *sum = 0;
  for (size_t i = 0; i < count; i++) {
    json_t *info = judge_info(traces[i]);

    ck_assert_msg(json_is_true(e2e_get(info, "complete")), "%s is not complete", traces[i]);
    ck_assert_int_eq(e2e_int(info, "lost"), 0);
    ck_assert_int_eq(e2e_int(info, "damage.bad_chunks") + e2e_int(info, "damage.bad_records"), 0);
    *sum += e2e_int(info, path);
    json_decref(info);
  }
  e2e_traces_free(traces);
  return count;
}
