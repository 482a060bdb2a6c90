/*
 * The sampler's life: the helper thread and what the program sees of it (which
 * should be nothing), ticks, takes, pokes, stop and start, fork.
 *
 * The helper is no thread to a sanitizer that keeps state per thread: under
 * ThreadSanitizer only takes by the program's own threads are tested.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
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
#include "base/sys.h"
#include "frames/page_entry.h"
#include "frames_sink.h"

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

/* Descriptors of a thread as one string, "0 1 2 7 "; the one that lists them left out. */
static void list_descriptors(int tid, char *text, size_t size)
{
  char path[64];
  struct dirent *entry;
  DIR *dir;

  snprintf(path, sizeof path, "/proc/self/task/%d/fd", tid);
  dir = opendir(path);
  ck_assert_ptr_nonnull(dir);
  *text = '\0';
  while ((entry = readdir(dir))) {
    if (*entry->d_name != '.' && (tid != sys_gettid() || atoi(entry->d_name) != dirfd(dir)))
      snprintf(text + strlen(text), size - strlen(text), "%s ", entry->d_name);
  }
  closedir(dir);
}

/* The threads of the process besides the calling one; *other is one of them. */
static int other_threads(int *other)
{
  struct dirent *entry;
  DIR *dir = opendir("/proc/self/task");
  int count = 0;

  ck_assert_ptr_nonnull(dir);
  while ((entry = readdir(dir))) {
    if (*entry->d_name != '.' && atoi(entry->d_name) != sys_gettid()) {
      *other = atoi(entry->d_name);
      count++;
    }
  }
  closedir(dir);
  return count;
}

static void read_status(int tid, const char *key, char *value, size_t size)
{
  char path[64], line[256];
  FILE *file;

  snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
  file = fopen(path, "r");
  ck_assert_ptr_nonnull(file);
  *value = '\0';
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, key, strlen(key)) == 0) {
      line[strcspn(line, "\n")] = '\0';
      snprintf(value, size, "%s", line + strlen(key) + 2);
    }
  }
  fclose(file);
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
  ck_assert_uint_eq(strtoull(value, NULL, 16) & ~UINT64_C(0xc0), 0); /* CAP_SETUID and CAP_SETGID, to give up more */
  /* Of the program's descriptors it has the one that it was to keep. */
  list_descriptors(tid, after, sizeof after);
  for (char *fd = strtok(after, " "); fd; fd = strtok(NULL, " ")) {
    ssize_t n;

    snprintf(path, sizeof path, "/proc/self/task/%d/fd/%s", tid, fd);
    n = readlink(path, target, sizeof target - 1);
    ck_assert_int_gt(n, 0);
    target[n] = '\0';
    kept |= atoi(fd) == pipes[1] && strncmp(target, "pipe:", 5) == 0;
    ck_assert_msg(atoi(fd) == pipes[1] || strstr(target, "eventpoll") || strncmp(target, "/proc/", 6) == 0, "%s: %s",
                  fd, target);
  }
  ck_assert(kept);
  sampler_stop();
  /* The other end of the pipe is nowhere but here. */
  close(pipes[1]);
  ck_assert_int_eq(read(pipes[0], value, 1), 0);
}
END_TEST

START_TEST(first_sample_comes_at_once)
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

/* The program gives up its privileges: so does the helper, which still sees frame numbers, and nothing else changes. */
static int privileged_child(void)
{
  char uid[64], gid[64], groups[64], caps[64];
  gid_t group = 65533;
  int tid;

  if (!sampler_start(&config) || !sink_wait(1) || other_threads(&tid) != 1)
    return 1;
  if (!(sink_last()->flags & VT_SAMPLE_PFN) || setgroups(1, &group) || setgid(65534) || setuid(65534))
    return 2;
  prctl(PR_SET_DUMPABLE, 1);
  for (int i = 0; i < 10000; i++) {
    read_status(tid, "CapEff", caps, sizeof caps);
    if (strcmp(caps, "0000000000000000") == 0)
      break;
    usleep(1000);
  }
  read_status(tid, "Uid", uid, sizeof uid);
  read_status(tid, "Gid", gid, sizeof gid);
  read_status(tid, "Groups", groups, sizeof groups);
  if (strcmp(caps, "0000000000000000") || strcmp(uid, "65534\t65534\t65534\t65534") ||
      strcmp(gid, "65534\t65534\t65534\t65534") || atoi(groups) != 65533)
    return 3;
  if (prctl(PR_GET_DUMPABLE) != 1)
    return 4;
  sampler_take(VT_SAMPLE_EXIT, SECOND);
  if (!(sink_last()->flags & VT_SAMPLE_PFN) || sink_last()->reason != VT_SAMPLE_EXIT)
    return 5;
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

/* What the child of a fork does: 0 when all is as it should be. */
static int forked_child(void)
{
  int tid = 0;

  sampler_after_fork(true);
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

    sampler_before_fork();
    child = fork();
    if (child == 0)
      _exit(forked_child());
    sampler_after_fork(false);
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
  sampler_after_fork(true); /* everything is to be found anew */
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
  ck_assert_uint_ge(sink_count(), 101);
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

    sampler_before_fork();
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
    sampler_after_fork(false);
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

#if defined(__SANITIZE_THREAD__)
#define HAVE_HELPER false
#else
#define HAVE_HELPER true
#endif

int main(void)
{
  Suite *suite = suite_create("frames: the sampler's life");
  TCase *tests = tcase_create("all");
  SRunner *runner = srunner_create(suite);
  int failed;

  tcase_add_checked_fixture(tests, set_up, NULL);
  tcase_set_timeout(tests, 60);
  if (HAVE_HELPER) {
    tcase_add_test(tests, helper_keeps_out_of_the_way);
    tcase_add_test(tests, first_sample_comes_at_once);
    tcase_add_test(tests, ticks_lie_on_multiples);
    tcase_add_test(tests, values_are_read_at_ticks);
    tcase_add_test(tests, take_is_done_on_return);
    tcase_add_test(tests, pokes_are_answered);
    tcase_add_test(tests, stop_and_start);
    tcase_add_test(tests, stop_keeps_the_picture);
    tcase_add_test(tests, fork_while_sampling);
    tcase_add_test(tests, helper_follows_the_program);
    tcase_add_test(tests, helper_is_no_reason_to_live);
    tcase_add_test(tests, first_thread_may_end_early);
    tcase_add_test(tests, mappings_change_meanwhile);
    tcase_add_test(tests, without_proc);
    tcase_add_test(tests, takers_exclude_each_other);
  } else {
    puts("skip: check_frames_helper: the bare thread cannot run instrumented code");
  }
  tcase_add_test(tests, helper_is_refused);
  suite_add_tcase(suite, tests);
  srunner_run_all(runner, CK_ENV);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
