/*
 * Signal handlers that come in at any instruction of the library, and do what handlers do: return, allocate, fork,
 * leave by longjmp, end the process.  In one program after the other at chosen instructions (stepped), in another at
 * moments that timers choose (interrupted).  No process hangs, and each ends with the status that it would have
 * without the library.
 *
 * E2E_INTERRUPTED=SECONDS has the timers run for so long in each of their modes, and a share of the instructions that
 * takes about as long; 600 for a night.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "e2e.h"

/* As tests/progs/stepped.c names them. */
static const char *const calls[] = {
    "malloc",  "malloc_first", "malloc_large", "malloc_huge", "calloc", "aligned",  "free", "free_large",  "free_huge",
    "realloc", "usable",       "mmap",         "mremap",      "munmap", "mprotect", "sbrk", "thread",      "dlopen",
    "fork",    "name",         "mark",         "trim",        "info",   "exec",     "end",  "end_in_order"};
#define ASSERTED_EACH 4
#define CALLS (int)(sizeof calls / sizeof *calls)

static const struct mode {
  const char *name, *variable;
  bool loads; /* modules, too */
} modes[] = {
    {"with stacks", "VMTRACE_LOG=warn", false},
    {"without stacks", "VMTRACE_STACK=0", true},
    {"without a trace", "VMTRACE_OUT=off", true},
    {"over libc's heap", "VMTRACE_HEAP=next", false},
};
#define MODES (int)(sizeof modes / sizeof *modes)

static unsigned seconds(void)
{
  const char *text = getenv("E2E_INTERRUPTED");
  int count = text ? atoi(text) : 0;

  return count > 0 ? (unsigned)count : 0;
}

/* A place to begin that differs from run to run; it is said when something fails. */
static const char *seed_text(char text[16])
{
  snprintf(text, 16, "%u", (unsigned)time(NULL) % 10007);
  return text;
}

/* An object that is loaded and unloaded again. */
static const char *module(const char *variable, char text[4200])
{
  const char *path = e2e_system_library("libutil.so.1");

  snprintf(text, 4200, "%s=%s", variable, path ? path : "/nonexistent.so");
  return text;
}

static void step_through(const char *library, const char *call, const char *points)
{
  char preload[4200], loaded[4200], seed[16], out[4200];
  struct e2e_result result;

  snprintf(preload, sizeof preload, "STEPPED_PRELOAD=%s", library);
  snprintf(out, sizeof out, "VMTRACE_OUT=%s/%%p.vmt", e2e_dir());
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("stepped"), points, seed_text(seed), call),
                             .env = E2E_ARGV(preload, out, module("STEPPED_MODULE", loaded))},
          &result);
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 77) {
    e2e_release(&result);
    E2E_SKIP("processes cannot be traced here");
  }
  ck_assert_msg(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 0, "seed %s, status %x: %s%s", seed,
                (unsigned)result.status, result.out, result.err);
  e2e_release(&result);
}

START_TEST(at_an_instruction)
{
  char points[16];

  snprintf(points, sizeof points, "%u", 1 + seconds() / 4);
  step_through(e2e_library(), calls[_i], points);
}
END_TEST

START_TEST(at_an_instruction_with_the_rules_asserted)
{
  step_through(e2e_debug_library(), calls[_i * ASSERTED_EACH], "1");
}
END_TEST

static void run_timers(const char *library, const struct mode *mode)
{
  char loaded[4200], seed[16], time_text[16], out[4200];
  struct e2e_result result;

  module("INTERRUPTED_MODULE", loaded);
  snprintf(time_text, sizeof time_text, "%u", seconds() ? seconds() : 2);
  snprintf(out, sizeof out, "VMTRACE_OUT=%s/%%p.vmt", e2e_dir());
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("interrupted"), time_text, seed_text(seed)),
                             .env = E2E_ARGV(out, mode->variable, mode->loads ? loaded : "INTERRUPTED_MODULE"),
                             .preload = library},
          &result);
  ck_assert_msg(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 0, "%s, seed %s, status %x: %s%s", mode->name,
                seed, (unsigned)result.status, result.out, result.err);
  e2e_release(&result);
}

START_TEST(at_any_moment)
{
  run_timers(e2e_library(), &modes[_i]);
}
END_TEST

START_TEST(at_any_moment_with_the_rules_asserted)
{
  run_timers(e2e_debug_library(), &modes[0]);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("interrupted");
  TCase *steps = e2e_case(suite, "steps", 120 + 30 * (int)seconds());
  TCase *timers = e2e_case(suite, "timers", 120 + 3 * (int)seconds());

  tcase_add_loop_test(steps, at_an_instruction, 0, CALLS);
  tcase_add_loop_test(steps, at_an_instruction_with_the_rules_asserted, 0, (CALLS - 1) / ASSERTED_EACH + 1);
  tcase_add_loop_test(timers, at_any_moment, 0, MODES);
  tcase_add_test(timers, at_any_moment_with_the_rules_asserted);
  return e2e_main(suite);
}
