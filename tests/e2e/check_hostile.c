/*
 * Surroundings that a tracer does not like: the program ends as it does
 * without the library, and one line or the trace says what could not be recorded.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e_judge.h"

/* Takes the lines that begin with "vmtrace: " out of result->err; returns them, one process each. */
static char *take_our_lines(struct e2e_result *result, int *count)
{
  char *ours = calloc(1, result->err_len + 1), *kept = result->err;

  *count = 0;
  for (char *line = result->err, *end; *line; line = end) {
    size_t length = strcspn(line, "\n");

    end = line + length + (line[length] == '\n');
    if (!strncmp(line, "vmtrace: ", 9)) {
      strncat(ours, line, (size_t)(end - line));
      (*count)++;
    } else {
      kept = memmove(kept, line, (size_t)(end - line)) + (end - line);
    }
  }
  *kept = 0;
  result->err_len = (size_t)(kept - result->err);
  return ours;
}

/*
 * Runs the spec without and with the library: the same, but for at most one
 * line of ours on stderr per process that may have trouble.  Returns these lines.
 */
static const char *compare_processes(struct e2e_spec spec, const char *out, int processes, const char *library)
{
  char variable[4200];
  struct e2e_result without, with;
  int count;
  char *ours;

  snprintf(variable, sizeof variable, "VMTRACE_OUT=%s", out);
  e2e_run(&spec, &without);
  spec.preload = library;
  spec.env = E2E_ARGV(variable, "VMTRACE_STACK=0");
  e2e_run(&spec, &with);
  ours = take_our_lines(&with, &count);
  ck_assert_msg(count <= processes, "%d lines from %d processes:\n%s", count, processes, ours);
  e2e_expect_same(&without, &with, "without and with the library");
  e2e_release(&without);
  e2e_release(&with);
  return ours;
}

static const char *compare(struct e2e_spec spec, const char *out)
{
  return compare_processes(spec, out, 1, e2e_library());
}

static struct e2e_spec hostile(const char *const *argv)
{
  return (struct e2e_spec){.argv = argv};
}

/*
 * A private mount namespace for this test and all that it starts, in which
 * nothing that is mounted on that mount point shows elsewhere.  Not on "/", which is no mount point in a chroot.
 */
static bool unshare_mount_point(const char *point)
{
  return !unshare(CLONE_NEWNS) && !mount(NULL, point, NULL, MS_REC | MS_PRIVATE, NULL);
}

/* A file system of this test's own. */
#define OWN_FS "/dev/shm"
static bool mount_tmpfs(const char *options, unsigned long flags)
{
  return unshare_mount_point(OWN_FS) && !mount("tmpfs", OWN_FS, "tmpfs", flags, options);
}

/* Nothing is lost, and the last word is there. */
static void expect_whole(const char *trace)
{
  json_t *info = judge_info(trace);

  ck_assert(json_is_true(e2e_get(info, "complete")));
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_str_eq(e2e_str(info, "ended"), "exit");
  json_decref(info);
}

START_TEST(ordinary)
{
  json_t *info;

  ck_assert_str_eq(compare(hostile(E2E_ARGV(e2e_prog("hostile"), "plain")), e2e_path("%%e.vmt")), "");
  info = judge_info(e2e_path("hostile.vmt"));
  ck_assert(json_is_true(e2e_get(info, "complete")));
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_int_gt(e2e_int(info, "events.alloc"), 200000);
  ck_assert_int_eq(e2e_int(info, "threads"), 5);
}
END_TEST

START_TEST(full_disk)
{
  const char *line;
  json_t *info;

  E2E_NEED_ROOT();
  if (!mount_tmpfs("size=512k", 0))
    E2E_SKIP("no file system can be mounted on %s: %m", OWN_FS);
  line = compare(hostile(E2E_ARGV(e2e_prog("churn"), "1", "400000", "1000", "100")), OWN_FS "/%e.vmt");
  ck_assert_msg(strstr(line, "space") || strstr(line, "full"), "said: %s", line);
  info = judge_info(OWN_FS "/churn.vmt");
  ck_assert(json_is_false(e2e_get(info, "complete")));
  ck_assert_int_gt(e2e_int(info, "lost"), 1000);
  ck_assert_int_gt(e2e_int(info, "events.alloc"), 1000);
  ck_assert_str_eq(e2e_str(info, "ended"), "exit");
}
END_TEST

/* No space for the first byte. */
START_TEST(no_disk_at_all)
{
  int fd;

  E2E_NEED_ROOT();
  if (!mount_tmpfs("size=4k", 0))
    E2E_SKIP("no file system can be mounted on %s: %m", OWN_FS);
  fd = open(OWN_FS "/fill", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ck_assert_int_eq(posix_fallocate(fd, 0, 4096), 0);
  ck_assert_str_ne(compare(hostile(E2E_ARGV(e2e_prog("churn"), "1", "1000", "100", "100")), OWN_FS "/%p.vmt"), "");
  close(fd);
}
END_TEST

START_TEST(read_only_directory)
{
  const char *dir = e2e_path("closed"), *line, *out = e2e_path("closed/%%p.vmt");
  size_t count;

  if (geteuid() == 0) {
    if (!mount_tmpfs("size=64k", MS_RDONLY))
      E2E_SKIP("no file system can be mounted on %s: %m", OWN_FS);
    dir = OWN_FS;
    out = OWN_FS "/%p.vmt";
  } else {
    ck_assert_int_eq(mkdir(dir, 0555), 0);
  }
  line = compare(hostile(E2E_ARGV(e2e_prog("churn"), "1", "20000", "100", "100")), out);
  ck_assert_msg(strstr(line, dir), "said: %s", line);
  e2e_traces_free(e2e_traces(dir, &count));
  ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(no_such_directory)
{
  const char *line =
      compare(hostile(E2E_ARGV(e2e_prog("churn"), "1", "20000", "100", "100")), e2e_path("nowhere/%%p.vmt"));

  ck_assert_msg(strstr(line, "nowhere"), "said: %s", line);
}
END_TEST

static void limit_file_size(const void *arg)
{
  const struct rlimit limit = {100000, 100000};

  (void)arg;
  if (setrlimit(RLIMIT_FSIZE, &limit))
    _exit(126);
}

START_TEST(file_size_limit)
{
  struct e2e_spec spec = hostile(E2E_ARGV(e2e_prog("churn"), "1", "400000", "1000", "100"));
  json_t *info;

  spec.prepare = limit_file_size;
  ck_assert_str_ne(compare(spec, e2e_path("%%e.vmt")), "");
  info = judge_info(e2e_path("churn.vmt"));
  ck_assert(json_is_false(e2e_get(info, "complete")));
  ck_assert_int_gt(e2e_int(info, "lost"), 1000);
}
END_TEST

/* Under a file system that is empty. */
START_TEST(no_proc)
{
  json_t *info;

  E2E_NEED_ROOT();
  if (!unshare_mount_point("/proc") || mount("tmpfs", "/proc", "tmpfs", MS_RDONLY, NULL))
    E2E_SKIP("/proc cannot be hidden: %m");
  compare(hostile(E2E_ARGV(e2e_prog("hostile"), "plain")), e2e_path("one.vmt"));
  info = judge_info(e2e_path("one.vmt"));
  ck_assert_str_eq(e2e_str(info, "exe"), e2e_prog("hostile"));
  ck_assert(json_is_true(e2e_get(info, "complete")));
  json_decref(info);
}
END_TEST

static void limit_descriptors(const void *arg)
{
  const struct rlimit limit = {*(const rlim_t *)arg, *(const rlim_t *)arg};

  if (setrlimit(RLIMIT_NOFILE, &limit))
    _exit(126);
}

/* With three descriptors not even libc can be opened; with one more, everything but the trace. */
START_TEST(few_descriptors)
{
  static const rlim_t limits[] = {3, 4, 5, 6};

  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    struct e2e_spec spec = hostile(E2E_ARGV("/usr/bin/env", "true"));
    struct e2e_result with;
    char out[4200];

    snprintf(out, sizeof out, "VMTRACE_OUT=%s", e2e_path("%d.%%p.vmt", (int)limits[i]));
    spec.prepare = limit_descriptors;
    spec.arg = &limits[i];
    spec.preload = e2e_library();
    spec.env = E2E_ARGV(out);
    e2e_run(&spec, &with);
    ck_assert_msg(WIFEXITED(with.status), "limit %d: signal %d: %s", (int)limits[i], WTERMSIG(with.status), with.err);
    if (limits[i] > 3)
      e2e_expect_exit(&with, 0);
    e2e_release(&with);
  }
}
END_TEST

START_TEST(lowers_its_descriptors)
{
  compare(hostile(E2E_ARGV(e2e_prog("hostile"), "nofile")), e2e_path("%%p.vmt"));
}
END_TEST

START_TEST(closes_descriptors)
{
  ck_assert_str_eq(compare(hostile(E2E_ARGV(e2e_prog("hostile"), "closefrom")), e2e_path("%%e.vmt")), "");
  expect_whole(e2e_path("hostile.vmt"));
}
END_TEST

/* By no name can the trace be opened again: it has to stay open. */
START_TEST(closes_what_is_listed)
{
  const char *out = e2e_path("renamed.vmt");

  ck_assert_str_eq(compare(hostile(E2E_ARGV(e2e_prog("hostile"), "renamed", out)), out), "");
  expect_whole(e2e_path("renamed.vmt.moved"));
}
END_TEST

/* Behind the library's back: the trace goes on, and not in the program's file. */
START_TEST(reuses_numbers)
{
  const char *file = e2e_path("own");

  ck_assert_str_eq(compare(hostile(E2E_ARGV(e2e_prog("hostile"), "reused", file)), e2e_path("%%e.vmt")), "");
  expect_whole(e2e_path("hostile.vmt"));
}
END_TEST

START_TEST(wants_our_descriptor)
{
  ck_assert_str_eq(compare(hostile(E2E_ARGV(e2e_prog("hostile"), "highdup")), e2e_path("%%e.vmt")), "");
}
END_TEST

/* Without the right to more descriptors than the program has, the trace is at one of the highest numbers; by no name
 * can it be opened again. */
START_TEST(wants_our_descriptor_below_its_limit)
{
  static const rlim_t limit = 1024;
  const char *out = e2e_path("renamed.vmt");
  struct e2e_spec spec = hostile(E2E_ARGV(e2e_copy(e2e_prog("hostile")), "highdup", out));

  E2E_NEED_ROOT();
  spec.uid = 65534;
  spec.prepare = limit_descriptors;
  spec.arg = &limit;
  ck_assert_str_eq(compare_processes(spec, out, 1, e2e_copy(e2e_library())), "");
  expect_whole(e2e_path("renamed.vmt.moved"));
}
END_TEST

START_TEST(lowers_its_file_size)
{
  /* The program and the child that it has then. */
  compare_processes(hostile(E2E_ARGV(e2e_prog("hostile"), "fsize")), e2e_path("%%p.vmt"), 2, e2e_library());
}
END_TEST

/* What was opened before is all there is: the trace goes on, and so do samples. */
static void expect_samples(const char *mode, const char *argument)
{
  long long pages = 0;

  for (int round = 0; round < 20 && !pages; round++) {
    const char *trace = e2e_path("%d.vmt", round);
    json_t *info;

    compare(hostile(E2E_ARGV(e2e_prog("hostile"), mode, argument)), trace);
    info = judge_info(trace);
    ck_assert(json_is_true(e2e_get(info, "complete")));
    json_decref(info);
    pages = judge_exit_sample(trace);
  }
  ck_assert_int_gt(pages, 100);
}

static void break_stderr(const void *unused)
{
  int ends[2];

  (void)unused;
  if (pipe(ends) || dup2(ends[1], 2) != 2 || close(ends[0]) || close(ends[1]))
    _exit(126);
}

/* Nobody reads what the library has to say: no reason to end by a signal. */
START_TEST(broken_stderr)
{
  struct e2e_spec spec = hostile(E2E_ARGV(e2e_prog("churn"), "1", "20000", "100", "100"));

  spec.prepare = break_stderr;
  compare(spec, e2e_path("nowhere/%%p.vmt"));
}
END_TEST

static void close_stderr(const void *unused)
{
  (void)unused;
  if (close(2))
    _exit(126);
}

/* What the program opens at stderr's number is no place for messages. */
START_TEST(closed_stderr)
{
  struct e2e_spec spec = hostile(E2E_ARGV(e2e_prog("hostile"), "nostderr", e2e_path("own")));
  json_t *info;

  spec.prepare = close_stderr;
  compare(spec, e2e_path("%%e.vmt"));
  info = judge_info(e2e_path("hostile.vmt"));
  ck_assert(json_is_false(e2e_get(info, "complete")));
  json_decref(info);
}
END_TEST

START_TEST(changes_root)
{
  const char *dir = e2e_path("root");

  E2E_NEED_ROOT();
  ck_assert_int_eq(mkdir(dir, 0755), 0);
  expect_samples("chroot", dir);
}
END_TEST

/* The trace goes on; frame numbers are not for a program that gave up the right to see them. */
START_TEST(drops_privileges)
{
  const char *trace = e2e_path("drop.vmt");
  json_t *info;

  E2E_NEED_ROOT();
  compare(hostile(E2E_ARGV(e2e_prog("hostile"), "drop", NULL)), trace);
  info = judge_info(trace);
  ck_assert(json_is_true(e2e_get(info, "complete")));
  json_decref(info);
  ck_assert_int_eq(judge_exit_sample(trace), 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("hostile");
  TCase *surroundings = e2e_case(suite, "surroundings", 240), *disk = e2e_case(suite, "disk", 240);
  TCase *descriptors = e2e_case(suite, "descriptors", 240), *errors = e2e_case(suite, "stderr", 240);

  tcase_add_test(surroundings, ordinary);
  tcase_add_test(surroundings, no_proc);
  tcase_add_test(surroundings, changes_root);
  tcase_add_test(surroundings, drops_privileges);
  tcase_add_test(disk, full_disk);
  tcase_add_test(disk, no_disk_at_all);
  tcase_add_test(disk, read_only_directory);
  tcase_add_test(disk, no_such_directory);
  tcase_add_test(disk, file_size_limit);
  tcase_add_test(disk, lowers_its_file_size);
  tcase_add_test(descriptors, few_descriptors);
  tcase_add_test(descriptors, lowers_its_descriptors);
  tcase_add_test(descriptors, closes_descriptors);
  tcase_add_test(descriptors, closes_what_is_listed);
  tcase_add_test(descriptors, reuses_numbers);
  tcase_add_test(descriptors, wants_our_descriptor);
  tcase_add_test(descriptors, wants_our_descriptor_below_its_limit);
  tcase_add_test(errors, broken_stderr);
  tcase_add_test(errors, closed_stderr);
  return e2e_main(suite);
}
