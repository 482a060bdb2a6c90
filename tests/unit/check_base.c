/*
 * Unit tests of preload/base: formatting, options, locks, own memory, mapping
 * at an address.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/layout.h"
#include "base/lock_table.h"
#include "base/log.h"
#include "base/option.h"
#include "base/own.h"
#include "base/sys.h"

#include "unit.h"

START_TEST(formats_like_printf)
{
  char ours[256], libc[256];
  int n = text_format(ours, sizeof ours, "%s|%5d|%05d|%u|%lx|%016lx|%c|%zu|%%|%d", "text", -42, -42, 7u, 0xabcdefUL,
                      0x1234UL, 'c', sizeof ours, -2147483647 - 1);

  snprintf(libc, sizeof libc, "%s|%5d|%05d|%u|%lx|%016lx|%c|%zu|%%|%d", "text", -42, -42, 7u, 0xabcdefUL, 0x1234UL, 'c',
           sizeof ours, -2147483647 - 1);
  ck_assert_str_eq(ours, libc);
  ck_assert_int_eq(n, (int)strlen(libc));
}
END_TEST

START_TEST(formats_pointers_and_cuts)
{
  char buf[8];

  ck_assert_int_eq(text_format(buf, sizeof buf, "%p", (void *)0x200000), 8);
  ck_assert_str_eq(buf, "0x20000");
  ck_assert_int_eq(text_format(buf, 0, "abc"), 3);
}
END_TEST

/* Runs body in a child with NAME=VALUE set and collects what it says on stderr and returns. */
static int in_child(const char *assignment, int (*body)(void), char *said, size_t size)
{
  int pipes[2], status;
  size_t used = 0;
  ssize_t n;
  pid_t pid;

  ck_assert_int_eq(pipe(pipes), 0);
  pid = fork();
  if (pid == 0) {
    dup2(pipes[1], 2);
    close(pipes[0]);
    close(pipes[1]);
    putenv(strdup(assignment));
    _exit(body());
  }
  close(pipes[1]);
  while (used + 1 < size && (n = read(pipes[0], said + used, size - 1 - used)) > 0)
    used += (size_t)n;
  said[used] = '\0';
  close(pipes[0]);
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static int defaults_hold(void)
{
  const struct options *o = options_get();

  return !o->heap_next && o->stack_frames == 64 && o->sample_ms == 100 && !o->faults && !o->watch_count &&
         o->out[0] == '/' && strstr(o->out, "/vmtrace.%p.vmt");
}

static unsigned lines(const char *s)
{
  unsigned n = 0;

  while ((s = strchr(s, '\n'))) {
    n++;
    s++;
  }
  return n;
}

START_TEST(wrong_values_get_one_line_and_the_default)
{
  static const char *const wrong[] = {
      "VMTRACE_HEAP=pinned",
      "VMTRACE_STACK=-1",
      "VMTRACE_STACK=1025",
      "VMTRACE_STACK=12x",
      "VMTRACE_SAMPLE_MS=3600001",
      "VMTRACE_SAMPLE_MS=",
      "VMTRACE_FAULTS=yes",
      "VMTRACE_WATCH=0x200000",
      "VMTRACE_WATCH=:int",
      "VMTRACE_WATCH=0x1:short",
      "VMTRACE_WATCH=0x1:intx,0x2:int",
      "VMTRACE_LOG=loud",
      "VMTRACE_STACK=99999999999999999999999",
      "VMTRACE_OUT=",
  };
  char said[1024], name[64];
  const char *equals = strchr(wrong[_i], '=');

  ck_assert_int_eq(in_child(wrong[_i], defaults_hold, said, sizeof said), 1);
  ck_assert_uint_eq(lines(said), 1);
  snprintf(name, sizeof name, "%.*s", (int)(equals - wrong[_i]), wrong[_i]);
  ck_assert_ptr_nonnull(strstr(said, name));
  ck_assert_ptr_nonnull(strstr(said, "takes"));
}
END_TEST

static int watch_parsed(void)
{
  const struct options *o = options_get();

  return o->watch_count == 3 && o->watch[0].addr == 0x200000 && o->watch[0].type == VT_VALUE_INT &&
         o->watch[1].addr == 4096 && o->watch[1].type == VT_VALUE_DOUBLE && o->watch[2].addr == UINT64_MAX &&
         o->watch[2].type == VT_VALUE_PTR;
}

START_TEST(watch_list)
{
  char said[256];

  ck_assert_int_eq(in_child("VMTRACE_WATCH=0x200000:int,4096:double,0xffffffffffffffff:ptr", watch_parsed, said, 256),
                   1);
  ck_assert_str_eq(said, "");
}
END_TEST

static int out_is_off(void)
{
  return options_get()->out[0] == '\0';
}

START_TEST(out_off)
{
  char said[256];

  ck_assert_int_eq(in_child("VMTRACE_OUT=off", out_is_off, said, 256), 1);
  ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(trace_path_placeholders)
{
  char path[256], host[64], want[256];

  gethostname(host, sizeof host);
  ck_assert_int_eq(options_trace_path(path, sizeof path, "/t/%h-%p%%%x-%e.vmt%", 123), 0);
  snprintf(want, sizeof want, "/t/%s-123%%%%x-check_base.vmt%%", host);
  ck_assert_str_eq(path, want);
  ck_assert_int_eq(options_trace_path(path, 4, "/t/%p", 123), -ENAMETOOLONG);
}
END_TEST

START_TEST(own_memory_lies_in_its_range)
{
  char *whole = own_map(100), *small = own_alloc(100), *again;

  ck_assert_uint_ge((uint64_t)whole, OWN_START);
  ck_assert_uint_lt((uint64_t)whole, OWN_END);
  ck_assert_uint_ge((uint64_t)small, OWN_START);
  ck_assert_uint_lt((uint64_t)small, OWN_END);
  ck_assert_uint_eq((uint64_t)small % 64, 0);
  memset(small, 1, 100);
  own_free(small, 100);
  again = own_alloc(128);
  ck_assert_ptr_eq(small, again);
  for (int i = 0; i < 128; i++)
    ck_assert_int_eq(again[i], 0);
  own_unmap(whole, 100);
}
END_TEST

/* A program may have taken all addresses there are: that is found out soon. */
START_TEST(own_range_may_be_taken)
{
  void *before = own_map(4096);
  uint64_t start = ((uint64_t)before + (1 << 20)) & ~UINT64_C(4095);

  ck_assert_ptr_nonnull(before);
  ck_assert_int_eq(sys_map_at(start, OWN_END - start, PROT_NONE), 0);
  while (own_map(4096))
    ;
  ck_assert_ptr_null(own_map(4096));
}
END_TEST

START_TEST(map_at_never_replaces)
{
  uint64_t at = HIGH_START + SEGMENT_SIZE;

  ck_assert_int_eq(sys_map_at(at, 4096, PROT_READ | PROT_WRITE), 0);
  *(int *)at = 7;
  ck_assert_int_eq(sys_map_at(at, 8192, PROT_READ | PROT_WRITE), -EEXIST);
  ck_assert_int_eq(*(int *)at, 7);
  sys_munmap((void *)at, 4096);
}
END_TEST

START_TEST(calls_return_minus_errno)
{
  char buf[16];

  ck_assert_int_eq(sys_open("/nonexistent/file", O_RDONLY, 0), -ENOENT);
  ck_assert_int_eq((int)sys_read(-1, buf, 1), -EBADF);
  ck_assert_int_eq(sys_getpid(), getpid());
  ck_assert_int_gt((int)sys_read_file("/proc/self/comm", buf, sizeof buf), 0);
}
END_TEST

#define ROUNDS 100000
static struct guarded_lock counter_lock = {{0, LOCK_OWN}};
static long counter;

static void *count_up(void *unused)
{
  for (int i = 0; i < ROUNDS; i++) {
    guarded_lock_take(&counter_lock);
    counter++;
    guarded_lock_release(&counter_lock);
  }
  return unused;
}

START_TEST(lock_excludes)
{
  pthread_t threads[4];

  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, NULL), 0);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  ck_assert_int_eq(counter, 4 * ROUNDS);
  ck_assert(guarded_lock_try(&counter_lock));
  ck_assert(!guarded_lock_try(&counter_lock));
}
END_TEST

/* Addresses come back along with memory, for the same size at least; so a million rounds take none. */
START_TEST(own_addresses_serve_again)
{
  static const size_t sizes[] = {4096, 8192, 65536, 262144, 12288};
  uint64_t end;
  void *p[5];

  for (int round = 0; round < 2000; round++) {
    for (int i = 0; i < 5; i++) {
      p[i] = own_map(sizes[i]);
      ck_assert_ptr_nonnull(p[i]);
      memset(p[i], 1, 100);
    }
    for (int i = 0; i < 5; i++)
      own_unmap(p[i], sizes[i]);
    if (round == 0)
      end = own_end();
  }
  ck_assert_uint_eq(own_end(), end);
  /* Not over what is somebody else's by then. */
  p[0] = own_map(20480);
  own_unmap(p[0], 20480);
  ck_assert_int_eq(sys_map_at((uintptr_t)p[0], 4096, PROT_READ), 0);
  p[1] = own_map(20480);
  ck_assert_ptr_nonnull(p[1]);
  ck_assert_ptr_ne(p[1], p[0]);
}
END_TEST

/* These end by SIGABRT: unit tests are linked with a library that asserts the rules of its locks. */
START_TEST(a_wrong_order_of_locks_is_noticed)
{
  masked_lock_take(&lock_own);
  masked_lock_take(&lock_streams);
}
END_TEST

static bool is_never_guarded(void)
{
  return false;
}

START_TEST(a_guarded_lock_outside_of_a_guard_is_noticed)
{
  lock_check_guard_by(is_never_guarded);
  guarded_lock_take(&lock_stacks);
}
END_TEST

START_TEST(a_masked_lock_blocks_signals_as_long_as_it_is_held)
{
  uint64_t outer = masked_lock_take(&lock_streams), inner = masked_lock_take(&lock_own);
  sigset_t set;

  ck_assert(lock_table_holds_any());
  masked_lock_release(&lock_own, inner);
  sigprocmask(SIG_BLOCK, NULL, &set);
  ck_assert_int_eq(sigismember(&set, SIGTERM), 1);
  masked_lock_release(&lock_streams, outer);
  sigprocmask(SIG_BLOCK, NULL, &set);
  ck_assert_int_eq(sigismember(&set, SIGTERM), 0);
  ck_assert(!lock_table_holds_any());
}
END_TEST

static void *hold_for_ever(void *ready)
{
  masked_lock_take(&lock_own);
  __atomic_store_n((int *)ready, 1, __ATOMIC_RELEASE);
  while (ready)
    pause();
  return NULL;
}

static int orphans;

static void note_orphan(struct lock_state *lock)
{
  ck_assert_ptr_eq(lock, &lock_own.state);
  orphans++;
}

/* A fork gets past a holder that does not let go, and its child past one that is not there. */
START_TEST(a_lock_whose_holder_is_gone_is_orphaned_in_the_child)
{
  pthread_t thread;
  int ready = 0;

  lock_table_on_orphan(LOCK_OWN, note_orphan);
  ck_assert_int_eq(pthread_create(&thread, NULL, hold_for_ever, &ready), 0);
  while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
    usleep(100);
  lock_table_take();
  ck_assert_uint_ne(lock_own.state.word, 0);
  lock_table_renew(FORK_HELD);
  ck_assert_int_eq(orphans, 1);
  ck_assert_uint_eq(lock_own.state.word, 0);
  ck_assert(!lock_table_holds_any());
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("base");
  TCase *tc = unit_case(suite, "base", 60);

  tcase_add_test_raise_signal(tc, a_wrong_order_of_locks_is_noticed, SIGABRT);
  tcase_add_test_raise_signal(tc, a_guarded_lock_outside_of_a_guard_is_noticed, SIGABRT);
  tcase_add_test(tc, a_masked_lock_blocks_signals_as_long_as_it_is_held);
  tcase_add_test(tc, a_lock_whose_holder_is_gone_is_orphaned_in_the_child);

  tcase_add_test(tc, formats_like_printf);
  tcase_add_test(tc, formats_pointers_and_cuts);
  tcase_add_loop_test(tc, wrong_values_get_one_line_and_the_default, 0, 14);
  tcase_add_test(tc, watch_list);
  tcase_add_test(tc, out_off);
  tcase_add_test(tc, trace_path_placeholders);
  tcase_add_test(tc, own_memory_lies_in_its_range);
  tcase_add_test(tc, own_range_may_be_taken);
  tcase_add_test(tc, map_at_never_replaces);
  tcase_add_test(tc, calls_return_minus_errno);
  tcase_add_test(tc, lock_excludes);
  tcase_add_test(tc, own_addresses_serve_again);
  return unit_main(suite);
}
