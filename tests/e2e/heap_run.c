/*
 * Programs traced for `vmtrace heap`, see heap_run.h.  Called by the tests of that command.
 */
#include "heap_run.h"

#include <stdio.h>
#include <unistd.h>

const char *heap_analyzer(void)
{
  static char path[4096];

  snprintf(path, sizeof path, "%s/vmtrace", e2e_top());
  return path;
}

struct e2e_result heap_run(const char *const *argv, int status)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = argv}, &result);
  e2e_expect_exit(&result, status);
  return result;
}

struct e2e_result heap_run_trace(const char *path, const char *const *argv)
{
  char out[4200];
  struct e2e_result result;

  snprintf(out, sizeof out, "VMTRACE_OUT=%s", path);
  e2e_run(&(struct e2e_spec){.argv = argv, .preload = e2e_library(), .env = E2E_ARGV(out)}, &result);
  e2e_expect_exit(&result, 0);
  return result;
}

json_t *heap_report(const char *path, const char *at, const char *option)
{
  return e2e_json(E2E_ARGV("heap", at, option), (char *const[]){(char *)path, NULL});
}

bool heap_can_sample(void)
{
  return access("/proc/self/pagemap", R_OK) == 0;
}
