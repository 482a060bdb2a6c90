/*
 * What tests of the life of processes ask of programs and traces.  See life.h;
 * called by check_lifecycle.c and check_exec.c.
 */
#include "life.h"

#include <string.h>

void life_run(const char *name, const char *kind, const char *variable, struct e2e_result *result)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog(name), kind), .env = E2E_ARGV(variable)};
  struct e2e_result plain;

  e2e_run(&spec, &plain);
  spec.preload = e2e_library();
  e2e_run(&spec, result);
  e2e_expect_same(&plain, result, kind);
  ck_assert_str_eq(result->err, "");
  e2e_release(&plain);
}

json_t *life_info(char **traces, long long pid, const char *exe, long long other)
{
  for (char **t = traces; *t; t++) {
    json_t *info = judge_info(*t);
    const char *path = e2e_str(info, "exe"), *name = strrchr(path, '/');

    if (pid ? e2e_int(info, "pid") == pid
            : e2e_int(info, "pid") != other && (!exe || !strcmp(name ? name + 1 : path, exe)))
      return info;
    json_decref(info);
  }
  ck_abort_msg("no trace of process %lld (%s)", pid, exe ? exe : "any");
  return NULL;
}

json_t *life_event(json_t *dump, const char *op, int index)
{
  json_t *event;
  size_t i;

  json_array_foreach(dump, i, event) {
    if (!strcmp(e2e_str(event, "op"), op) && index-- == 0)
      return event;
  }
  return NULL;
}

json_t *life_need_event(json_t *dump, const char *op, int index)
{
  json_t *event = life_event(dump, op, index);

  ck_assert_msg(event, "no %s event number %d", op, index);
  return event;
}
