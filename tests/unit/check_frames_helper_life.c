/*
 * The sampler's helper when things end or change around it: forks, the first
 * thread's end, mappings that come and go, several takers, no helper at all, no /proc.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/layout.h"
#include "base/lock_table.h"
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
/* What the child of a fork does: 0 when all is as it should be. */
static int forked_child(void)
{
  int tid = 0;

  lock_table_renew(FORK_HELD);
  sampler_renew();
  if (sampler_running() || other_threads(&tid) != 0)
    return 2;
  sink_reset();
  sampler_take(VT_SAMPLE_MARK, SECOND);
  if (sink_count() != 1 || !sink_state(&config) || sink_last()->number != 0)
    return 3;
  if (!sampler_start(&config) || !sink_wait(3))
    return 4;
  sampler_stop();
  return 0;
}

START_TEST(fork_while_sampling)
{
  ck_assert(sampler_start(&config));
  for (int i = 0; i < 50; i++) {
    unsigned count = sink_count();
    pid_t child;
    int status;

    lock_table_take();
    child = fork();
    if (child == 0)
      _exit(forked_child());
    lock_table_release();
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(sampler_running());
    ck_assert(sink_wait(count + 1));
  }
  sampler_stop();
}
END_TEST

/* The first thread leaves by the bare system call, which ends no other: the helper must not keep the process. */
START_TEST(helper_is_no_reason_to_live)
{
  pid_t child = fork();
  int status = 0;

  if (child == 0) {
    if (!sampler_start(&config) || !sink_wait(1))
      _exit(1);
    syscall(SYS_exit, 7);
  }
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert(WIFEXITED(status));
  ck_assert_int_eq(WEXITSTATUS(status), 7);
}
END_TEST

static void *outlive(void *arg)
{
  char state[64] = "";

  (void)arg;
  while (*state != 'Z')
    read_status(getpid(), "State", state, sizeof state);
  sampler_stop();
  sink_reset();
  sampler_renew(); /* everything is to be found anew */
  if (!sampler_start(&config) || !sink_wait(5) || !sampler_running())
    _exit(1);
  _exit(sink_last()->present > 10 && sink_sample(0)->vmas > 5 ? 0 : 2);
}

START_TEST(first_thread_may_end_early)
{
  pid_t child = fork();
  int status = 0;

  if (child == 0) {
    pthread_t thread;

    if (!sampler_start(&config) || pthread_create(&thread, NULL, outlive, NULL))
      _exit(1);
    pthread_exit(NULL);
  }
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}
END_TEST

static void *busy_mapper(void *arg)
{
  volatile bool *stop = arg;

  for (unsigned i = 1; !*stop; i++) {
    size_t size = (i * 2654435761u % 700 + 1) * FRAME_SIZE;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
      return NULL;
    for (size_t at = 0; at < size; at += 3 * FRAME_SIZE)
      p[at] = 1;
    munmap(p, size);
  }
  return NULL;
}

/* Mappings come and go while samples run; the sink itself checks that what it is told fits together. */
START_TEST(mappings_change_meanwhile)
{
  volatile bool stop = false;
  pthread_t thread[2];

  config.period_ms = 1;
  ck_assert(sampler_start(&config));
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq(pthread_create(&thread[i], NULL, busy_mapper, (void *)&stop), 0);
  for (int i = 0; i < 100; i++)
    sampler_take(VT_SAMPLE_MARK, SECOND);
  stop = true;
  for (int i = 0; i < 2; i++)
    pthread_join(thread[i], NULL);
  sampler_stop();
  ck_assert_uint_ge(sink_count(), 100);
}
END_TEST

static void *taker(void *arg)
{
  (void)arg;
  for (int i = 0; i < 50; i++) {
    sampler_take(VT_SAMPLE_MARK, 10 * SECOND);
    usleep(1000);
  }
  return NULL;
}

/* Without a helper every taker does it by itself, one at a time; a fork waits for their descriptors. */
START_TEST(takers_exclude_each_other)
{
  pthread_t thread[4];

  config.period_ms = 0;
  ck_assert(sampler_start(&config));
  ck_assert(sink_wait(1));
  sampler_stop();
  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_create(&thread[i], NULL, taker, NULL), 0);
  for (int i = 0; i < 20; i++) {
    char fds[512], plain[512] = "";
    pid_t child;
    int status;

    lock_table_take();
    child = fork();
    if (child == 0) {
      char link[64];

      list_descriptors(sys_gettid(), fds, sizeof fds);
      for (char *fd = strtok(fds, " "); fd; fd = strtok(NULL, " ")) {
        ssize_t n;

        snprintf(link, sizeof link, "/proc/self/fd/%s", fd);
        n = readlink(link, plain, sizeof plain - 1);
        plain[n > 0 ? n : 0] = '\0';
        if (strstr(plain, "maps") || strstr(plain, "pagemap") || strstr(plain, "kpageflags"))
          _exit(1);
      }
      _exit(0);
    }
    lock_table_release();
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
  }
  for (int i = 0; i < 4; i++)
    pthread_join(thread[i], NULL);
  ck_assert_uint_eq(sink_count(), 201);
}
END_TEST

static pthread_barrier_t barrier;

static void *late_taker(void *arg)
{
  pthread_barrier_wait(&barrier);
  return taker(arg);
}

/* Refuses clone to the calling thread: with EPERM, as a sandbox does. */
static bool refuse_clone(void)
{
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};

  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static enum { START_UNTRIED, START_REFUSED, START_GRANTED } start_result;

/* A thread of its own, because a filter lasts as long as its thread. */
static void *refused_starter(void *arg)
{
  (void)arg;
  if (refuse_clone())
    start_result = sampler_start(&config) || sampler_running() ? START_GRANTED : START_REFUSED;
  return NULL;
}

/* No helper is no reason for anything to fail; takes work, from any number of threads. */
START_TEST(helper_is_refused)
{
  pthread_t thread[4], starter;

  pthread_barrier_init(&barrier, NULL, 5);
  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_create(&thread[i], NULL, late_taker, NULL), 0);
  ck_assert_int_eq(pthread_create(&starter, NULL, refused_starter, NULL), 0);
  pthread_join(starter, NULL);
  ck_assert_int_ne(start_result, START_GRANTED);
  if (start_result == START_UNTRIED)
    puts("skip: helper_is_refused: no seccomp filters here");
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < 4; i++)
    pthread_join(thread[i], NULL);
  sampler_poke(VT_SAMPLE_FORK);
  sampler_stop();
  ck_assert_uint_eq(sink_count(), start_result == START_UNTRIED ? 0 : 200);
}
END_TEST

/* A program without /proc: no samples, one line, and nothing else. */
START_TEST(without_proc)
{
  pid_t child;
  int status;

  if (geteuid() != 0) {
    puts("skip: without_proc: chroot needs root");
    return;
  }
  child = fork();
  if (child == 0) {
    if (chroot("/var/empty") && chroot("/tmp"))
      _exit(1);
    if (sampler_probe() != 0)
      _exit(2);
    if (!sampler_start(&config))
      _exit(3);
    sampler_take(VT_SAMPLE_EXIT, SECOND);
    while (sink_alive_count() < 3)
      usleep(1000);
    sampler_stop();
    _exit(sink_count() ? 4 : 0);
  }
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("frames: the sampler's life");
  TCase *tests = unit_case(suite, "all", 60);

  tcase_add_checked_fixture(tests, set_up, NULL);
  if (!THREADS_INSTRUMENTED) {
    tcase_add_test(tests, fork_while_sampling);
    tcase_add_test(tests, helper_is_no_reason_to_live);
    tcase_add_test(tests, first_thread_may_end_early);
    tcase_add_test(tests, mappings_change_meanwhile);
    tcase_add_test(tests, without_proc);
    tcase_add_test(tests, takers_exclude_each_other);
  } else {
    puts("skip: check_frames_helper_life: the bare thread cannot run instrumented code");
  }
  tcase_add_test(tests, helper_is_refused);
  return unit_main(suite);
}
