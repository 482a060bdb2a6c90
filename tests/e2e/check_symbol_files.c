/*
 * Which files `vmtrace heap` opens for names, and which it does not: FIFOs,
 * other roots, servers; what is said when names are not to be had.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heap_run.h"

static const char source[] = "#include <stdlib.h>\n"
                             "__attribute__((noinline)) void *pool_get(int n) { return malloc(n); }\n"
                             "int main(void)\n"
                             "{\n"
                             "  for (int i = 0; i < 50; i++)\n"
                             "    free(pool_get(i));\n"
                             "}\n";

static bool shell(const char *command)
{
  char *line;
  bool good;

  ck_assert_int_gt(asprintf(&line, "cd %s && { %s; } >build.log 2>&1", e2e_dir(), command), 0);
  good = system(line) == 0;
  free(line);
  return good;
}

/* Builds prog with these flags and traces it; the trace, NULL where there is no compiler. */
static const char *trace_prog(const char *flags)
{
  const char *trace = e2e_path("prog.vmt"), *prog = e2e_path("prog"), *text = e2e_path("prog.c");
  FILE *f = fopen(text, "w");
  char command[256];

  ck_assert_ptr_nonnull(f);
  ck_assert_int_ge(fputs(source, f), 0);
  ck_assert_int_eq(fclose(f), 0);
  snprintf(command, sizeof command,
           "rm -f prog prog.vmt && ${CC:-cc} -O1 -fno-builtin -fno-optimize-sibling-calls %s prog.c -o prog", flags);
  if (!shell(command))
    return NULL;
  TRACE(trace, prog);
  return trace;
}

/* Folded stacks of the trace, with one more option; what was said on stderr is in *said.  Both to be freed. */
static char *folded(const char *trace, const char *option, char **said)
{
  struct e2e_result result = RUN(0, heap_analyzer(), "heap", "--format=folded", "--weight=allocations", option, trace);
  char *out = strdup(result.out);

  ck_assert_ptr_nonnull(out);
  *said = strdup(result.err);
  ck_assert_ptr_nonnull(*said);
  e2e_release(&result);
  return out;
}

/* The report, with option, has part in it (out), and part in what it says (err); NULL: whatever.  */
static void expect_report(const char *trace, const char *option, const char *out, const char *err)
{
  char *said, *stacks = folded(trace, option, &said);

  if (out)
    ck_assert_msg(strstr(stacks, out) != NULL, "%s: no '%s' in\n%s\n%s", option, out, stacks, said);
  if (err)
    ck_assert_msg(strstr(said, err) != NULL, "%s: no '%s' in\n%s", option, err, said);
  free(stacks);
  free(said);
}

static void put_fifo(const char *name)
{
  const char *path = e2e_path("%s", name);

  unlink(path);
  ck_assert_int_eq(mkfifo(path, 0600), 0);
}

/* Nobody writes into these: who opens one to read hangs. */
START_TEST(fifos_are_not_opened)
{
  const char *trace = trace_prog("-g");

  if (!trace)
    E2E_SKIP("needs a C compiler");
  put_fifo("prog");
  expect_report(trace, "--top=1", "prog+0x", "it is not a regular file");

  trace = trace_prog("-g");
  ck_assert(
      shell("objcopy --only-keep-debug prog prog.debug && strip prog && objcopy --add-gnu-debuglink=prog.debug prog"));
  expect_report(trace, "--top=1", "main;pool_get", NULL);
  put_fifo("prog.debug");
  expect_report(trace, "--top=1", "prog+0x", NULL);
  ck_assert(shell("mkdir -p .debug"));
  put_fifo(".debug/prog.debug");
  expect_report(trace, "--top=1", "prog+0x", NULL);

  trace = trace_prog("-g -gsplit-dwarf");
  put_fifo("prog.dwp");
  ck_assert(shell("for f in *.dwo; do rm $f && mkfifo $f; done"));
  expect_report(trace, "--top=1", "main;pool_get", "is not here");
}
END_TEST

/* A second debug file, which several programs share: as it is, as a FIFO, and missing. */
START_TEST(second_debug_files)
{
  const char *trace = trace_prog("-g");

  if (!trace || !e2e_has("dwz"))
    E2E_SKIP("needs a C compiler and dwz");
  ck_assert(shell("cp prog other && cp prog third && dwz -m common.dwz -M common.dwz prog other third && rm prog.vmt"));
  TRACE(trace, e2e_path("prog"));
  expect_report(trace, "--top=1", "main;pool_get", NULL);
  ck_assert(shell("mv common.dwz kept"));
  put_fifo("common.dwz");
  expect_report(trace, "--top=1", "main", NULL);
  ck_assert_int_eq(unlink(e2e_path("common.dwz")), 0);
  expect_report(trace, "--top=1", "main", NULL);
}
END_TEST

/* A link to a device is no file either. */
START_TEST(devices_are_not_opened)
{
  const char *trace = trace_prog("-g"), *prog = e2e_path("prog");

  if (!trace)
    E2E_SKIP("needs a C compiler");
  ck_assert_int_eq(unlink(prog), 0);
  ck_assert_int_eq(symlink("/dev/zero", prog), 0);
  expect_report(trace, "--top=1", "prog+0x", "it is not a regular file");
  ck_assert_int_eq(unlink(prog), 0);
  ck_assert_int_eq(symlink("/proc/kmsg", prog), 0);
  expect_report(trace, "--top=1", "prog+0x", "no symbols from this file");
}
END_TEST

START_TEST(names_from_another_root)
{
  const char *trace = trace_prog("-g");
  char option[512], command[1024];

  if (!trace)
    E2E_SKIP("needs a C compiler");
  snprintf(option, sizeof option, "--sysroot=%s", e2e_path("root"));
  snprintf(command, sizeof command, "mkdir -p root%s && cp prog kept && mv prog root%s/prog", e2e_dir(), e2e_dir());
  ck_assert(shell(command));
  expect_report(trace, "--top=1", "prog+0x", "it cannot be opened here");
  expect_report(trace, option, "main;pool_get", NULL);
  /* Links are followed, and the root is "/" to them. */
  snprintf(command, sizeof command, "cd root%s && mv prog real && ln -s %s/real prog", e2e_dir(), e2e_dir());
  ck_assert(shell(command));
  expect_report(trace, option, "main;pool_get", NULL);
  snprintf(command, sizeof command, "cd root%s && ln -sf ../../../../../../../../..%s/kept prog", e2e_dir(), e2e_dir());
  ck_assert(shell(command));
  expect_report(trace, option, "prog+0x", "it cannot be opened here");
}
END_TEST

START_TEST(no_file_is_opened_at_all)
{
  const char *trace = trace_prog("-g");

  if (!trace)
    E2E_SKIP("needs a C compiler");
  expect_report(trace, "--no-symbols", "libc.so.6+0x", NULL);
  expect_report(trace, "--no-symbols", "prog+0x", NULL);
}
END_TEST

/* The site is who called a function that the user calls a wrapper. */
START_TEST(wrappers_are_skipped)
{
  const char *trace = trace_prog("-g");
  struct e2e_result result;

  if (!trace)
    E2E_SKIP("needs a C compiler");
  result = RUN(0, heap_analyzer(), "heap", trace);
  ck_assert_msg(strstr(result.out, "pool_get (prog.c:2) in prog") != NULL, "%s", result.out);
  e2e_release(&result);
  result = RUN(0, heap_analyzer(), "heap", "--skip=^nothing$", "--skip=^pool_", trace);
  ck_assert_msg(strstr(result.out, "main (prog.c:6) in prog") && !strstr(result.out, "pool_get"), "%s", result.out);
  e2e_release(&result);
  result = RUN(2, heap_analyzer(), "heap", "--skip=(", trace);
  e2e_release(&result);
}
END_TEST

/* A server that has the debug file of the build, and one that never answers. */
START_TEST(debug_files_from_a_server)
{
  static const char serve[] = "import http.server, os, sys, time\n"
                              "class Handler(http.server.BaseHTTPRequestHandler):\n"
                              "  def do_GET(self):\n"
                              "    open('asked', 'a').write(self.path + '\\n')\n"
                              "    if os.path.exists('silent'):\n"
                              "      time.sleep(1000)\n"
                              "    if self.path != '/buildid/' + open('id').read().strip() + '/debuginfo':\n"
                              "      self.send_error(404)\n"
                              "      return\n"
                              "    data = open('kept.debug', 'rb').read()\n"
                              "    self.send_response(200)\n"
                              "    self.send_header('Content-Length', str(len(data)))\n"
                              "    self.end_headers()\n"
                              "    self.wfile.write(data)\n"
                              "  def log_message(self, *args):\n"
                              "    pass\n"
                              "server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)\n"
                              "print(server.server_port, flush=True)\n"
                              "server.serve_forever()\n";
  const char *trace = trace_prog("-g");
  struct e2e_process server;
  char *port, url[128], cache[512];

  if (!trace || !e2e_has("/usr/bin/python3") || !e2e_system_library("libdebuginfod.so.1"))
    E2E_SKIP("needs a C compiler, python3 and libdebuginfod1");
  ck_assert(shell("objcopy --only-keep-debug prog kept.debug && strip prog && "
                  "readelf -n prog | sed -n 's/.*Build ID: //p' >id"));
  server = e2e_start(&(struct e2e_spec){.argv = E2E_ARGV("/usr/bin/python3", "-c", serve), .cwd = e2e_dir()});
  e2e_await(&server, "\n", 1);
  port = e2e_output(&server);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", atoi(port));
  free(port);
  snprintf(cache, sizeof cache, "%s", e2e_path("cache"));
  setenv("DEBUGINFOD_URLS", url, 1);
  setenv("DEBUGINFOD_CACHE_PATH", cache, 1);
  expect_report(trace, "--no-debuginfod", "prog+0x", NULL);
  ck_assert_int_ne(access(e2e_path("asked"), F_OK), 0);
  expect_report(trace, "--top=1", "main;pool_get", NULL);
  ck_assert_int_eq(access(e2e_path("asked"), F_OK), 0);
  /* Nobody waits for a server that does not answer. */
  ck_assert(shell("rm -rf cache && touch silent"));
  expect_report(trace, "--top=1", "prog+0x", "does not answer");
  kill(server.pid, SIGKILL);
}
END_TEST

START_TEST(malloc_is_the_program_s_own)
{
  const char *trace = e2e_path("own.vmt");
  json_t *report, *info;
  struct e2e_result result;

  TRACE(trace, e2e_prog("own_malloc"));
  report = heap_report(trace, "--at=end", NULL);
  ck_assert_str_eq(e2e_str(json_array_get(e2e_get(report, "processes"), 0), "own_malloc"), e2e_prog("own_malloc"));
  json_decref(report);
  info = e2e_json(E2E_ARGV("info"), (char *const[]){(char *)trace, NULL});
  ck_assert(json_is_false(e2e_get(info, "complete")));
  json_decref(info);
  result = RUN(0, heap_analyzer(), "heap", trace);
  ck_assert_msg(strstr(result.out, "what that serves is not seen") != NULL, "%s", result.out);
  e2e_release(&result);
  result = RUN(0, heap_analyzer(), "run", "-o", e2e_path("run"), "--", e2e_prog("own_malloc"));
  ck_assert_msg(strstr(result.err, "what that serves is not in the trace") != NULL, "%s", result.err);
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("symbol files");
  TCase *tc = e2e_case(suite, "opened", 60);

  tcase_add_test(tc, fifos_are_not_opened);
  tcase_add_test(tc, second_debug_files);
  tcase_add_test(tc, devices_are_not_opened);
  tcase_add_test(tc, names_from_another_root);
  tcase_add_test(tc, no_file_is_opened_at_all);
  tcase_add_test(tc, wrappers_are_skipped);
  tcase_add_test(tc, debug_files_from_a_server);
  tcase_add_test(tc, malloc_is_the_program_s_own);
  return e2e_main(suite);
}
