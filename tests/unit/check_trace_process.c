/*
 * Unit tests of the trace writer across processes and threads: fork with and
 * without its hooks, kill at any moment, many threads at once and one after
 * the other.
 */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock_table.h"
#include "capture.h"
#include "emulated.h"
#include "must.h"
#include "trace/trace.h"
#include "trace/trace_fast.h"
#include "trace_decode.h"
#include "trace_ops.h"
#include "unit.h"

enum { H_ID = 32, H_PARENT = 48, H_PID = 96 };

static char paths[256]; /* template with %p */

static const char *path_of(int pid)
{
  static char path[300];

  snprintf(path, sizeof path, "%.*s%d", (int)(strlen(paths) - 2), paths, pid);
  return path;
}

static bool begin(void)
{
  snprintf(paths, sizeof paths, "%s.%%p", temp_path("trace"));
  return trace_begin(paths, 0);
}

static void write_ops(struct ops *ops, struct trace_writer *w, unsigned long count)
{
  for (unsigned long i = 0; i < count; i++)
    ops_write(ops, w);
}

static void wait_for(pid_t pid, int expected)
{
  int status;

  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(status, expected);
}

static void expect_trace(int pid, uint64_t seed, uint64_t count, const uint8_t *parent)
{
  struct decoded d;

  decode(&d, path_of(pid));
  ck_assert_int_eq((int)decoded_u32(&d, H_PID), pid);
  if (parent)
    ck_assert_int_eq(memcmp(d.bytes + H_PARENT, parent, 16), 0);
  ck_assert_uint_eq(d.streams, 1);
  ck_assert_uint_eq(ops_expect_stream(seed, &d.stream[0]), count);
  decoded_release(&d);
}

START_TEST(a_child_of_fork_has_its_own_trace)
{
  struct ops ops = {1};
  struct trace_writer *w;
  uint8_t id[16];
  pid_t pid;

  ck_assert(begin());
  w = trace_first_writer();
  write_ops(&ops, w, _i);
  memcpy(id, trace_id(), 16);
  lock_table_take();
  pid = fork();
  if (pid)
    lock_table_release();
  if (pid == 0) {
    struct ops own = {2};

    lock_table_renew(FORK_HELD);
    trace_renew(NULL);
    ck_assert(!trace_active());
    ck_assert_str_eq(trace_path(), "");
    /* The parent's descriptor is closed: nothing else is open here but what Check and capture.h opened. */
    for (int fd = 500; fd < 1100; fd++)
      ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    ck_assert(trace_begin(paths, 0));
    write_ops(&own, trace_first_writer(), 50000);
    _exit(0);
  }
  write_ops(&ops, w, 50000);
  wait_for(pid, 0);
  expect_trace(getpid(), 1, 50000 + (unsigned)_i, NULL);
  expect_trace(pid, 2, 50000, id);
}
END_TEST

static struct trace_writer *child_writer;
static int surprises;

static uint32_t on_surprise(uint32_t stack)
{
  surprises++;
  trace_renew(NULL);
  trace_begin(paths, 0);
  child_writer = trace_first_writer();
  return stack;
}

START_TEST(a_child_that_no_hook_saw_has_its_own_trace)
{
  struct ops ops = {1};
  struct trace_writer *w;
  uint8_t id[16];
  pid_t pid;

  if (emulated_without("a_child_that_no_hook_saw_has_its_own_trace", "MADV_WIPEONFORK"))
    return;
  ck_assert(begin());
  trace_set_surprise_fork(on_surprise);
  w = trace_first_writer();
  write_ops(&ops, w, 3000);
  memcpy(id, trace_id(), 16);
  pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) {
    struct ops own = {2};

    trace_note_alive(1); /* must not reach the parent's header */
    trace_note_lost(1);
    trace_end(VT_ENDED_EXIT, 3);
    write_ops(&own, w, 1);
    write_ops(&own, child_writer, 19999);
    _exit(surprises == 1 ? 0 : 1);
  }
  write_ops(&ops, w, 50000);
  wait_for(pid, 0);
  expect_trace(getpid(), 1, 53000, NULL);
  expect_trace(pid, 2, 20000, id);
}
END_TEST

START_TEST(a_child_without_a_trace_writes_nothing)
{
  struct ops ops = {1};
  struct trace_writer *w;
  struct decoded before, after;
  pid_t pid;

  if (emulated_without("a_child_without_a_trace_writes_nothing", "MADV_WIPEONFORK"))
    return;
  ck_assert(begin());
  w = trace_first_writer();
  write_ops(&ops, w, 3000);
  decode(&before, trace_path());
  pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) {
    write_ops(&ops, w, 100000);
    trace_writer_close(w);
    trace_note_alive(5);
    trace_end(VT_ENDED_EXIT, 3);
    trace_move_fd();
    _exit(trace_writer_open(0, 1, 1, VT_ROLE_PROGRAM) == &trace_none ? 0 : 1);
  }
  wait_for(pid, 0);
  decode(&after, trace_path());
  ck_assert_uint_eq(before.size, after.size);
  ck_assert_int_eq(memcmp(before.bytes, after.bytes, after.size), 0);
  decoded_release(&before);
  decoded_release(&after);
}
END_TEST

/* What each stream of the process to be killed has surely written. */
#define KILL_STREAMS 3
struct progress {
  uint64_t done[KILL_STREAMS];
};

struct endless {
  struct progress *progress;
  unsigned number;
};

static void *write_until_killed(void *arg)
{
  const struct endless *e = arg;
  struct trace_writer *w = trace_writer_open(0, e->number, 0, VT_ROLE_PROGRAM);
  struct ops ops = {100 + w->thread};

  for (uint64_t done = 1;; done++) {
    ops_write(&ops, w);
    __atomic_store_n(&e->progress->done[w->thread], done, __ATOMIC_RELEASE);
  }
  return NULL;
}

static void be_killed(struct progress *progress)
{
  struct endless endless[KILL_STREAMS];
  pthread_t thread;

  trace_begin(paths, 0);
  for (unsigned i = 0; i < KILL_STREAMS; i++) {
    endless[i] = (struct endless){progress, i};
    if (i + 1 < KILL_STREAMS)
      pthread_create(&thread, NULL, write_until_killed, &endless[i]);
    else
      write_until_killed(&endless[i]);
  }
}

START_TEST(nothing_is_lost_by_a_kill)
{
  struct progress *progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  unsigned copies = 0;

  snprintf(paths, sizeof paths, "%s.%%p", temp_path("killed"));
  for (unsigned round = 0; round < 60; round++) {
    struct decoded d;
    pid_t pid;

    memset(progress, 0, sizeof *progress);
    pid = fork();
    if (pid == 0)
      be_killed(progress);
    while (!__atomic_load_n(&progress->done[0], __ATOMIC_ACQUIRE))
      sched_yield();
    usleep((unsigned)(round * 7919 % 5000));
    kill(pid, SIGKILL);
    wait_for(pid, SIGKILL);
    decode(&d, path_of(pid));
    for (unsigned i = 0; i < d.streams; i++) {
      uint64_t kept = d.stream[i].count ? ops_expect_stream(100 + i, &d.stream[i]) : 0;

      ck_assert_msg(kept == progress->done[i] || kept == progress->done[i] + 1, "%lu of %lu events",
                    (unsigned long)kept, (unsigned long)progress->done[i]);
    }
    copies += d.copies;
    decoded_release(&d);
    unlink(path_of(pid));
  }
  fprintf(stderr, "killed 60 times, %u times in the middle of a copy\n", copies);
}
END_TEST

#define THREADS 8
#define THREAD_OPS 40000

static void *thread_main(void *arg)
{
  unsigned number = (unsigned)(uintptr_t)arg;
  struct trace_writer *w = trace_writer_open(0, number, (int)number, VT_ROLE_PROGRAM);
  struct ops ops = {number};

  write_ops(&ops, w, THREAD_OPS);
  if (number % 2)
    trace_writer_close(w);
  return NULL;
}

START_TEST(threads_write_at_once)
{
  pthread_t thread[THREADS];
  struct decoded d;

  ck_assert(begin());
  for (unsigned i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, thread_main, (void *)(uintptr_t)(i + 1));
  for (unsigned i = 0; i < 20; i++) {
    trace_note_alive(i);
    __atomic_add_fetch(&trace_tick, TRACE_TICK, __ATOMIC_RELAXED);
    trace_note_lost(1);
    usleep(100);
  }
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join(thread[i], NULL);
  trace_end(VT_ENDED_EXIT, 0);
  decode(&d, trace_path());
  ck_assert_uint_eq(d.streams, THREADS);
  for (unsigned i = 0; i < THREADS; i++)
    ck_assert_uint_eq(ops_expect_stream(d.stream[i].event[0].field[1], &d.stream[i]), THREAD_OPS);
  decoded_release(&d);
}
END_TEST

/* Streams that come and go cost one block of the file each, and streams at the same time two. */
START_TEST(many_streams_are_cheap)
{
  enum { LATER = 5000, LIVE = 1000, EVENTS = 10 };
  struct trace_writer *live[LIVE];
  struct decoded d;
  struct stat st;

  ck_assert(begin());
  for (unsigned i = 0; i < LATER; i++) {
    struct trace_writer *w = trace_writer_open(0, i + 1, 1, VT_ROLE_PROGRAM);

    ck_assert_uint_eq(w->thread, i);
    for (unsigned k = 0; k < EVENTS; k++)
      trace_alloc(w, UINT64_C(0x1000) * k, 100, 0);
    trace_writer_close(w);
  }
  ck_assert_int_eq(stat(trace_path(), &st), 0);
  ck_assert_int_lt(st.st_size, LATER * 4096 + 65536);
  for (unsigned i = 0; i < LIVE; i++) {
    live[i] = trace_writer_open(0, i + 1, 1, VT_ROLE_PROGRAM);
    for (unsigned k = 0; k < i; k++)
      must(live[i] != live[k], "a writer was given out twice");
    trace_alloc(live[i], 4096, i, 0);
  }
  ck_assert_int_eq(stat(trace_path(), &st), 0);
  ck_assert_int_lt(st.st_size, LATER * 4096 + LIVE * 8192 + 65536);
  decode(&d, trace_path());
  ck_assert_uint_eq(d.streams, LATER + LIVE);
  for (unsigned i = 0; i < LATER + LIVE; i++) {
    ck_assert_uint_eq(d.stream[i].chunks, 1);
    ck_assert_uint_eq(d.stream[i].count, i < LATER ? EVENTS + 1 : 2);
  }
  decoded_release(&d);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("trace_process");
  TCase *tc = unit_case(suite, "trace_process", 120);

  tcase_add_loop_test(tc, a_child_of_fork_has_its_own_trace, 0, 2);
  tcase_add_test(tc, a_child_that_no_hook_saw_has_its_own_trace);
  tcase_add_test(tc, a_child_without_a_trace_writes_nothing);
  tcase_add_test(tc, nothing_is_lost_by_a_kill);
  tcase_add_test(tc, threads_write_at_once);
  tcase_add_test(tc, many_streams_are_cheap);
  return unit_main(suite);
}
