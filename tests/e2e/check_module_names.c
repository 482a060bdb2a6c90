/*
 * What modules are called, and whether their files are still those that were
 * traced: links, the loader, memory, deleted and rebuilt files, code of JIT compilers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap_run.h"

static bool shell(const char *command)
{
  char *line;
  bool good;

  ck_assert_int_gt(asprintf(&line, "cd %s && { %s; } >build.log 2>&1", e2e_dir(), command), 0);
  good = system(line) == 0;
  free(line);
  return good;
}

/* A program whose function get allocates most; false: there is no compiler. */
static bool build_prog(const char *flags, const char *more)
{
  char command[512];

  snprintf(command, sizeof command,
           "printf '#include <stdlib.h>\\n%s__attribute__((noinline)) void *get(int n) { return malloc(n); }\\n"
           "int main(void) { for (int i = 0; i < 50; i++) free(get(i)); }\\n' >prog.c && "
           "${CC:-cc} -O1 -fno-builtin -fno-optimize-sibling-calls -g %s prog.c -o prog",
           more, flags);
  return shell(command);
}

/* The report about the trace has part in it, with an option; and said on stderr, unless NULL. */
static void expect_heap(const char *trace, const char *option, const char *part, const char *said)
{
  struct e2e_result result = RUN(0, heap_analyzer(), "heap", option, trace);

  ck_assert_msg(strstr(result.out, part) != NULL, "no '%s' in\n%s%s", part, result.out, result.err);
  if (said)
    ck_assert_msg(strstr(result.err, said) != NULL, "no '%s' in\n%s", said, result.err);
  else
    ck_assert_msg(!*result.err, "%s", result.err);
  e2e_release(&result);
}

/* Runs it under the library in e2e_dir(); what it printed is to be freed, *status is its exit status.  Its trace is at
 * trace, or, if that is NULL, one of those in e2e_dir(). */
static char *run_there(const char *const *argv, const char *trace, int *status)
{
  char out[512];
  struct e2e_result result;
  char *printed;

  snprintf(out, sizeof out, "VMTRACE_OUT=%s", trace ? trace : e2e_path("%%e.%%p.vmt"));
  e2e_run(&(struct e2e_spec){.argv = argv, .preload = e2e_library(), .cwd = e2e_dir(), .env = E2E_ARGV(out)}, &result);
  ck_assert(WIFEXITED(result.status));
  *status = WEXITSTATUS(result.status);
  printed = strndup(result.out, strcspn(result.out, "\n"));
  ck_assert_ptr_nonnull(printed);
  e2e_release(&result);
  return printed;
}

/* A program is called what it was started as, whether that is a link or the file. */
START_TEST(started_by_a_link)
{
  const char *trace = e2e_path("a.vmt"), *other = e2e_path("b.vmt");

  if (!build_prog("", ""))
    E2E_SKIP("needs a C compiler");
  ck_assert(shell("ln -s prog linked && mkdir below && ln -s ../linked below/further"));
  TRACE(trace, e2e_path("below/further"));
  expect_heap(trace, "--top=1", "get (prog.c:2) in further\n", NULL);
  TRACE(other, e2e_path("prog"));
  expect_heap(other, "--top=1", "get (prog.c:2) in prog\n", NULL);
}
END_TEST

/* A script's name is not its interpreter's. */
START_TEST(started_by_a_script)
{
  const char *trace = e2e_path("a.vmt");
  char command[512];

  if (!build_prog("", ""))
    E2E_SKIP("needs a C compiler");
  snprintf(command, sizeof command, "printf '#!%s\\n' >script && chmod +x script", e2e_path("prog"));
  ck_assert(shell(command));
  TRACE(trace, e2e_path("script"));
  expect_heap(trace, "--top=1", "get (prog.c:2) in prog\n", NULL);
}
END_TEST

/* The executable is the program, not the loader that was told to run it. */
START_TEST(started_by_the_loader)
{
  static const char *const loaders[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"};
  const char *loader = !access(loaders[0], X_OK) ? loaders[0] : loaders[1], *trace = e2e_path("a.vmt");
  struct e2e_result result;
  json_t *info;
  int status;

  if (!build_prog("", "") || access(loader, X_OK) < 0)
    E2E_SKIP("needs a C compiler and glibc's loader in its usual place");
  free(run_there(E2E_ARGV(loader, "./prog"), trace, &status));
  ck_assert_int_eq(status, 0);
  expect_heap(trace, "--top=1", "get (prog.c:2) in prog\n", NULL);
  info = e2e_json(E2E_ARGV("info"), (char *const[]){(char *)trace, NULL});
  ck_assert_str_eq(e2e_str(info, "exe"), e2e_path("prog"));
  json_decref(info);
  result = RUN(0, heap_analyzer(), "run", "-o", e2e_path("run"), "--", loader, e2e_path("prog"));
  ck_assert_msg(strstr(result.err, "1 trace\n") != NULL, "%s", result.err);
  e2e_release(&result);
}
END_TEST

/* What has no file any more has names by its build id, where a debug file is. */
START_TEST(memory_and_deleted_files)
{
  const char *memory = NULL, *deleted = e2e_path("deleted.vmt");
  char option[512], **traces;
  size_t count;
  int status;

  if (!build_prog("-Wl,--build-id", ""))
    E2E_SKIP("needs a C compiler");
  free(run_there(E2E_ARGV(e2e_prog("from_memory"), e2e_path("prog")), NULL, &status));
  ck_assert_int_eq(status, 0);
  traces = e2e_traces(e2e_dir(), &count);
  for (size_t i = 0; i < count; i++) {
    if (!strstr(traces[i], "from_memory"))
      memory = traces[i];
  }
  ck_assert_ptr_nonnull(memory);
  TRACE(deleted, e2e_path("prog"));
  ck_assert(shell("id=$(readelf -n prog | sed -n 's/.*Build ID: //p') && mkdir -p debug/.build-id/${id%${id#??}} && "
                  "objcopy --only-keep-debug prog debug/.build-id/${id%${id#??}}/${id#??}.debug && rm prog"));
  snprintf(option, sizeof option, "--debug-root=%s", e2e_path("debug"));
  expect_heap(memory, option, "get (prog.c:2) in memfd:kept_in_memory\n", NULL);
  e2e_traces_free(traces);
  expect_heap(deleted, option, "get (prog.c:2) in prog\n", NULL);
  expect_heap(deleted, "--top=1", "prog+0x", "no symbols from this file: it cannot be opened here");
}
END_TEST

/* Without a build id only size and time can tell; with one another build is not used. */
START_TEST(rebuilt_since)
{
  const char *trace = e2e_path("a.vmt"), *other = e2e_path("b.vmt");

  if (!build_prog("-Wl,--build-id=none", ""))
    E2E_SKIP("needs a C compiler");
  TRACE(trace, e2e_path("prog"));
  expect_heap(trace, "--top=1", "get (prog.c:2) in prog\n", NULL);
  ck_assert(build_prog("-Wl,--build-id=none", "int more(int n) { return n; }\\n"));
  expect_heap(trace, "--top=1", "in all", "prog: changed since the trace was made: names from it may be wrong");
  ck_assert(build_prog("-Wl,--build-id", ""));
  TRACE(other, e2e_path("prog"));
  /* A copy is another file with the same build. */
  ck_assert(shell("cp prog copy && sleep 0.05 && mv copy prog"));
  expect_heap(other, "--top=1", "get (prog.c:2) in prog\n", NULL);
  ck_assert(build_prog("-Wl,--build-id", "int more(int n) { return n; }\\n"));
  expect_heap(other, "--top=1", "prog+0x", "it is another build than the one that was traced");
}
END_TEST

/* Code of a JIT compiler: of two names for an address the later one is in force. */
START_TEST(code_made_while_it_ran)
{
  const char *trace = e2e_path("jit.vmt");
  char command[512], *map;
  int status;

  map = run_there(E2E_ARGV(e2e_prog("jit"), "map"), trace, &status);
  if (status == 77)
    E2E_SKIP("is for x86-64");
  ck_assert_int_eq(status, 0);
  expect_heap(trace, "--all", "JS:*makeThings /srv/things.js:12:3 in JIT code\n", NULL);
  expect_heap(trace, "--no-symbols", "jit+0x", NULL);
  /* Of somebody else, of an earlier process of that number, or no file: not used. */
  snprintf(command, sizeof command, "touch -d '2001-01-01' %s", map);
  ck_assert(shell(command));
  expect_heap(trace, "--all", "0x", "it is older than the process");
  if (geteuid() == 0) {
    snprintf(command, sizeof command, "touch %s && chown 12345 %s", map, map);
    ck_assert(shell(command));
    expect_heap(trace, "--all", "0x", "it belongs to neither the process's user nor to you");
  }
  ck_assert_int_eq(unlink(map), 0);
  ck_assert_int_eq(mkfifo(map, 0600), 0);
  expect_heap(trace, "--all", "0x", "it is not a regular file");
  ck_assert_int_eq(unlink(map), 0);
  free(map);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("module names");
  TCase *tc = e2e_case(suite, "names", 60);

  tcase_add_test(tc, started_by_a_link);
  tcase_add_test(tc, started_by_a_script);
  tcase_add_test(tc, started_by_the_loader);
  tcase_add_test(tc, memory_and_deleted_files);
  tcase_add_test(tc, rebuilt_since);
  tcase_add_test(tc, code_made_while_it_ran);
  return e2e_main(suite);
}
