/*
 * Packed traces and marks as a user meets them: the same output of every
 * command before and after, what is refused, marks from the program to the report.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "e2e.h"

#define RUN(status, ...) e2e_run_plain(E2E_ARGV(e2e_analyzer(), __VA_ARGS__), status)
#define DO(status, ...)                                                                                                \
  do {                                                                                                                 \
    struct e2e_result done_ = RUN(status, __VA_ARGS__);                                                                \
    e2e_release(&done_);                                                                                               \
  } while (0)

/* The trace of a program of tests/progs; its arguments. */
static const char *trace(const char *const *argv)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = argv, .preload = e2e_library()}, &result);
  ck_assert(WIFEXITED(result.status)); /* churn's status is its checksum */
  e2e_release(&result);
  return e2e_only_trace(e2e_dir());
}
#define TRACE(name, ...) trace(E2E_ARGV(e2e_prog(name), ##__VA_ARGS__))

static off_t size_of(const char *path)
{
  struct stat st;

  ck_assert_int_eq(stat(path, &st), 0);
  return st.st_size;
}

#define COMMANDS 5

static void ask(const char *path, struct e2e_result answers[COMMANDS])
{
  static const char *const commands[COMMANDS][2] = {{"dump", "--format=json"},
                                                    {"dump", "--format=text"},
                                                    {"pages", "--all"},
                                                    {"pages", "--format=json"},
                                                    {"heap", "--format=json"}};

  for (unsigned i = 0; i < COMMANDS; i++)
    answers[i] = RUN(0, commands[i][0], commands[i][1], path);
}

/* Every command says the same before and after. */
START_TEST(same_output)
{
  const char *const *programs[] = {E2E_ARGV(e2e_prog("events")), E2E_ARGV(e2e_prog("threads8"), "7", "300"),
                                   E2E_ARGV(e2e_prog("marks")),
                                   E2E_ARGV(e2e_prog("churn"), "1", "30000", "500", "9000")};
  const char *path = trace(programs[_i]);
  struct e2e_result before[COMMANDS], after[COMMANDS];
  off_t size = size_of(path);

  ask(path, before);
  DO(0, "pack", path);
  ck_assert_int_lt(size_of(path), size);
  ask(path, after);
  for (unsigned i = 0; i < COMMANDS; i++) {
    e2e_expect_same(&before[i], &after[i], "output before and after packing");
    e2e_release(&before[i]);
    e2e_release(&after[i]);
  }
}
END_TEST

static size_t files_in(const char *dir)
{
  struct e2e_result result;
  size_t n = 0;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("ls", "-A", dir)}, &result);
  for (const char *p = result.out; *p; p++)
    n += *p == '\n';
  e2e_release(&result);
  return n;
}

/* In its place, with its permissions, and nothing left over; a second time it is left alone. */
START_TEST(in_place)
{
  const char *path = TRACE("threads8", "7", "300");
  off_t before = size_of(path), after;
  struct e2e_result result;
  size_t files = files_in(e2e_dir());
  struct stat st;

  ck_assert_int_eq(chmod(path, 0640), 0);
  result = RUN(0, "pack", path);
  ck_assert_ptr_nonnull(strstr(result.out, ", packed "));
  e2e_release(&result);
  after = size_of(path);
  ck_assert_int_lt(after, before / 2);
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_int_eq(st.st_mode & 07777, 0640);
  result = RUN(0, "pack", path);
  ck_assert_ptr_nonnull(strstr(result.err, "packed already"));
  e2e_release(&result);
  ck_assert_int_eq(size_of(path), after);
  ck_assert_uint_eq(files_in(e2e_dir()), files);
}
END_TEST

START_TEST(refused)
{
  const char *path = TRACE("threads8", "7", "300"), *link = e2e_path("link");
  off_t size = size_of(path);
  size_t files;

  ck_assert_int_eq(symlink(path, link), 0);
  files = files_in(e2e_dir());
  DO(2, "pack");
  DO(2, "pack", "--level=0", path);
  DO(2, "pack", "-o", "x", path, path);
  DO(3, "pack", "nothing.vmt");
  DO(3, "pack", e2e_prog("mem"));
  DO(3, "pack", e2e_dir());
  DO(3, "pack", "-o", link, path); /* what is there is never overwritten */
  ck_assert_int_eq(truncate(path, size - 8192), 0);
  DO(3, "pack", path);
  ck_assert_int_eq(size_of(path), size - 8192);
  ck_assert_uint_eq(files_in(e2e_dir()), files);
}
END_TEST

/* A link is followed: the trace is replaced, not the link. */
START_TEST(through_a_link)
{
  const char *path = TRACE("marks"), *link = e2e_path("link");
  off_t size = size_of(path);
  struct stat st;

  ck_assert_int_eq(symlink(path, link), 0);
  DO(0, "pack", link);
  ck_assert_int_eq(lstat(link, &st), 0);
  ck_assert(S_ISLNK(st.st_mode));
  ck_assert_int_lt(size_of(path), size);
}
END_TEST

/* While the program runs, its trace is not touched. */
START_TEST(running_program)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("mem"), "1"), .preload = e2e_library()};
  struct e2e_process process = e2e_start(&spec);
  struct e2e_result result, pack;
  const char *path;

  e2e_await(&process, "\n", 1);
  path = e2e_only_trace(e2e_dir());
  pack = RUN(3, "pack", path);
  ck_assert_ptr_nonnull(strstr(pack.err, "still being written"));
  e2e_release(&pack);
  e2e_finish(&process, &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  DO(0, "pack", path);
}
END_TEST

/* A file system that has no room for the packed trace beside the trace: an error, the trace as it was, nothing else. */
START_TEST(full_disk)
{
  static const char script[] = "set -e; mount -t tmpfs -o size=$2 none \"$1\"; cp \"$3\" \"$1/t.vmt\"; rc=0;"
                               "\"$0\" pack \"$1/t.vmt\" || rc=$?; cmp \"$3\" \"$1/t.vmt\"; ls -A \"$1\"; exit $rc";
  const char *path = TRACE("churn", "1", "300000", "5000", "2000"), *disk = e2e_path("disk");
  struct e2e_result result;
  char size[32];

  E2E_NEED_ROOT();
  if (!e2e_has("unshare"))
    E2E_SKIP("needs unshare");
  ck_assert_int_eq(mkdir(disk, 0755), 0);
  snprintf(size, sizeof size, "%lld", (long long)(size_of(path) + 65536));
  e2e_run(
      &(struct e2e_spec){.argv = E2E_ARGV("unshare", "-m", "/bin/sh", "-c", script, e2e_analyzer(), disk, size, path)},
      &result);
  if (strstr(result.err, "unshare:") || strstr(result.err, "mount:")) {
    e2e_release(&result);
    E2E_SKIP("needs to mount a tmpfs");
  }
  e2e_expect_exit(&result, 3);
  ck_assert_str_eq(result.out, "t.vmt\n");
  ck_assert_ptr_nonnull(strstr(result.err, "No space left on device"));
  e2e_release(&result);
}
END_TEST

/* Whenever the packing is killed: the trace is there, whole, packed or not yet. */
START_TEST(killed)
{
  const char *path = TRACE("churn", "1", "300000", "5000", "2000");
  json_t *info = e2e_json(E2E_ARGV("info"), (char *const[]){(char *)path, NULL}), *again;
  long long events = e2e_int(info, "events_total");

  for (unsigned i = 0; i < 12; i++) {
    struct e2e_spec spec = {.argv = E2E_ARGV(e2e_analyzer(), "pack", path)};
    struct e2e_process process = e2e_start(&spec);
    struct e2e_result result;

    usleep(1000u << i); /* any moment is good */
    kill(process.pid, SIGKILL);
    e2e_finish(&process, &result);
    e2e_release(&result);
    again = e2e_json(E2E_ARGV("info"), (char *const[]){(char *)path, NULL});
    ck_assert_int_eq(e2e_int(again, "events_total"), events);
    ck_assert(json_is_true(e2e_get(again, "complete")));
    if (json_is_true(e2e_get(again, "packed")))
      break;
  }
}
END_TEST

static bool is_packed(const char *path)
{
  struct e2e_result info = RUN(0, "info", path);
  bool packed = strstr(info.out, ", packed\n");

  e2e_release(&info);
  return packed;
}

START_TEST(run_packs)
{
  DO(0, "run", "-o", e2e_path("packed"), "--", e2e_prog("marks"));
  ck_assert(is_packed(e2e_only_trace(e2e_path("packed"))));
  DO(0, "run", "--no-pack", "-o", e2e_path("plain"), "--", e2e_prog("marks"));
  ck_assert(!is_packed(e2e_only_trace(e2e_path("plain"))));
}
END_TEST

/* The time of the first line that begins in the text after this part of it. */
static double time_at(const char *text, double part)
{
  const char *line = strchr(text + (size_t)((double)strlen(text) * part), '\n');

  ck_assert(line && line[1]);
  return strtod(line + 1, NULL);
}

/* Events between two times are the same, read from the whole or from the pieces: there are several of these. */
START_TEST(span_of_time)
{
  const char *path = TRACE("churn", "1", "600000", "500", "2000");
  struct e2e_result all, some;
  char from[64], to[64];
  size_t n = 0;

  DO(0, "pack", path);
  all = RUN(0, "dump", "--op=alloc", path);
  snprintf(from, sizeof from, "--from=%.9f", time_at(all.out, 0.7));
  snprintf(to, sizeof to, "--to=%.9f", time_at(all.out, 0.8));
  some = RUN(0, "dump", "--op=alloc", from, to, path);
  for (char *line = strtok(all.out, "\n"); line; line = strtok(NULL, "\n")) {
    size_t length = strlen(line);
    double at = strtod(line, NULL);

    if (at < strtod(from + 7, NULL) || at > strtod(to + 5, NULL))
      continue;
    ck_assert_uint_le(n + length + 1, some.out_len);
    if (memcmp(some.out + n, line, length) != 0)
      ck_abort_msg("%s is missing", line);
    n += length + 1;
  }
  ck_assert_uint_eq(n, some.out_len);
  ck_assert_uint_gt(n, 0);
  e2e_release(&all);
  e2e_release(&some);
}
END_TEST

/* marks */

START_TEST(marks)
{
  static const char *const names[] = {"first", "middle", "second"};
  const char *path = TRACE("marks");
  json_t *events = e2e_dump(path), *info = e2e_json(E2E_ARGV("info"), (char *const[]){(char *)path, NULL}), *event;
  size_t i, n = 0, allocs = 0, frees = 0, snapshots = 0;

  json_array_foreach(events, i, event) {
    const char *op = e2e_str(event, "op");

    allocs += n == 1 && !strcmp(op, "alloc") && e2e_int(event, "size") == 1000;
    frees += n == 2 && !strcmp(op, "free");
    if (!strcmp(op, "sample") && e2e_int(event, "reason") == 4)
      snapshots++;
    if (strcmp(op, "mark") != 0)
      continue;
    ck_assert_uint_lt(n, 3);
    ck_assert_str_eq(e2e_str(event, "name"), names[n]);
    if (n == 1)
      ck_assert_uint_ge(snapshots, 1); /* the snapshot is complete when its mark comes */
    n++;
  }
  ck_assert_uint_eq(n, 3);
  ck_assert_uint_eq(allocs, 64);
  ck_assert_uint_eq(frees, 32);
  ck_assert_uint_ge(snapshots, 2); /* a mark alone asks for one too, which may come later */
  ck_assert_int_eq(e2e_int(info, "events.mark"), 3);
  ck_assert_uint_eq(json_array_size(e2e_get(info, "marks")), 3);
  info = json_array_get(e2e_get(e2e_json(E2E_ARGV("pages"), (char *const[]){(char *)path, NULL}), "processes"), 0);
  json_array_foreach(e2e_get(info, "marks"), i, event)
    ck_assert_str_eq(e2e_str(event, "name"), names[i]);
  ck_assert_uint_eq(i, 3);
}
END_TEST

/* What is live at a mark: 64 blocks, then 32. */
START_TEST(heap_at_marks)
{
  static const struct {
    const char *at;
    long long bytes;
  } moments[] = {{"--at=mark:middle", 64000}, {"--at=mark:second", 32000}};
  const char *path = TRACE("marks");
  long long first = 0;

  for (unsigned packed = 0; packed < 2; packed++) {
    json_t *heap = e2e_json(E2E_ARGV("heap", "--at=mark:first"), (char *const[]){(char *)path, NULL});

    first = e2e_int(heap, "totals.live_bytes");
    for (unsigned i = 0; i < 2; i++) {
      heap = e2e_json(E2E_ARGV("heap", moments[i].at), (char *const[]){(char *)path, NULL});
      ck_assert_int_eq(e2e_int(heap, "totals.live_bytes") - first, moments[i].bytes);
    }
    if (!packed)
      DO(0, "pack", path);
  }
}
END_TEST

static json_t *heap_with(const char *option, const char *path)
{
  return e2e_json(E2E_ARGV("heap", "--stacks", option), (char *const[]){(char *)path, NULL});
}

static long long events_read(const json_t *heap)
{
  return e2e_int(json_array_get(e2e_get(heap, "processes"), 0), "events");
}

/* What is live then is the same whether or not the rest is read; the other numbers are as of then, and all stacks have
 * their names. */
START_TEST(heap_until_a_mark)
{
  const char *path = TRACE("marks");
  json_t *at = heap_with("--at=mark:middle", path), *until = heap_with("--until=mark:middle", path), *stack;
  size_t i;

  ck_assert_int_lt(events_read(until), events_read(at));
  ck_assert_int_eq(e2e_int(until, "totals.live_bytes"), e2e_int(at, "totals.live_bytes"));
  ck_assert_int_eq(e2e_int(until, "totals.live_bytes"), e2e_int(until, "totals.leaked_bytes"));
  ck_assert_int_eq(e2e_int(until, "totals.resident_bytes"), e2e_int(at, "totals.resident_bytes"));
  ck_assert_int_lt(e2e_int(until, "totals.frees"), e2e_int(at, "totals.frees"));
  ck_assert_int_lt(e2e_int(at, "totals.leaked_bytes"), e2e_int(at, "totals.live_bytes"));
  json_array_foreach(e2e_get(until, "stacks"), i, stack)
    ck_assert_uint_gt(json_array_size(e2e_get(stack, "frames")), 1);
  ck_assert_uint_gt(i, 0);
  at = heap_with("--at=end", path);
  until = heap_with("--until=end", path);
  ck_assert(json_equal(e2e_get(at, "stacks"), e2e_get(until, "stacks")));
}
END_TEST

static void expect_says(const char *program, const char *library, const char *variable, const char *says)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(program), .preload = library, .env = E2E_ARGV(variable)}, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, says);
  e2e_release(&result);
}

/* In C and C++, position independent or not: with the library, with it and no trace, without it. */
START_TEST(header_everywhere)
{
  static const char *const flags[][2] = {{"-fpie", "-pie"}, {"-fno-pie", "-no-pie"}};
  const char *const languages[][2] = {{"cc", "c"}, {"c++", "c++"}};
  const char *compiler = languages[_i][0], *built = e2e_path("built");
  char include[4096], source[4096];
  struct e2e_result result;

  if (!e2e_has(compiler))
    E2E_SKIP("needs %s", compiler);
  snprintf(include, sizeof include, "-I%s/include", e2e_top());
  snprintf(source, sizeof source, "%s/tests/progs/marks.c", e2e_top());
  for (unsigned i = 0; i < 2; i++) {
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(compiler, "-Wall", "-Wextra", "-Werror", flags[i][0], flags[i][1],
                                                include, "-o", built, "-fno-builtin", "-x", languages[_i][1], source)},
            &result);
    e2e_expect_exit(&result, 0);
    e2e_release(&result);
    expect_says(built, e2e_library(), "VMTRACE_LOG=warn", "traced\n");
    expect_says(built, e2e_library(), "VMTRACE_OUT=off", "not traced\n");
    expect_says(built, NULL, "VMTRACE_LOG=warn", "not traced\n");
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("pack");
  TCase *pack = e2e_case(suite, "pack", 120), *api = e2e_case(suite, "marks", 60);

  tcase_add_loop_test(pack, same_output, 0, 4);
  tcase_add_test(pack, in_place);
  tcase_add_test(pack, refused);
  tcase_add_test(pack, through_a_link);
  tcase_add_test(pack, running_program);
  tcase_add_test(pack, full_disk);
  tcase_add_test(pack, killed);
  tcase_add_test(pack, run_packs);
  tcase_add_test(pack, span_of_time);
  tcase_add_test(api, marks);
  tcase_add_test(api, heap_at_marks);
  tcase_add_test(api, heap_until_a_mark);
  tcase_add_loop_test(api, header_everywhere, 0, 2);
  return e2e_main(suite);
}
