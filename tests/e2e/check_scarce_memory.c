/*
 * The analyzer with too little memory: every command under an address space
 * limit, from hardly enough to start up to enough.  It gives the whole right
 * answer, or one line and exit code 3: never a shorter report.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "e2e.h"

#define STEP ((rlim_t)832 << 10)
#define MOST ((rlim_t)4 << 30)

static void limit_memory(const void *arg)
{
  const struct rlimit limit = {*(const rlim_t *)arg, *(const rlim_t *)arg};

  if (setrlimit(RLIMIT_AS, &limit) < 0)
    _exit(99);
}

static void under(rlim_t limit, const char *const *argv, struct e2e_result *result)
{
  e2e_run(&(struct e2e_spec){.argv = argv, .prepare = limit_memory, .arg = &limit}, result);
}

/* The loader itself needs memory for the program's libraries; below this limit, what is said is its own. */
static rlim_t least_to_start(void)
{
  for (rlim_t limit = STEP;; limit += STEP) {
    struct e2e_result result;
    bool started;

    under(limit, E2E_ARGV(e2e_analyzer(), "--version"), &result);
    started = WIFEXITED(result.status) && (WEXITSTATUS(result.status) == 0 || WEXITSTATUS(result.status) == 3);
    e2e_release(&result);
    if (started)
      return limit;
    ck_assert_uint_lt(limit, MOST);
  }
}

static void expect_one_line(const struct e2e_result *result, rlim_t limit)
{
  const char *end = strchr(result->err, '\n');

  ck_assert_msg(WIFEXITED(result->status) && WEXITSTATUS(result->status) == 3, "limit %lu KiB: status %#x, %s",
                (unsigned long)(limit >> 10), (unsigned)result->status, result->err);
  ck_assert_msg(!strncmp(result->err, "vmtrace: out of memory", 22) && end && !end[1],
                "limit %lu KiB: stderr is \"%s\"", (unsigned long)(limit >> 10), result->err);
}

/* All limits up to the first at which the command has enough, then some above it. */
static void sweep(const char *const *argv)
{
  struct e2e_result whole;
  rlim_t limit = least_to_start();
  int refused = 0;

  e2e_run(&(struct e2e_spec){.argv = argv}, &whole);
  ck_assert(WIFEXITED(whole.status));
  for (int enough = 0; enough < 4;) {
    struct e2e_result result;

    under(limit, argv, &result);
    if (result.status == whole.status) {
      ck_assert_msg(result.out_len == whole.out_len && !memcmp(result.out, whole.out, whole.out_len),
                    "%s: under %lu KiB another answer", argv[1], (unsigned long)(limit >> 10));
      enough++;
    } else {
      expect_one_line(&result, limit);
      enough = 0;
      refused++;
    }
    e2e_release(&result);
    limit += enough ? limit / 4 : STEP;
    ck_assert_uint_lt(limit, MOST);
  }
  ck_assert_int_gt(refused, 0);
  e2e_release(&whole);
}

/* Streams that run side by side, each with a window of its own, and a table of live blocks. */
static const char *trace_of(const char *const *argv)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = argv, .preload = e2e_library()}, &result);
  ck_assert(WIFEXITED(result.status));
  e2e_release(&result);
  return e2e_only_trace(e2e_dir());
}

static const char *const commands[][3] = {
    {"info", "--format=text"},  {"info", "--format=json"}, {"dump", "--format=text"}, {"pages", "--all"},
    {"pages", "--format=json"}, {"heap", "--format=text"}, {"heap", "--format=json"}, {"heap", "--format=folded"},
    {"heap", "--tree"},         {"pack", "--output"},
};

START_TEST(limits)
{
  const char *const *command = commands[_i];
  const char *path = trace_of(E2E_ARGV(e2e_prog("threads8"), "7", "300"));

  if (!strcmp(command[0], "pack"))
    sweep(E2E_ARGV("sh", "-c", "rm -f packed; exec \"$0\" pack --output=packed \"$1\"", e2e_analyzer(), path));
  else
    sweep(E2E_ARGV(e2e_analyzer(), command[0], command[1], path));
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("scarce memory");
  TCase *test = e2e_case(suite, "limits", 300);

  tcase_add_loop_test(test, limits, 0, sizeof commands / sizeof *commands);
  return e2e_main(suite);
}
