/*
 * The sums of `vmtrace heap` against the kernel's: within 1% of the resident
 * size that the kernel says at the same moment.  Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "heap_run.h"

static void expect_close(long long a, long long b, const char *what)
{
  long long off = a > b ? a - b : b - a;

  ck_assert_msg(off * 100 <= b, "%s: %lld bytes found, the kernel says %lld", what, a, b);
}

/* The parts add up to the total, and that to what the kernel said then. */
static void expect_sum(const json_t *report, long long rss, const char *what)
{
  const json_t *parts = e2e_get(report, "resident");
  long long total = e2e_int(parts, "total_bytes"), sum = 0;
  const char *key;
  json_t *value;

  json_object_foreach((json_t *)parts, key, value) {
    if (strcmp(key, "total_bytes") != 0 && strcmp(key, "zero_page_bytes") != 0 && strcmp(key, "rss_bytes") != 0)
      sum += json_integer_value(value);
  }
  ck_assert_int_eq(sum, total);
  expect_close(total, rss, what);
  expect_close(e2e_int(parts, "rss_bytes"), rss, what);
}

static bool counts_tracer(void)
{
  struct e2e_result uname = RUN(0, "uname", "-r");
  int major = 0, minor = 0;

  ck_assert_int_eq(sscanf(uname.out, "%d.%d", &major, &minor), 2);
  e2e_release(&uname);
  return major > 6 || (major == 6 && minor >= 16);
}
#define NEED_COUNTS()                                                                                                  \
  do {                                                                                                                 \
    if (!counts_tracer())                                                                                              \
      E2E_SKIP("needs Linux 6.16: PAGEMAP_SCAN, and exact counts in statm");                                           \
  } while (0)

START_TEST(two_gigabytes_a_quarter_touched)
{
  const char *path = e2e_path("quarter.vmt");
  struct e2e_result result;
  json_t *report;

  NEED_COUNTS();
  result = heap_run_trace(path, E2E_ARGV(e2e_prog("quarter"), "2048"));
  report = heap_report(path, "--at=mark:touched", NULL);
  expect_sum(report, atoll(result.out) << 10, "quarter");
  /* The pages at both ends may be shared with the block's neighbours. */
  ck_assert_int_ge(e2e_int(report, "totals.resident_bytes"), 512 << 20);
  ck_assert_int_lt(e2e_int(report, "totals.resident_bytes"), (512 << 20) + (2 << 20));
  ck_assert_int_ge(e2e_int(report, "totals.untouched_bytes"), 1536ll << 20);
  json_decref(report);
  e2e_release(&result);
}
END_TEST

static const char python[] = "import ctypes, re\n"
                             "library = ctypes.CDLL(None)\n"
                             "kept = [str(i) * 3 for i in range(200000)]\n"
                             "library.vmtrace_snapshot(b'full')\n"
                             "text = open('/proc/self/smaps_rollup').read()\n"
                             "print(int(re.search(r'Rss:\\s+(\\d+)', text)[1]))\n";

START_TEST(an_interpreter)
{
  const char *path = e2e_path("python.vmt");
  struct e2e_result result;
  json_t *report;

  NEED_COUNTS();
  if (!e2e_has("/usr/bin/python3"))
    E2E_SKIP("needs python3");
  result = heap_run_trace(path, E2E_ARGV("/usr/bin/python3", "-c", python));
  report = heap_report(path, "--at=mark:full", NULL);
  expect_sum(report, atoll(result.out) << 10, "python3");
  json_decref(report);
  e2e_release(&result);
}
END_TEST

static long long rss_of(pid_t pid)
{
  char path[64], text[4096] = "";
  const char *line;
  FILE *file;

  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
  file = fopen(path, "re");
  ck_assert_ptr_nonnull(file);
  (void)!fread(text, 1, sizeof text - 1, file);
  fclose(file);
  line = strstr(text, "Rss:");
  ck_assert_msg(line, "%s", text);
  return atoll(line + 4) << 10;
}

static long long count_samples(const char *path)
{
  json_t *info = e2e_json(E2E_ARGV("info"), (char *const[]){(char *)path, NULL});
  long long n = e2e_int(info, "events.sample_end");

  json_decref(info);
  return n;
}

/* Until the process was seen twice as it is now. */
static void await_samples(const char *path)
{
  const struct timespec pause = {.tv_nsec = 50000000};
  long long enough = count_samples(path) + 2;

  while (count_samples(path) < enough)
    nanosleep(&pause, NULL);
}

/* A server cannot set marks; when it has nothing to do its latest sample is as good. */
START_TEST(a_server_with_a_million_keys)
{
  const char *path = e2e_path("redis.vmt"), *socket = e2e_path("socket");
  char out[4200];
  struct e2e_process server;
  struct e2e_result result;
  json_t *report;

  NEED_COUNTS();
  if (!e2e_has("redis-server") || !e2e_has("redis-cli"))
    E2E_SKIP("needs redis-server and redis-cli");
  snprintf(out, sizeof out, "VMTRACE_OUT=%s", path);
  server =
      e2e_start(&(struct e2e_spec){.argv = E2E_ARGV("redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
                                                    "--enable-debug-command", "yes", "--activerehashing", "no"),
                                   .preload = e2e_library(),
                                   .env = E2E_ARGV(out)});
  e2e_await(&server, "ready to accept connections", 1);
  DO("redis-cli", "-s", socket, "debug", "populate", "1000000");
  await_samples(path);
  report = heap_report(path, "--at=end", NULL);
  expect_sum(report, rss_of(server.pid), "redis-server");
  ck_assert_int_gt(e2e_int(report, "totals.live_blocks"), 2000000);
  json_decref(report);
  kill(server.pid, SIGKILL);
  e2e_finish(&server, &result);
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap: sums");
  TCase *tcase = e2e_case(suite, "sums", 180);

  tcase_add_test(tcase, two_gigabytes_a_quarter_touched);
  tcase_add_test(tcase, an_interpreter);
  tcase_add_test(tcase, a_server_with_a_million_keys);
  return e2e_main(suite);
}
