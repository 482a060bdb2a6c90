/*
 * The sampler's life: the helper thread and what the program sees of it (which
 * should be nothing), ticks, takes, pokes, stop and start, fork.
 *
 * The helper is no thread to a sanitizer that keeps state per thread: under
 * ThreadSanitizer only takes by the program's own threads are tested.
 */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/layout.h"
#include "base/sys.h"
#include "frames/page_entry.h"
#include "frames_sink.h"
#include "frames_threads.h"
#include "instrumented.h"
#include "unit.h"

#define SECOND UINT64_C(1000000000)

static struct sampler_config config = {
    .period_ms = 5,
    .skip_start = OWN_START,
    .skip_end = META_END,
    .skip_tables = META_START,
    .keep_fd = -1,
    .sink = &sink_table,
};

static void set_up(void)
{
  sink_reset();
}
START_TEST(helper_keeps_out_of_the_way)
{
  char before[512], after[512], value[64], path[64], target[256];
  int pipes[2], tid = 0;
  bool kept = false;
  uint64_t old_mask = 0, mask = 1;

  ck_assert_int_eq(pipe(pipes), 0);
  syscall(SYS_rt_sigprocmask, 0, NULL, &old_mask, sizeof old_mask);
  list_descriptors(sys_gettid(), before, sizeof before);
  config.keep_fd = pipes[1];
  ck_assert(sampler_start(&config));
  list_descriptors(sys_gettid(), after, sizeof after);
  ck_assert_str_eq(before, after);
  syscall(SYS_rt_sigprocmask, 0, NULL, &mask, sizeof mask);
  ck_assert_uint_eq(old_mask, mask);

  ck_assert_int_eq(other_threads(&tid), 1);
  read_status(tid, "Name", value, sizeof value);
  ck_assert_str_eq(value, "vmtrace");
  read_status(tid, "SigBlk", value, sizeof value);
  ck_assert_str_eq(value, "fffffffffffbfeff"); /* all but SIGKILL and SIGSTOP */
  read_status(tid, "CapEff", value, sizeof value);
  ck_assert_uint_eq(strtoull(value, NULL, 16), 0);
  /* Of the program's descriptors it has the one that it was to keep. */
  list_descriptors(tid, after, sizeof after);
  for (char *fd = strtok(after, " "); fd; fd = strtok(NULL, " ")) {
    ssize_t n;

    snprintf(path, sizeof path, "/proc/self/task/%d/fd/%s", tid, fd);
    n = readlink(path, target, sizeof target - 1);
    ck_assert_int_gt(n, 0);
    target[n] = '\0';
    kept |= atoi(fd) == pipes[1] && strncmp(target, "pipe:", 5) == 0;
    ck_assert_msg(atoi(fd) == pipes[1] || strstr(target, "eventpoll") || strncmp(target, "/proc/", 6) == 0 ||
                      strncmp(target, "/sys/kernel/mm/ksm/", 19) == 0,
                  "%s: %s", fd, target);
  }
  ck_assert(kept);
  sampler_stop();
  /* The other end of the pipe is nowhere but here. */
  close(pipes[1]);
  ck_assert_int_eq(read(pipes[0], value, 1), 0);
}
END_TEST

START_TEST(first_sample_comes_unasked)
{
  config.period_ms = 0;
  ck_assert(sampler_start(&config));
  ck_assert(sink_wait(1));
  ck_assert_int_eq(sink_sample(0)->reason, VT_SAMPLE_START);
  ck_assert_uint_gt(sink_sample(0)->present, 10);
  ck_assert_uint_gt(sink_sample(0)->vmas, 5);
  ck_assert_uint_ne(sink_state(&config), 0);
  ck_assert_uint_eq(sink_sample(0)->flags & ~VT_SAMPLE_PARTIAL, sampler_probe());
  sampler_stop();
  ck_assert_uint_eq(sink_count(), 1);
}
END_TEST

START_TEST(ticks_lie_on_multiples)
{
  uint64_t period = config.period_ms * UINT64_C(1000000);

  ck_assert(sampler_start(&config));
  ck_assert(sink_wait(6));
  sampler_stop();
  ck_assert_uint_ge(sink_alive_count(), 5);
  /* Never two in one period, however late one of them comes. */
  for (unsigned i = 1; i < sink_alive_count(); i++)
    ck_assert_uint_gt(sink_alive(i) / period, sink_alive(i - 1) / period);
  for (unsigned i = 1; i < sink_count(); i++) {
    ck_assert_uint_eq(sink_sample(i)->number, i);
    ck_assert_int_eq(sink_sample(i)->reason, VT_SAMPLE_TICK);
  }
  ck_assert_uint_le(sink_count(), sink_alive_count() + 1);
}
END_TEST

START_TEST(values_are_read_at_ticks)
{
  static volatile int watched = 1;
  struct option_watch watch = {(uint64_t)(uintptr_t)&watched, VT_VALUE_INT};
  struct timespec pause = {0, 1000000};

  config.watch = &watch;
  config.watch_count = 1;
  ck_assert(sampler_start(&config));
  for (int i = 1; i <= 3; i++) {
    for (int t = 0; t < 10000 && sink_value_count() < (unsigned)i; t++)
      nanosleep(&pause, NULL);
    ck_assert_uint_eq(sink_value_count(), i);
    ck_assert_uint_eq(sink_value((unsigned)i - 1), i);
    watched++;
  }
  sampler_stop();
}
END_TEST

/* A program that stands still is sampled ever more rarely, and at once when it runs again. */
START_TEST(idle_programs_are_left_alone)
{
  struct timespec pause = {2, 0};
  volatile unsigned spins = 0;
  unsigned count;

  ck_assert(sampler_start(&config));
  nanosleep(&pause, NULL);
  count = sink_count();
  ck_assert_uint_le(count, 16); /* each gap is twice the one before, from 5 ms on */
  ck_assert_uint_gt(sink_alive_count(), count);
  for (uint64_t until = sys_now() + 10 * SECOND; sink_count() < count + 5 && sys_now() < until;)
    spins++;
  ck_assert_uint_ge(sink_count(), count + 5);
  sampler_stop();
}
END_TEST

START_TEST(take_is_done_on_return)
{
  for (int running = 0; running < 2; running++) {
    config.period_ms = 0;
    unsigned started = sink_count();

    ck_assert(sampler_start(&config));
    ck_assert(sink_wait(started + 1));
    if (!running)
      sampler_stop();
    for (int i = 0; i < 20; i++) {
      char before[512], after[512];
      unsigned count = sink_count();
      char *p = mmap(NULL, FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

      ck_assert_ptr_ne(p, MAP_FAILED);
      *p = 1;
      list_descriptors(sys_gettid(), before, sizeof before);
      errno = 77;
      sampler_take(VT_SAMPLE_EXIT, SECOND);
      ck_assert_int_eq(errno, 77);
      list_descriptors(sys_gettid(), after, sizeof after);
      ck_assert_str_eq(before, after);
      ck_assert_uint_eq(sink_count(), count + 1);
      ck_assert_int_eq(sink_last()->reason, VT_SAMPLE_EXIT);
      ck_assert_uint_ne(sink_state(p) & VT_PG_PRESENT, 0);
    }
    sampler_stop();
  }
}
END_TEST

START_TEST(pokes_are_answered)
{
  config.period_ms = 0;
  ck_assert(sampler_start(&config));
  ck_assert(sink_wait(1));
  for (unsigned i = 2; i < 6; i++) {
    sampler_poke(VT_SAMPLE_FORK);
    ck_assert(sink_wait(i));
    ck_assert_int_eq(sink_last()->reason, VT_SAMPLE_FORK);
  }
  sampler_stop();
  ck_assert_uint_eq(sink_count(), 5);
  sampler_poke(VT_SAMPLE_FORK);
}
END_TEST

/* The first thread gives up its privileges behind the library's back: the helper leaves, and another one sees what the
 * program sees. */
static int privileged_child(void)
{
  char uid[64], caps[64], before[64];
  int tid;

  if (!sampler_start(&config) || !sink_wait(1) || other_threads(&tid) != 1 || !sampler_privileged())
    return 1;
  /* Who has fewer capabilities cannot get at the helper's descriptors. */
  read_status(tid, "CapPrm", caps, sizeof caps);
  read_status(getpid(), "CapPrm", before, sizeof before);
  if (strcmp(caps, before) != 0)
    return 2;
  if (!(sink_last()->flags & VT_SAMPLE_PFN) || setgid(65534) || setuid(65534))
    return 3;
  for (int i = 0; i < 10000 && (sampler_running() || !sampler_left()); i++)
    usleep(1000);
  if (sampler_running() || sink_left_count() != 1)
    return 4;
  sampler_stop();
  prctl(PR_SET_DUMPABLE, 1);
  if (!sampler_start(&config) || sampler_left() || sampler_privileged() || other_threads(&tid) != 1)
    return 5;
  read_status(tid, "Uid", uid, sizeof uid);
  if (strcmp(uid, "65534\t65534\t65534\t65534") || prctl(PR_GET_DUMPABLE) != 1)
    return 6;
  sampler_take(VT_SAMPLE_EXIT, SECOND);
  if (sink_last()->flags & VT_SAMPLE_PFN || sink_last()->reason != VT_SAMPLE_EXIT)
    return 7;
  sampler_stop();
  return 0;
}

START_TEST(helper_follows_the_program)
{
  pid_t child;
  int status;

  if (geteuid() != 0 || !(sampler_probe() & VT_SAMPLE_PFN)) {
    puts("skip: helper_follows_the_program: nothing to give up for this user");
    return;
  }
  child = fork();
  if (child == 0)
    _exit(privileged_child());
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}
END_TEST

/* After a stop the process counts as single-threaded: unshare and setns ask for that. */
START_TEST(stop_and_start)
{
  char before[512], after[512];
  int tid;

  list_descriptors(sys_gettid(), before, sizeof before);
  for (int i = 0; i < 100; i++) {
    ck_assert(sampler_start(&config));
    ck_assert(sampler_running());
    if (i % 10 == 0)
      ck_assert(sink_wait(sink_count() + 1));
    sampler_stop();
    ck_assert(!sampler_running());
    ck_assert_int_eq(other_threads(&tid), 0);
  }
  sampler_stop();
  list_descriptors(sys_gettid(), after, sizeof after);
  ck_assert_str_eq(before, after);
  if (unshare(CLONE_NEWUSER) && errno != EPERM && errno != ENOSPC)
    ck_abort_msg("unshare: %s", strerror(errno));
}
END_TEST

START_TEST(stop_keeps_the_picture)
{
  static char page[3 * FRAME_SIZE];
  char *p = page + FRAME_SIZE;

  config.period_ms = 0;
  *p = 1;
  for (unsigned i = 1; i < 4; i++) {
    ck_assert(sampler_start(&config));
    ck_assert(sink_wait(i));
    sampler_stop();
    ck_assert_uint_eq(sink_reports(p), 1);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("frames: the sampler's helper");
  TCase *tests = unit_case(suite, "all", 60);

  tcase_add_checked_fixture(tests, set_up, NULL);
  if (!THREADS_INSTRUMENTED) {
    tcase_add_test(tests, helper_keeps_out_of_the_way);
    tcase_add_test(tests, first_sample_comes_unasked);
    tcase_add_test(tests, ticks_lie_on_multiples);
    tcase_add_test(tests, values_are_read_at_ticks);
    tcase_add_test(tests, idle_programs_are_left_alone);
    tcase_add_test(tests, take_is_done_on_return);
    tcase_add_test(tests, pokes_are_answered);
    tcase_add_test(tests, stop_and_start);
    tcase_add_test(tests, stop_keeps_the_picture);
    tcase_add_test(tests, helper_follows_the_program);
  } else {
    puts("skip: check_frames_helper: the bare thread cannot run instrumented code");
  }
  return unit_main(suite);
}
