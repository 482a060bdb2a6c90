/*
 * Great numbers and hard surroundings (tests/progs/ordeal.c): the program does
 * what it does without the library, and nothing is lost where nothing need be.  E2E_ORDEAL multiplies the numbers: 20
 * makes 100,000 threads.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "e2e_judge.h"

/* A file system of a test's own is mounted there. */
#define OWN_FS "/dev/shm"

static unsigned long times(unsigned long count)
{
  const char *text = getenv("E2E_ORDEAL");
  int factor = text ? atoi(text) : 0;

  return factor > 0 ? count * (unsigned long)factor : count;
}

static void run(const char *mode, unsigned long count, struct e2e_result *with)
{
  judge_run("ordeal", mode, count, with);
}

START_TEST(threads_at_once)
{
  struct e2e_result with;
  long long threads;

  run("alive", 1000, &with);
  ck_assert_str_eq(with.err, "");
  ck_assert_uint_eq(judge_whole("threads", &threads), 1);
  ck_assert_int_eq(threads, 1001);
  e2e_release(&with);
}
END_TEST

START_TEST(threads_in_a_row)
{
  unsigned long count = times(5000);
  struct e2e_result with;
  long long threads;

  run("created", count, &with);
  ck_assert_str_eq(with.err, "");
  ck_assert_uint_eq(judge_whole("threads", &threads), 1);
  ck_assert_int_eq(threads, (long long)count + 1);
  e2e_release(&with);
}
END_TEST

/* What a thread is left with in the last round of destructors, which comes after the end that is recorded. */
#define LAST_ROUND 30

/* A thread's end is recorded, and its heap given up, in the last round of its destructors. */
START_TEST(late_destructors)
{
  struct e2e_result with;
  json_t *dump, *after = json_object(), *event;
  size_t i;

  run("destructors", 60, &with);
  ck_assert_str_eq(with.err, "");
  dump = e2e_dump(e2e_only_trace(e2e_dir()));
  json_array_foreach(dump, i, event) {
    const char *op = e2e_str(event, "op"), *thread = e2e_str(event, "thread");
    json_t *allocs = json_object_get(after, thread);

    if (!strcmp(op, "thread_end"))
      json_object_set_new(after, thread, json_integer(0));
    else if (!strcmp(op, "thread"))
      json_object_del(after, thread);
    else if (allocs && !strcmp(op, "alloc"))
      ck_assert_msg(json_integer_value(allocs) < LAST_ROUND, "thread %s had not ended", thread);
    if (allocs && !strcmp(op, "alloc"))
      json_integer_set(allocs, json_integer_value(allocs) + 1);
  }
  json_decref(after);
  json_decref(dump);
  e2e_release(&with);
}
END_TEST

START_TEST(many_children)
{
  unsigned long count = times(50) < 1000 ? times(50) : 1000;
  struct e2e_result with;
  long long allocs, forks;

  run("children", count, &with);
  ck_assert_str_eq(with.err, "");
  ck_assert_uint_eq(judge_whole("events.alloc", &allocs), count + 1);
  ck_assert_int_ge(allocs, (long long)count * 100);
  judge_whole("events.fork", &forks);
  ck_assert_int_eq(forks, (long long)count);
  e2e_release(&with);
}
END_TEST

START_TEST(exec_chain)
{
  struct e2e_result with;
  long long allocs;

  run("chain", 20, &with);
  ck_assert_str_eq(with.err, "");
  ck_assert_uint_eq(judge_whole("events.alloc", &allocs), 21);
  ck_assert_int_ge(allocs, 21000);
  e2e_release(&with);
}
END_TEST

/* Modes after which the trace is whole. */
static const char *const harmless[] = {"segv", "loads", "refused"};

START_TEST(nothing_lost)
{
  struct e2e_result with;
  long long allocs;

  run(harmless[_i], 0, &with);
  ck_assert_str_eq(with.err, "");
  ck_assert_uint_ge(judge_whole("events.alloc", &allocs), 1);
  ck_assert_int_gt(allocs, 100);
  e2e_release(&with);
}
END_TEST

/* The kernel that has no PAGEMAP_SCAN is simulated by a filter: pages are seen all the same. */
START_TEST(pages_without_scan)
{
  struct e2e_result with;
  size_t count, seen = 0;
  char **traces;

  run("refused", 0, &with);
  traces = e2e_traces(e2e_dir(), &count);
  for (size_t i = 0; i < count; i++) {
    json_t *dump = e2e_dump(traces[i]), *event;
    size_t index;
    bool last = false;

    json_array_foreach(dump, index, event) {
      if (!strcmp(e2e_str(event, "op"), "sample"))
        last = !(e2e_int(event, "flags") & 4);
      seen += last && !strcmp(e2e_str(event, "op"), "sample_end") && e2e_int(event, "pages") > 100;
    }
    json_decref(dump);
  }
  ck_assert_uint_ge(seen, 1);
  e2e_traces_free(traces);
  e2e_release(&with);
}
END_TEST

START_TEST(taken_addresses)
{
  struct e2e_result with;
  json_t *info;

  run("holes", 0, &with);
  info = judge_info(e2e_only_trace(e2e_dir()));
  ck_assert(json_is_true(e2e_get(info, "complete")));
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_msg(json_is_false(e2e_get(info, "deterministic")), "nobody noticed");
  json_decref(info);
  e2e_release(&with);
}
END_TEST

/* The parent's trace goes on; children have none, and say so. */
START_TEST(nothing_may_be_opened)
{
  struct e2e_result with;
  json_t *info;

  run("noopen", 0, &with);
  info = judge_info(e2e_only_trace(e2e_dir()));
  ck_assert(json_is_true(e2e_get(info, "complete")));
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_int_eq(e2e_int(info, "threads"), 21);
  json_decref(info);
  e2e_release(&with);
}
END_TEST

static const unsigned long address_spaces[] = {50, 100, 200, 1000};

START_TEST(little_address_space)
{
  struct e2e_result with;

  run("memory", address_spaces[_i], &with);
  e2e_release(&with);
}
END_TEST

static const struct limit {
  int resource;
  rlim_t value;
} limits[] = {{RLIMIT_MEMLOCK, 0},      {RLIMIT_NPROC, 1},        {RLIMIT_STACK, 64 << 10}, {RLIMIT_DATA, 64 << 20},
              {RLIMIT_CORE, 0},         {RLIMIT_SIGPENDING, 0},   {RLIMIT_NOFILE, 7},       {RLIMIT_NOFILE, 20},
              {RLIMIT_AS, 256ul << 20}, {RLIMIT_FSIZE, 10 << 10}, {RLIMIT_FSIZE, 0}};

static void set_limit(const void *arg)
{
  const struct limit *l = arg;
  const struct rlimit limit = {l->value, l->value};

  if (setrlimit((__rlimit_resource_t)l->resource, &limit))
    _exit(126);
}

/* e2e's own files are open for writing already: a file-size limit of 0 is not for the program's output. */
START_TEST(awkward_limits)
{
  struct e2e_spec spec = {
      .argv = E2E_ARGV(e2e_prog("churn"), "1", "20000", "100", "100"), .prepare = set_limit, .arg = &limits[_i]};
  struct e2e_result with;

  if (limits[_i].resource == RLIMIT_FSIZE && !limits[_i].value)
    spec.argv = E2E_ARGV("true");
  judge_same(spec, NULL, &with);
  e2e_release(&with);
}
END_TEST

/* A group of this test's own, of either version of control groups. */
static char group[100];

static void enter_group(const void *arg)
{
  char path[200];
  int fd;

  (void)arg;
  snprintf(path, sizeof path, "%s/cgroup.procs", group);
  fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "0", 1) != 1)
    _exit(126);
  close(fd);
}

static bool write_limit(const char *name, const char *text)
{
  char path[200];
  bool good;
  int fd;

  snprintf(path, sizeof path, "%s/%s", group, name);
  fd = open(path, O_WRONLY | O_CLOEXEC);
  good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  if (fd >= 0)
    close(fd);
  return good;
}

static bool make_group(void)
{
  static const char *const tops[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};

  for (size_t i = 0; i < 2; i++) {
    snprintf(group, sizeof group, "%s/vmtrace-test-%d", tops[i], getpid());
    if (mkdir(group, 0755))
      continue;
    if (write_limit("memory.limit_in_bytes", "60M") || write_limit("memory.max", "60M"))
      return true;
    rmdir(group);
  }
  return false;
}

START_TEST(out_of_memory_killer)
{
  const struct e2e_spec spec = {
      .argv = E2E_ARGV(e2e_prog("ordeal"), "eat"), .preload = e2e_library(), .prepare = enter_group};
  struct e2e_result result;
  json_t *info;

  if (!make_group())
    E2E_SKIP("no control group that limits memory can be made");
  e2e_run(&spec, &result);
  rmdir(group);
  ck_assert_msg(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGKILL, "status %x: %s", result.status,
                result.err);
  info = judge_info(e2e_only_trace(e2e_dir()));
  ck_assert_int_gt(e2e_int(info, "events.alloc"), 100);
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_int_eq(e2e_int(info, "damage.bad_records"), 0);
  json_decref(info);
  e2e_release(&result);
}
END_TEST

/* The disk is full at any stage: at the header, at the first chunk, at a thread's stream, at a sample, at a copy. */
START_TEST(full_disk_at_every_stage)
{
  char options[32];
  unsigned stopped = 0;

  if (geteuid() != 0)
    E2E_SKIP("needs root");
  if (unshare(CLONE_NEWNS) || mount(NULL, OWN_FS, NULL, MS_REC | MS_PRIVATE, NULL))
    E2E_SKIP("no mount namespace: %m");
  for (unsigned kib = 4; kib <= 260; kib += kib < 100 ? 4 : 32) {
    struct e2e_result with;

    snprintf(options, sizeof options, "size=%uk", kib);
    if (mount("tmpfs", OWN_FS, "tmpfs", 0, options))
      E2E_SKIP("no file system can be mounted on %s: %m", OWN_FS);
    judge_same((struct e2e_spec){.argv = E2E_ARGV(e2e_prog("churn"), "3", "20000", "100", "100")},
               "VMTRACE_OUT=" OWN_FS "/full.vmt", &with);
    stopped += strstr(with.err, "vmtrace: ") != NULL;
    if (!access(OWN_FS "/full.vmt", F_OK)) {
      json_t *info = judge_info(OWN_FS "/full.vmt");

      ck_assert_int_eq(e2e_int(info, "damage.bad_records"), 0);
      ck_assert_int_gt(e2e_int(info, "events.alloc") + e2e_int(info, "lost"), 1000);
      json_decref(info);
    }
    e2e_release(&with);
    umount(OWN_FS);
  }
  ck_assert_uint_gt(stopped, 10);
}
END_TEST

/* A trace of more than 64 GiB, nearly all of it a hole: its chunks are found behind it. */
START_TEST(far_chunks)
{
  const char *far = e2e_path("far");
  const off_t gap = (off_t)65 << 30;
  struct e2e_result with;
  json_t *near_info, *far_info;
  static char text[1 << 20];
  int from, to;
  ssize_t n;

  run("loads", 0, &with);
  from = open(e2e_only_trace(e2e_dir()), O_RDONLY | O_CLOEXEC);
  to = open(far, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  ck_assert_int_eq(pread(from, text, 8192, 0), 8192);
  ck_assert_int_eq(pwrite(to, text, 8192, 0), 8192);
  for (off_t at = 8192; (n = pread(from, text, sizeof text, at)) > 0; at += n) {
    if (pwrite(to, text, (size_t)n, at + gap) != n)
      E2E_SKIP("no file can be that long here: %m");
  }
  close(from);
  close(to);
  near_info = judge_info(e2e_only_trace(e2e_dir()));
  far_info = judge_info(far);
  ck_assert(json_is_true(e2e_get(far_info, "complete")));
  ck_assert(json_equal(e2e_get(near_info, "events"), e2e_get(far_info, "events")));
  json_decref(near_info);
  json_decref(far_info);
  e2e_release(&with);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("ordeal");
  TCase *numbers = e2e_case(suite, "numbers", 600), *tcase = e2e_case(suite, "surroundings", 120);

  tcase_add_test(numbers, threads_at_once);
  tcase_add_test(numbers, threads_in_a_row);
  tcase_add_test(numbers, late_destructors);
  tcase_add_test(numbers, many_children);
  tcase_add_test(numbers, exec_chain);
  tcase_add_loop_test(tcase, nothing_lost, 0, (int)(sizeof harmless / sizeof *harmless));
  tcase_add_test(tcase, pages_without_scan);
  tcase_add_test(tcase, taken_addresses);
  tcase_add_test(tcase, nothing_may_be_opened);
  tcase_add_loop_test(tcase, little_address_space, 0, (int)(sizeof address_spaces / sizeof *address_spaces));
  tcase_add_loop_test(tcase, awkward_limits, 0, (int)(sizeof limits / sizeof *limits));
  tcase_add_test(tcase, out_of_memory_killer);
  tcase_add_test(tcase, full_disk_at_every_stage);
  tcase_add_test(tcase, far_chunks);
  return e2e_main(suite);
}
