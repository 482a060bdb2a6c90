/*
 * The main job: copies of mem side by side, each with an int of its own at
 * 0x200000, killed without warning, and the merged report that tells them apart.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "e2e.h"

#define COPIES 10
#define NOBODY 65534

static const unsigned long long TEXTBOOK = 0x200000;

/* Fails unless the output is that of the textbook, as far as it goes: whole lines, at least two numbers. */
static void expect_textbook_output(const struct e2e_result *result)
{
  char line[128];
  const char *at = result->out;
  int numbers = 0;

  snprintf(line, sizeof line, "(%d) address pointed to by p: 0x200000\n", (int)result->pid);
  ck_assert_msg(!strncmp(at, line, strlen(line)), "expected %sgot %.200s%.500s", line, at, result->err);
  for (at += strlen(line); *at; at += strlen(line)) {
    snprintf(line, sizeof line, "(%d) p: %d\n", (int)result->pid, ++numbers);
    ck_assert_msg(!strncmp(at, line, strlen(line)), "expected %sgot %.200s", line, at);
  }
  ck_assert_int_ge(numbers, 2);
}

/* Starts COPIES of spec, kills all with SIGKILL when each has counted to two; results to be released. */
static void run_and_kill(const struct e2e_spec *spec, struct e2e_result *results)
{
  struct e2e_process copies[COPIES];

  for (int i = 0; i < COPIES; i++)
    copies[i] = e2e_start(spec);
  for (int i = 0; i < COPIES; i++)
    e2e_await(&copies[i], ") p: 2\n", 1);
  for (int i = 0; i < COPIES; i++)
    ck_assert_int_eq(kill(copies[i].pid, SIGKILL), 0);
  for (int i = 0; i < COPIES; i++)
    e2e_finish(&copies[i], &results[i]);
}

/* The verdict on the page of 0x200000 over all traces there; with it the frames that the copies had at the end. */
static void expect_verdict(char *const *traces, const char *verdict, bool numbers)
{
  json_t *pages = e2e_json(E2E_ARGV("pages"), traces);
  json_t *page = e2e_page(pages, TEXTBOOK);
  json_t *frames;

  ck_assert_msg(page, "no page 0x200000 in the report");
  ck_assert_str_eq(e2e_str(page, "verdict"), verdict);
  frames = e2e_get(page, "frames");
  ck_assert_int_eq((int)json_array_size(frames), COPIES);
  ck_assert_int_eq((int)json_array_size(e2e_get(pages, "processes")), COPIES);
  ck_assert_int_gt(e2e_int(pages, "overlap_ns"), 1000000000);
  ck_assert_int_ge(e2e_int(e2e_get(pages, "summary"), verdict), 1);
  for (int i = 0; i < COPIES; i++) {
    json_t *frame = json_array_get(frames, (size_t)i);
    const char *pfn = e2e_str(frame, "pfn");

    ck_assert_int_gt(e2e_int(frame, "last_ns"), e2e_int(frame, "first_ns"));
    ck_assert_msg(numbers == (strcmp(pfn, "0x0") != 0), "frame number %s", pfn);
    for (int j = 0; j < i; j++) {
      json_t *other = json_array_get(frames, (size_t)j);

      ck_assert_int_ne(e2e_int(other, "pid"), e2e_int(frame, "pid"));
      ck_assert(!numbers || strcmp(e2e_str(other, "pfn"), pfn) != 0);
    }
  }
  json_decref(pages);
}

static bool pid_is_among(long long pid, const struct e2e_result *results)
{
  for (int i = 0; i < COPIES; i++)
    if (results[i].pid == pid)
      return true;
  return false;
}

/* Every copy left a trace that says everything up to the kill. */
static void expect_complete_traces(char *const *traces, const struct e2e_result *results)
{
  for (int i = 0; i < COPIES; i++) {
    char *const one[] = {traces[i], NULL};
    json_t *info = e2e_json(E2E_ARGV("info"), one);

    ck_assert_msg(pid_is_among(e2e_int(info, "pid"), results), "%s has pid %lld", traces[i], e2e_int(info, "pid"));
    ck_assert_str_eq(e2e_str(info, "ended"), "unknown");
    ck_assert(json_is_true(e2e_get(info, "complete")));
    ck_assert(json_is_true(e2e_get(info, "deterministic")));
    ck_assert_int_eq(e2e_int(info, "lost"), 0);
    ck_assert_int_ge(e2e_int(info, "events.alloc"), 1);
    json_decref(info);
  }
}

static void kill_ten(const struct e2e_spec *spec, bool privileged)
{
  struct e2e_result results[COPIES];
  size_t count;
  char **traces;

  run_and_kill(spec, results);
  for (int i = 0; i < COPIES; i++)
    expect_textbook_output(&results[i]);
  traces = e2e_traces(e2e_dir(), &count);
  ck_assert_uint_eq(count, COPIES);
  expect_complete_traces(traces, results);
  expect_verdict(traces, privileged ? "private" : "exclusive", privileged);
  e2e_traces_free(traces);
  for (int i = 0; i < COPIES; i++)
    e2e_release(&results[i]);
}

START_TEST(ten_copies_killed)
{
  kill_ten(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("mem")), .preload = e2e_library()}, geteuid() == 0);
}
END_TEST

/* Without frame numbers the exclusive bit is the proof. */
START_TEST(ten_copies_of_an_ordinary_user)
{
  E2E_NEED_ROOT(); /* an ordinary user has seen it in ten_copies_killed */
  kill_ten(&(struct e2e_spec){.argv = E2E_ARGV(e2e_copy(e2e_prog("mem"))),
                              .preload = e2e_copy(e2e_library()),
                              .uid = NOBODY},
           false);
}
END_TEST

/* Runs mem to the end of a count and looks at the address that it prints. */
static void expect_address(struct e2e_spec spec)
{
  const char *const *usual = E2E_ARGV(e2e_prog("mem"), "0");
  struct e2e_result result;
  char line[128];

  if (!spec.argv)
    spec.argv = usual;
  if (!spec.preload)
    spec.preload = e2e_library();
  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  snprintf(line, sizeof line, "(%d) address pointed to by p: 0x200000\n", (int)result.pid);
  ck_assert_str_eq(result.out, line);
  ck_assert_str_eq(result.err, "");
  e2e_release(&result);
}

START_TEST(any_directory)
{
  expect_address((struct e2e_spec){.cwd = "/"});
  expect_address((struct e2e_spec){.cwd = "/usr/lib"});
  expect_address((struct e2e_spec){.cwd = e2e_top(), .argv = E2E_ARGV("./mem", "0"), .preload = "./libvmtrace.so"});
}
END_TEST

START_TEST(any_environment)
{
  char out[4200];
  char *big[301];

  snprintf(out, sizeof out, "VMTRACE_OUT=%s/%%p.vmt", e2e_dir());
  for (int i = 0; i < 299; i++)
    ck_assert_int_gt(asprintf(&big[i], "VARIABLE_%d=%0*d", i, 10 * i + 1, i), 0);
  big[299] = out;
  big[300] = NULL;
  expect_address((struct e2e_spec){.env = (const char *const *)big});
  expect_address((struct e2e_spec){.bare = true});
  expect_address((struct e2e_spec){.env = E2E_ARGV("VMTRACE_OUT=off")});
  expect_address((struct e2e_spec){.env = E2E_ARGV("VMTRACE_STACK=0", "VMTRACE_SAMPLE_MS=0")});
  expect_address((struct e2e_spec){.env = E2E_ARGV("VMTRACE_SAMPLE_MS=1", "VMTRACE_WATCH=0x200000:int")});
  expect_address((struct e2e_spec){.env = E2E_ARGV("MALLOC_ARENA_MAX=1", "LD_BIND_NOW=1", "LC_ALL=C")});
}
END_TEST

/* One line says so, and the program runs on with the default. */
START_TEST(wrong_value)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("mem"), "0"),
                             .env = E2E_ARGV("VMTRACE_HEAP=pinned"),
                             .preload = e2e_library()},
          &result);
  e2e_expect_exit(&result, 0);
  ck_assert_ptr_nonnull(strstr(result.out, "p: 0x200000\n"));
  ck_assert_ptr_nonnull(strstr(result.err, "VMTRACE_HEAP"));
  ck_assert_ptr_nonnull(strstr(result.err, "pin or next"));
  ck_assert_ptr_eq(strchr(result.err, '\n'), result.err + result.err_len - 1);
  e2e_release(&result);
}
END_TEST

START_TEST(without_pie)
{
  expect_address((struct e2e_spec){.argv = E2E_ARGV(e2e_prog("mem-nopie"), "0")});
}
END_TEST

static void limit_memory(const void *arg)
{
  const struct rlimit limit = {4000000ul * 1024, 4000000ul * 1024}; /* ulimit -v 4000000 */

  (void)arg;
  if (setrlimit(RLIMIT_AS, &limit))
    _exit(126);
}

START_TEST(limited_memory)
{
  expect_address((struct e2e_spec){.prepare = limit_memory});
}
END_TEST

/* The same page in two processes that never lived at the same time. */
START_TEST(one_after_the_other)
{
  const struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("mem"), "1"), .preload = e2e_library()};
  struct e2e_result result;
  const char *verdict;
  char **traces;
  json_t *pages;

  for (int i = 0; i < 2; i++) {
    e2e_run(&spec, &result);
    e2e_expect_exit(&result, 0);
    e2e_release(&result);
  }
  traces = e2e_traces(e2e_dir(), NULL);
  pages = e2e_json(E2E_ARGV("pages"), traces);
  ck_assert_int_eq(e2e_int(pages, "overlap_ns"), 0);
  verdict = e2e_str(e2e_page(pages, TEXTBOOK), "verdict");
  ck_assert_msg(!strcmp(verdict, "exclusive"), "%s claims something about processes that never met", verdict);
  ck_assert_ptr_null(json_object_get(e2e_get(pages, "summary"), "private"));
  json_decref(pages);
  e2e_traces_free(traces);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("mem");
  TCase *tcase = e2e_case(suite, "mem", 120);

  tcase_add_test(tcase, ten_copies_killed);
  tcase_add_test(tcase, ten_copies_of_an_ordinary_user);
  tcase_add_test(tcase, any_directory);
  tcase_add_test(tcase, any_environment);
  tcase_add_test(tcase, wrong_value);
  tcase_add_test(tcase, without_pie);
  tcase_add_test(tcase, limited_memory);
  tcase_add_test(tcase, one_after_the_other);
  return e2e_main(suite);
}
