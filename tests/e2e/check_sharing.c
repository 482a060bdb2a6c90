/*
 * What the merged report may say about pages that processes have in common, and
 * about those that only look like it.  The program sharing has one page of each kind.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e.h"

#define NOBODY 65534

static const char *shared_file(void)
{
  const char *path = e2e_path("shared");
  FILE *file = fopen(path, "we");

  ck_assert_ptr_nonnull(file);
  ck_assert(!ftruncate(fileno(file), 65536) && !fchmod(fileno(file), 0666));
  fclose(file);
  return path;
}

/* The address that the program printed for that kind of page. */
static unsigned long long address(const char *out, const char *kind)
{
  char start[32];
  const char *line;

  snprintf(start, sizeof start, "\n%s 0x", kind);
  line = !strncmp(out, start + 1, strlen(start + 1)) ? out - 1 : strstr(out, start);
  ck_assert_msg(line, "no page called %s in\n%s", kind, out);
  return strtoull(line + strlen(start) - 2, NULL, 16);
}

static const char *verdict(const json_t *pages, unsigned long long at)
{
  json_t *page = e2e_page(pages, at);

  return page ? e2e_str(page, "verdict") : "no such page";
}

static void expect(const json_t *pages, const char *out, const char *kind, const char *expected)
{
  const char *found = verdict(pages, address(out, kind));

  ck_assert_msg(!strcmp(found, expected), "the page called %s is %s, not %s", kind, found, expected);
}

/* Runs count copies of sharing (with fork, if mode says so; as a user who sees no frame numbers, if hidden) until all
 * was seen; reports on all their traces. */
static json_t *report(const char *mode, int count, bool hidden, struct e2e_result *results)
{
  const char *prog = e2e_prog("sharing"), *library = e2e_library();
  const struct e2e_spec spec = {.argv = E2E_ARGV(hidden ? e2e_copy(prog) : prog, shared_file(), mode),
                                .env = E2E_ARGV("VMTRACE_SAMPLE_MS=20", "VMTRACE_STACK=0"),
                                .preload = hidden ? e2e_copy(library) : library,
                                .uid = hidden && geteuid() == 0 ? NOBODY : 0};
  struct e2e_process processes[2];
  size_t traced;
  char **traces;
  json_t *pages;

  for (int i = 0; i < count; i++)
    processes[i] = e2e_start(&spec);
  for (int i = 0; i < count; i++)
    e2e_await(&processes[i], "ready\n", mode ? 2 : 1);
  traces = e2e_traces(e2e_dir(), &traced);
  ck_assert_uint_eq(traced, (size_t)count * (mode ? 2 : 1));
  e2e_await_samples(traces, 3);
  for (int i = 0; i < count; i++)
    kill(processes[i].pid, SIGTERM);
  for (int i = 0; i < count; i++) {
    e2e_finish(&processes[i], &results[i]);
    e2e_expect_exit(&results[i], 0);
    ck_assert_str_eq(results[i].err, "");
  }
  pages = e2e_json(E2E_ARGV("pages"), traces);
  e2e_traces_free(traces);
  return pages;
}

START_TEST(two_strangers)
{
  struct e2e_result results[2];
  json_t *pages;

  E2E_NEED_ROOT(); /* frame numbers */
  pages = report(NULL, 2, false, results);
  for (int i = 0; i < 2; i++) {
    expect(pages, results[i].out, "private", "private");
    expect(pages, results[i].out, "memory", "shared-memory");
    expect(pages, results[i].out, "file", "shared-file"); /* at another address in each */
    expect(pages, results[i].out, "zero", "zero");
    expect(pages, results[i].out, "absent", "no such page");
  }
  ck_assert_int_gt(e2e_int(pages, "overlap_ns"), 0);
  json_decref(pages);
  e2e_release(&results[0]);
  e2e_release(&results[1]);
}
END_TEST

START_TEST(parent_and_child)
{
  struct e2e_result result;
  json_t *pages;

  E2E_NEED_ROOT();
  pages = report("fork", 1, false, &result);
  expect(pages, result.out, "cow", "shared-cow");
  expect(pages, result.out, "broken", "private");
  expect(pages, result.out, "anon", "shared-memory");
  expect(pages, result.out, "memory", "shared-memory");
  expect(pages, result.out, "file", "shared-file");
  expect(pages, result.out, "zero", "zero");
  expect(pages, result.out, "absent", "no such page");
  json_decref(pages);
  e2e_release(&result);
}
END_TEST

/* Frame numbers cannot be seen: nothing may be called shared by them, and what bit 56 proves is still said. */
START_TEST(numbers_hidden)
{
  struct e2e_result result;
  const char *found;
  json_t *pages;

  pages = report("fork", 1, true, &result);
  expect(pages, result.out, "broken", "exclusive");
  found = verdict(pages, address(result.out, "cow"));
  ck_assert_msg(!strcmp(found, "unknown"), "without frame numbers the page called cow is %s", found);
  json_decref(pages);
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("sharing");
  TCase *tcase = e2e_case(suite, "sharing", 120);

  tcase_add_test(tcase, two_strangers);
  tcase_add_test(tcase, parent_and_child);
  tcase_add_test(tcase, numbers_hidden);
  return e2e_main(suite);
}
