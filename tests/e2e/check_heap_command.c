/*
 * `vmtrace heap` on traces of real programs: numbers known in advance, sums
 * against the kernel's, and every shape of the report.  Frame numbers need root; what does not is tested without.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "e2e.h"

#define BLOCKS 20
#define FREED 2
#define TEMPORARIES 3
#define KEPT (BLOCKS - FREED)
#define MISER_BLOCKS 20000
#define MISER_SIZE 416
#define LINES_MAX 64

static const char *analyzer(void)
{
  static char path[4096];

  snprintf(path, sizeof path, "%s/vmtrace", e2e_top());
  return path;
}

static struct e2e_result run(const char *const *argv, int status)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = argv}, &result);
  e2e_expect_exit(&result, status);
  return result;
}
#define RUN(status, ...) run(E2E_ARGV(__VA_ARGS__), status)
#define DO(...)                                                                                                        \
  do {                                                                                                                 \
    struct e2e_result done_ = RUN(0, __VA_ARGS__);                                                                     \
    e2e_release(&done_);                                                                                               \
  } while (0)

/* The trace, at path, of a program that exits with 0; what it printed. */
static struct e2e_result trace(const char *path, const char *const *argv)
{
  char out[4200];
  struct e2e_result result;

  snprintf(out, sizeof out, "VMTRACE_OUT=%s", path);
  e2e_run(&(struct e2e_spec){.argv = argv, .preload = e2e_library(), .env = E2E_ARGV(out)}, &result);
  e2e_expect_exit(&result, 0);
  return result;
}
#define TRACE(path, ...)                                                                                               \
  do {                                                                                                                 \
    struct e2e_result traced_ = trace(path, E2E_ARGV(__VA_ARGS__));                                                    \
    e2e_release(&traced_);                                                                                             \
  } while (0)

/* What `vmtrace heap` says as JSON about one trace; an option for all, and the moment. */
static json_t *heap(const char *path, const char *at, const char *option)
{
  return e2e_json(E2E_ARGV("heap", at, option), (char *const[]){(char *)path, NULL});
}

/* Samples are what resident sums are made of. */
static bool can_sample(void)
{
  return access("/proc/self/pagemap", R_OK) == 0;
}

/* ---- a program of known behaviour ---- */

/* The line of known.cc whose comment says how blocks are had there. */
static long long line_of(const char *comment)
{
  char path[4200], wanted[64], text[512];
  long long line = 0, found = 0;
  FILE *file;

  snprintf(path, sizeof path, "%s/tests/progs/known.cc", e2e_top());
  snprintf(wanted, sizeof wanted, "/* %s */", comment);
  file = fopen(path, "re");
  ck_assert_ptr_nonnull(file);
  while (fgets(text, sizeof text, file)) {
    line++;
    if (strstr(text, wanted))
      found = line;
  }
  fclose(file);
  ck_assert_msg(found, "known.cc has no line with %s", wanted);
  return found;
}

static void add(json_t *sum, const json_t *stack)
{
  const char *key;
  json_t *value, *of_stack = (json_t *)stack;

  json_object_foreach(of_stack, key, value) {
    if (json_is_integer(value))
      json_object_set_new(sum, key,
                          json_integer(json_integer_value(json_object_get(sum, key)) + json_integer_value(value)));
  }
}

/* The sum over all stacks whose site is that function, at that line of known.cc. */
static json_t *site(const json_t *report, const char *function, long long line)
{
  json_t *sum = json_object(), *stack;
  size_t i;

  json_array_foreach(e2e_get(report, "stacks"), i, stack) {
    const json_t *frame = json_array_get(e2e_get(stack, "frames"), (size_t)e2e_int(stack, "site"));
    const char *file = json_string_value(json_object_get(frame, "file"));
    const char *name = json_string_value(json_object_get(frame, "function"));

    if (!file || !name || strncmp(name, function, strlen(function)) != 0 || !strstr(file, "known.cc") ||
        json_integer_value(json_object_get(frame, "line")) != line)
      continue;
    ck_assert_msg(json_is_true(json_object_get(frame, "inlined")), "%s is not inlined", function);
    add(sum, stack);
  }
  return sum;
}

struct numbers {
  long long allocations, requested, live, resident, untouched, temporary, leaked_blocks, leaked, mapped;
};

static void expect(const json_t *report, const char *function, const char *comment, struct numbers n)
{
  const struct {
    const char *key;
    long long value;
  } all[] = {{"allocations", n.allocations},          {"requested_bytes", n.requested}, {"live_bytes", n.live},
             {"resident_bytes", n.resident},          {"untouched_bytes", n.untouched}, {"temporary", n.temporary},
             {"leaked_allocations", n.leaked_blocks}, {"leaked_bytes", n.leaked},       {"mapped_bytes", n.mapped}};
  json_t *sum = site(report, function, line_of(comment));

  ck_assert_msg(json_object_size(sum), "%s: no stack for '%s'", function, comment);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    ck_assert_msg(e2e_int(sum, all[i].key) == all[i].value, "%s, '%s': %s is %lld, not %lld", function, comment,
                  all[i].key, e2e_int(sum, all[i].key), all[i].value);
  json_decref(sum);
}

static const char *const kinds[] = {"malloc",    "calloc", "realloc", "aligned_alloc", "new",
                                    "new_array", "vector", "string",  "make_unique"};

/* calloc writes zeros to blocks up to this size, and so touches all of them. */
#define CALLOC_CLEARS 32768

/* All ten functions; live and resident as at a moment when so many of their blocks are there. */
static void expect_known(const json_t *report, long long size, long long there)
{
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    bool clears = !strcmp(kinds[i], "calloc") && size <= CALLOC_CLEARS;
    long long touched = clears ? size : size / 2;
    char function[32], kept[32], passed[32];

    snprintf(function, sizeof function, "by_%s", kinds[i]);
    snprintf(kept, sizeof kept, "kept by %s", kinds[i]);
    snprintf(passed, sizeof passed, "passed by %s", kinds[i]);
    expect(report, function, kept,
           (struct numbers){.allocations = BLOCKS,
                            .requested = BLOCKS * size,
                            .live = there * size,
                            .resident = there * touched,
                            .untouched = there * (size - touched),
                            .leaked_blocks = KEPT,
                            .leaked = KEPT * size});
    if (strcmp(kinds[i], "string") != 0)
      expect(report, function, passed,
             (struct numbers){.allocations = TEMPORARIES, .requested = TEMPORARIES * size, .temporary = TEMPORARIES});
  }
  expect(report, "by_realloc", "begun by realloc",
         (struct numbers){.allocations = BLOCKS, .requested = BLOCKS * 16, .temporary = BLOCKS});
  expect(report, "by_mmap", "kept by mmap",
         (struct numbers){.mapped = there * size, .resident = there * size / 2, .untouched = there * size / 2});
  expect(report, "by_miser", "kept by miser",
         (struct numbers){.allocations = MISER_BLOCKS,
                          .requested = MISER_BLOCKS * MISER_SIZE,
                          .live = MISER_BLOCKS * MISER_SIZE,
                          .untouched = MISER_BLOCKS * MISER_SIZE,
                          .leaked_blocks = MISER_BLOCKS,
                          .leaked = MISER_BLOCKS * MISER_SIZE});
}

static const char *compile_known(void)
{
  const char *built = e2e_path("known");
  char include[4200], source[4200];

  snprintf(include, sizeof include, "-I%s/include", e2e_top());
  snprintf(source, sizeof source, "%s/tests/progs/known.cc", e2e_top());
  DO("c++", "-std=c++20", "-O2", "-g", include, "-o", built, source);
  return built;
}

/* The build id as readelf prints it; false when the compiler's linker makes none. */
static bool build_id(const char *path, char *id, size_t size)
{
  struct e2e_result notes = RUN(0, "readelf", "-n", path);
  const char *at = strstr(notes.out, "Build ID: ");

  if (at)
    snprintf(id, size, "%.*s", (int)strspn(at + 10, "0123456789abcdef"), at + 10);
  e2e_release(&notes);
  return at != NULL;
}

static void split_by_link(const char *built)
{
  char debug[4200], option[4300];

  snprintf(debug, sizeof debug, "%s.debug", built);
  snprintf(option, sizeof option, "--add-gnu-debuglink=%s", debug);
  DO("objcopy", "--only-keep-debug", built, debug);
  DO("strip", built);
  DO("objcopy", option, built);
}

/* Returns the option that says where the debug file is. */
static const char *split_by_id(const char *built)
{
  static char option[4200];
  char id[128], path[4400];

  if (!build_id(built, id, sizeof id))
    return NULL;
  snprintf(path, sizeof path, "%s/debug/.build-id/%.2s", e2e_dir(), id);
  DO("mkdir", "-p", path);
  snprintf(path, sizeof path, "%s/debug/.build-id/%.2s/%s.debug", e2e_dir(), id, id + 2);
  DO("objcopy", "--only-keep-debug", built, path);
  DO("strip", built);
  snprintf(option, sizeof option, "--debug-root=%s/debug", e2e_dir());
  return option;
}

enum { WHOLE, BY_LINK, BY_ID, WAYS };
static const long long sizes[] = {65536, 8192, 1 << 20};
#define SIZES (int)(sizeof sizes / sizeof *sizes)

/* Requested, live, resident, untouched, temporary and leaked, per function, file and line. */
START_TEST(known_program)
{
  int way = _i % WAYS;
  long long size = sizes[_i / WAYS];
  const char *option = NULL, *built, *path = e2e_path("known.vmt");
  char number[32];
  json_t *report;

  if (!e2e_has("c++") || !e2e_has("objcopy"))
    E2E_SKIP("needs c++ and objcopy");
  if (!can_sample())
    E2E_SKIP("needs /proc/self/pagemap");
  built = compile_known();
  if (way == BY_LINK)
    split_by_link(built);
  else if (way == BY_ID && !(option = split_by_id(built)))
    E2E_SKIP("this linker writes no build id");
  snprintf(number, sizeof number, "%lld", size);
  TRACE(path, built, number);
  report = heap(path, "--at=mark:full", option);
  expect_known(report, size, BLOCKS);
  json_decref(report);
  report = heap(path, "--at=mark:freed", option);
  expect_known(report, size, KEPT);
  json_decref(report);
}
END_TEST

/* Without skipping, operator new of the C++ library is the site of what new allocates. */
START_TEST(wrappers_are_passed_over)
{
  const char *path = e2e_path("known.vmt");
  struct e2e_result with, without;

  if (!e2e_has("c++"))
    E2E_SKIP("needs c++");
  TRACE(path, compile_known(), "8192");
  with = RUN(0, analyzer(), "heap", "--sort=requested", path);
  without = RUN(0, analyzer(), "heap", "--sort=requested", "--no-skip", path);
  ck_assert_msg(!strstr(with.out, "operator new"), "%s", with.out);
  ck_assert_msg(strstr(with.out, "by_vector (known.cc:") != NULL, "%s", with.out);
  ck_assert_msg(strstr(without.out, "operator new(unsigned long) in libstdc++") != NULL, "%s", without.out);
  ck_assert_msg(!strstr(without.out, "by_vector (known.cc:"), "%s", without.out);
  e2e_release(&with);
  e2e_release(&without);
}
END_TEST

/* ---- sums against the kernel's ---- */

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
  result = trace(path, E2E_ARGV(e2e_prog("quarter"), "2048"));
  report = heap(path, "--at=mark:touched", NULL);
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
  result = trace(path, E2E_ARGV("/usr/bin/python3", "-c", python));
  report = heap(path, "--at=mark:full", NULL);
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
  report = heap(path, "--at=end", NULL);
  expect_sum(report, rss_of(server.pid), "redis-server");
  ck_assert_int_gt(e2e_int(report, "totals.live_blocks"), 2000000);
  json_decref(report);
  kill(server.pid, SIGKILL);
  e2e_finish(&server, &result);
  e2e_release(&result);
}
END_TEST

/* ---- shared by fork ---- */

static void expect_member(const json_t *report, const char *function, long long resident, long long private,
                          long long proportional)
{
  json_t *stack;
  size_t i;

  json_array_foreach(e2e_get(report, "stacks"), i, stack) {
    const json_t *frame = json_array_get(e2e_get(stack, "frames"), 0);

    if (strcmp(e2e_str(frame, "function"), function) != 0)
      continue;
    ck_assert_msg(e2e_int(stack, "resident_bytes") == resident && e2e_int(stack, "private_bytes") == private &&
                      e2e_int(stack, "proportional_bytes") == proportional,
                  "%s: resident %lld, private %lld, proportional %lld", function, e2e_int(stack, "resident_bytes"),
                  e2e_int(stack, "private_bytes"), e2e_int(stack, "proportional_bytes"));
    return;
  }
  ck_abort_msg("no stack of %s", function);
}

/*
 * heirs: of 64 inherited pages the child broke 16; of the 32 pages that it
 * freed it has 24 again for blocks of its own, and 8 as free memory of its heap that it still shares.
 */
START_TEST(a_family)
{
  struct e2e_result result;
  char **traces;
  size_t count;
  json_t *report;

  E2E_NEED_ROOT(); /* frame numbers */
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("heirs")), .preload = e2e_library()}, &result);
  e2e_expect_exit(&result, 0);
  traces = e2e_traces(e2e_dir(), &count);
  ck_assert_uint_eq(count, 2);
  report = e2e_json(E2E_ARGV("heap", "--at=mark:settled"), traces);
  expect_member(report, "inheritance", 64 * 4096, 16 * 4096, 16 * 4096 + 48 * 4096 / 2);
  expect_member(report, "savings", 32 * 4096, 24 * 4096, 24 * 4096 + 8 * 4096 / 2);
  expect_member(report, "income", 24 * 4096, 24 * 4096, 24 * 4096);
  ck_assert_uint_eq(json_array_size(e2e_get(report, "processes")), 2);
  json_decref(report);
  e2e_traces_free(traces);
  e2e_release(&result);
}
END_TEST

/* ---- shapes and moments ---- */

static const char *owners(const char *name)
{
  const char *path = e2e_path("%s.vmt", name);

  TRACE(path, e2e_prog("owners"));
  return path;
}

static void expect_text(const char *text, const char *part)
{
  ck_assert_msg(strstr(text, part) != NULL, "no '%s' in\n%s", part, text);
}

START_TEST(text_in_all_shapes)
{
  static const struct {
    const char *shape, *option, *part;
  } shapes[] = {{"--all", "--sort=live", "SITE"},
                {"--stacks", "--sort=live", "CALL STACK"},
                {"--tree", "--sort=live", "keeper (owners.c:"},
                {"--tree", "--invert", "main (owners.c:53)"}};
  const char *path = owners("owners");

  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    struct e2e_result result = RUN(0, analyzer(), "heap", shapes[i].shape, shapes[i].option, path);

    expect_text(result.out, shapes[i].part);
    expect_text(result.out, "1,037 allocations of 4.01 MiB, 1,016 frees");
    expect_text(result.out, "grower (owners.c:");
    e2e_release(&result);
  }
}
END_TEST

/* The sum of the numbers at the ends of folded lines. */
static long long folded_sum(const char *text)
{
  long long sum = 0;

  for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
    const char *end = strchr(line, '\n'), *space = end;

    ck_assert_ptr_nonnull(end);
    while (space > line && *space != ' ')
      space--;
    ck_assert_msg(space > line && strtoll(space, NULL, 10) > 0, "%s", line);
    sum += strtoll(space, NULL, 10);
  }
  return sum;
}

/* Every column is a weight, and the lines add up to the column's total. */
START_TEST(folded_by_every_weight)
{
  static const char *const weights[][2] = {{"allocations", "allocations"},
                                           {"frees", "frees"},
                                           {"requested", "requested_bytes"},
                                           {"live", "live_bytes"},
                                           {"live-blocks", "live_blocks"},
                                           {"at-peak", "at_peak_bytes"},
                                           {"temporary", "temporary"},
                                           {"leaked", "leaked_bytes"},
                                           {"leaked-blocks", "leaked_allocations"},
                                           {"resident", "resident_bytes"},
                                           {"private", "private_bytes"},
                                           {"untouched", "untouched_bytes"}};
  const char *path = owners("owners");
  json_t *report = heap(path, "--at=end", NULL);

  if (!can_sample())
    E2E_SKIP("needs /proc/self/pagemap");
  for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
    char weight[64], key[64];
    struct e2e_result result;

    snprintf(weight, sizeof weight, "--weight=%s", weights[i][0]);
    snprintf(key, sizeof key, "totals.%s", weights[i][1]);
    result = RUN(0, analyzer(), "heap", "--format=folded", weight, path);
    ck_assert_msg(folded_sum(result.out) == e2e_int(report, key), "%s: %lld, not %lld\n%s", weights[i][0],
                  folded_sum(result.out), e2e_int(report, key), result.out);
    if (i == 0)
      expect_text(result.out, "main;passer 1000\n");
    e2e_release(&result);
  }
  json_decref(report);
}
END_TEST

START_TEST(json_keys)
{
  static const char *const totals[] = {"allocations",        "frees",      "requested_bytes", "live_bytes",
                                       "peak_live_bytes",    "temporary",  "leaked_bytes",    "resident_bytes",
                                       "leaked_allocations", "slack_bytes"};
  static const char *const of_stack[] = {"allocations",    "requested_bytes", "live_bytes", "peak_bytes",
                                         "resident_bytes", "temporary",       "site"};
  static const char *const of_frame[] = {"function", "file", "line", "module", "address", "inlined"};
  json_t *report = heap(owners("owners"), "--at=end", NULL), *stack, *frame;
  size_t i, k;

  for (i = 0; i < sizeof totals / sizeof *totals; i++) {
    char key[64];

    snprintf(key, sizeof key, "totals.%s", totals[i]);
    e2e_get(report, key);
  }
  ck_assert_uint_gt(json_array_size(e2e_get(report, "stacks")), 3);
  json_array_foreach(e2e_get(report, "stacks"), i, stack) {
    for (k = 0; k < sizeof of_stack / sizeof *of_stack; k++)
      e2e_get(stack, of_stack[k]);
    ck_assert_int_lt(e2e_int(stack, "site"), (long long)json_array_size(e2e_get(stack, "frames")));
    json_array_foreach(e2e_get(stack, "frames"), k, frame) {
      for (size_t f = 0; f < sizeof of_frame / sizeof *of_frame; f++)
        e2e_get(frame, of_frame[f]);
    }
  }
  json_decref(report);
}
END_TEST

/* Growth between two moments of a trace, and none between two traces of the same program. */
START_TEST(differences)
{
  const char *path = e2e_path("marks.vmt"), *again = e2e_path("again.vmt");
  char diff[4200];
  json_t *report;

  TRACE(path, e2e_prog("marks"));
  TRACE(again, e2e_prog("marks"));
  report = heap(path, "--at=mark:middle", "--diff-at=mark:first");
  ck_assert_int_eq(e2e_int(report, "totals.live_bytes"), 64 * 1000);
  ck_assert_int_eq(e2e_int(report, "totals.allocations"), 64);
  json_decref(report);
  report = heap(path, "--at=mark:second", "--diff-at=mark:middle");
  ck_assert_int_eq(e2e_int(report, "totals.live_bytes"), -32 * 1000);
  ck_assert_int_eq(e2e_int(report, "totals.frees"), 32);
  json_decref(report);
  snprintf(diff, sizeof diff, "--diff=%s", again);
  report = heap(path, "--at=mark:middle", diff);
  ck_assert_int_eq(e2e_int(report, "totals.live_bytes"), 0);
  ck_assert_int_eq(e2e_int(report, "totals.requested_bytes"), 0);
  json_decref(report);
}
END_TEST

START_TEST(moments)
{
  static const struct {
    const char *at;
    long long live;
  } known[] = {{"--at=peak", 64 * 1000},
               {"--at=mark:middle", 64 * 1000},
               {"--at=mark:second", 32 * 1000},
               {"--at=end", 0},
               {"--at=1h", 0}};
  const char *path = e2e_path("marks.vmt");
  json_t *report;
  long long before;

  TRACE(path, e2e_prog("marks"));
  report = heap(path, "--at=mark:first", NULL);
  before = e2e_int(report, "totals.live_bytes");
  json_decref(report);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    report = heap(path, known[i].at, NULL);
    /* What the C library keeps for output is not freed. */
    ck_assert_msg(e2e_int(report, "totals.live_bytes") - before >= known[i].live &&
                      e2e_int(report, "totals.live_bytes") - before < known[i].live + 8192,
                  "%s: %lld", known[i].at, e2e_int(report, "totals.live_bytes"));
    json_decref(report);
  }
  report = heap(path, "--at=0", NULL);
  ck_assert_int_eq(e2e_int(report, "totals.live_blocks"), 0);
  json_decref(report);
}
END_TEST

/* One line that names what is wrong, and nothing else. */
static void expect_refused(const char *argument, int status, const char *says)
{
  const char *path = e2e_path("marks.vmt");
  struct e2e_result result = RUN(status, analyzer(), "heap", argument, path);
  const char *newline = strchr(result.err, '\n');

  expect_text(result.err, says);
  ck_assert_str_eq(result.out, "");
  if (status == 3)
    ck_assert_msg(newline && !newline[1], "more than a line:\n%s", result.err);
  e2e_release(&result);
}

START_TEST(wrong_moments)
{
  TRACE(e2e_path("marks.vmt"), e2e_prog("marks"));
  expect_refused("--at=mark:nowhere", 3, "there is no mark 'nowhere'");
  expect_refused("--at=mark:first#2", 3, "mark 'first' was set 1 times only");
  expect_refused("--at=tomorrow", 2, "--at takes a time since the start");
  expect_refused("--at=-1", 2, "--at takes a time since the start");
  expect_refused("--diff-at=mark:", 2, "--diff-at takes a time since the start");
  expect_refused("--diff=/nowhere", 3, "/nowhere");
  expect_refused("--sort=nothing", 2, "there is no column 'nothing'");
}
END_TEST

/* Two traces of one program: its stacks once with twice the numbers, or twice. */
START_TEST(merged_and_apart)
{
  const char *const paths[] = {owners("one"), owners("two")};
  char *const traces[] = {(char *)paths[0], (char *)paths[1], NULL};
  json_t *one = heap(paths[0], "--at=end", NULL), *both = e2e_json(E2E_ARGV("heap"), traces);
  json_t *apart = e2e_json(E2E_ARGV("heap", "--per-process"), traces);

  ck_assert_int_eq(e2e_int(both, "totals.allocations"), 2 * e2e_int(one, "totals.allocations"));
  ck_assert_int_eq(e2e_int(both, "totals.leaked_bytes"), 2 * e2e_int(one, "totals.leaked_bytes"));
  ck_assert_uint_eq(json_array_size(e2e_get(both, "stacks")), json_array_size(e2e_get(one, "stacks")));
  ck_assert_uint_eq(json_array_size(apart), 2);
  for (size_t i = 0; i < 2; i++)
    ck_assert_int_eq(e2e_int(json_array_get(apart, i), "totals.allocations"), e2e_int(one, "totals.allocations"));
  json_decref(one);
  json_decref(both);
  json_decref(apart);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap command");
  TCase *exact = e2e_case(suite, "exact", 120), *sums = e2e_case(suite, "sums", 180),
        *shapes = e2e_case(suite, "shapes", 60);

  tcase_add_loop_test(exact, known_program, 0, WAYS * SIZES);
  tcase_add_test(exact, wrappers_are_passed_over);
  tcase_add_test(exact, a_family);
  tcase_add_test(sums, two_gigabytes_a_quarter_touched);
  tcase_add_test(sums, an_interpreter);
  tcase_add_test(sums, a_server_with_a_million_keys);
  tcase_add_test(shapes, text_in_all_shapes);
  tcase_add_test(shapes, folded_by_every_weight);
  tcase_add_test(shapes, json_keys);
  tcase_add_test(shapes, differences);
  tcase_add_test(shapes, moments);
  tcase_add_test(shapes, wrong_moments);
  tcase_add_test(shapes, merged_and_apart);
  return e2e_main(suite);
}
