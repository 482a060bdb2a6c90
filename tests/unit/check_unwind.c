/*
 * Unit tests of preload/unwind: cached walks equal plain libunwind walks in
 * every situation that changes a stack, nodes are announced once and rebuild the stack, and known
 * stacks need no libunwind.  Compare mode does the comparing; the tests make the stacks.
 */
#include <alloca.h>
#include <check.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/lock_table.h"
#include "unit.h"
#include "unwind/machine.h"
#include "unwind/unwind.h"
#include "workload.h"

#define NODES_MAX 100000
#define LIMIT 64

static struct {
  uint32_t parent;
  uint64_t pc;
} nodes[NODES_MAX];
static unsigned announced;

static __thread struct unwind_thread *mine;
static volatile uint32_t latest;

static void on_node(void *user, uint32_t id, uint32_t parent, uint64_t pc)
{
  (void)user;
  ck_assert_uint_ge(id, VT_STACK_FIRST);
  ck_assert_uint_lt(id, NODES_MAX);
  ck_assert_uint_eq(nodes[id].pc, 0);
  nodes[id].parent = parent;
  nodes[id].pc = pc;
  __atomic_fetch_add(&announced, 1, __ATOMIC_RELAXED);
}

static unsigned depth_of(uint32_t id)
{
  unsigned depth = 0;

  for (; id >= VT_STACK_FIRST; id = nodes[id].parent)
    depth++;
  return depth;
}

static uint32_t root_of(uint32_t id)
{
  while (id >= VT_STACK_FIRST)
    id = nodes[id].parent;
  return id;
}

/* The stand-in for a hook; the barrier keeps its frame in place during the call. */
__attribute__((noinline)) static uint32_t hook(void)
{
  uint32_t id = unwind_capture(mine, __builtin_frame_address(0));

  __asm__ volatile("" ::: "memory");
  return id;
}

__attribute__((noinline)) static void leaf(void)
{
  latest = hook();
}

__attribute__((noinline)) static void leaf_with_alloca(int size)
{
  volatile char *p = alloca((size_t)size);

  p[0] = 1;
  latest = hook();
  p[size - 1] = (char)latest;
}

/* Who asks for the frame's address gets a frame pointer, from gcc and clang alike. */
__attribute__((noinline)) static void leaf_with_frame_pointer(void)
{
  latest = hook();
  __asm__ volatile("" ::"r"(__builtin_frame_address(0)) : "memory");
}

__attribute__((noinline)) static int recurse(int depth)
{
  int result;

  if (depth == 0) {
    leaf();
    leaf_with_alloca(100);
    leaf_with_alloca(3333);
    leaf_with_frame_pointer();
    return 1;
  }
  result = recurse(depth - 1);
  __asm__ volatile("" ::: "memory");
  return result + 1;
}

__attribute__((noinline)) static void realigned(int depth)
{
  char block[256] __attribute__((aligned(128)));

  __asm__ volatile("" ::"r"(block) : "memory");
  recurse(depth);
  leaf();
}

/* alloca in a frame that is realigned too: the CFA is kept in memory. */
__attribute__((noinline)) static void realigned_with_alloca(int size)
{
  char block[64] __attribute__((aligned(64)));
  volatile char *p = alloca((size_t)size);

  __asm__ volatile("" ::"r"(block) : "memory");
  p[0] = 1;
  leaf();
  recurse(3);
}

static void start(enum unwind_mode mode)
{
  const struct unwind_config config = {LIMIT, mode, on_node};
  char *frame = __builtin_frame_address(0);

  ck_assert_int_eq(unwind_start(&config), 0);
  /* The Check process's own stack, up to where the kernel put the auxiliary vector's random bytes. */
  mine = unwind_thread_open(NULL, frame - (1 << 20), (void *)(getauxval(AT_RANDOM) & ~7ul));
  ck_assert_ptr_nonnull(mine);
}

static void no_differences(void)
{
  struct unwind_stats stats;

  unwind_get_stats(&stats);
  ck_assert_uint_eq(stats.differences, 0);
}

START_TEST(ordinary_frames)
{
  start(UNWIND_COMPARE);
  for (int round = 0; round < 3; round++) {
    for (int depth = 0; depth < 120; depth += 7)
      recurse(depth);
    realigned(5);
    realigned(80);
    realigned_with_alloca(50);
    realigned_with_alloca(5000);
  }
  no_differences();
}
END_TEST

START_TEST(depth_and_end_are_told)
{
  unsigned shallow;

  start(UNWIND_COMPARE);
  leaf();
  shallow = depth_of(latest);
  ck_assert_uint_gt(shallow, 2);
  ck_assert_uint_eq(root_of(latest), VT_STACK_COMPLETE);
  recurse(10);
  ck_assert_uint_eq(depth_of(latest), shallow + 11);
  recurse(200);
  ck_assert_uint_eq(depth_of(latest), LIMIT);
  ck_assert_uint_eq(root_of(latest), VT_STACK_LIMIT);
  no_differences();
}
END_TEST

START_TEST(innermost_pc_is_the_callers)
{
  start(UNWIND_CACHED);
  leaf();
  ck_assert_uint_ge(nodes[latest].pc, (uint64_t)leaf);
  ck_assert_uint_lt(nodes[latest].pc, (uint64_t)leaf + 64);
}
END_TEST

static void on_signal(int signo)
{
  (void)signo;
  leaf();
  recurse(4);
}

START_TEST(signal_frames)
{
  stack_t alternate = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
  struct sigaction action = {.sa_handler = on_signal};

  start(UNWIND_COMPARE);
  for (int round = 0; round < 4; round++) {
    action.sa_flags = round & 1 ? SA_ONSTACK : 0;
    ck_assert_int_eq(sigaltstack(&alternate, NULL), 0);
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    raise(SIGUSR1);
    leaf();
  }
  no_differences();
}
END_TEST

static jmp_buf target;

__attribute__((noinline)) static void jump_from(int depth)
{
  leaf();
  if (depth > 0)
    jump_from(depth - 1);
  else if (latest)
    longjmp(target, 1);
  __asm__ volatile("" ::: "memory");
}

START_TEST(longjmp_over_frames)
{
  start(UNWIND_COMPARE);
  for (volatile int depth = 0; depth < 20; depth++) {
    if (setjmp(target) == 0)
      jump_from(depth);
    leaf();
  }
  no_differences();
}
END_TEST

static ucontext_t main_context, routine_context;

static void routine(void)
{
  for (int i = 0; i < 10; i++) {
    recurse(i);
    swapcontext(&routine_context, &main_context);
  }
}

START_TEST(coroutines)
{
  size_t size = 1 << 16;
  char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  start(UNWIND_COMPARE);
  getcontext(&routine_context);
  routine_context.uc_stack.ss_sp = stack;
  routine_context.uc_stack.ss_size = size;
  routine_context.uc_link = &main_context;
  makecontext(&routine_context, routine, 0);
  for (int i = 0; i < 10; i++) {
    recurse(2 * i);
    swapcontext(&main_context, &routine_context);
    leaf();
  }
  munmap(stack, size);
  unwind_mappings_changed(NULL, (uint64_t)stack, size);
  recurse(3);
  no_differences();
}
END_TEST

/* The frames further in lie at one place, whatever shift is; this one's does not, and only rbp tells. */
__attribute__((noinline)) static void fill_up(size_t size)
{
  volatile char *p = alloca(size);

  p[0] = 1;
  leaf();
  recurse(1);
}

__attribute__((noinline)) static void shifted(size_t shift)
{
  volatile char *p = alloca(shift);

  if (shift > 1000) {
    fill_up(4096 - shift);
    __asm__ volatile("nop" ::: "memory");
  } else {
    fill_up(4096 - shift);
  }
  __asm__ volatile("" ::"r"(p) : "memory");
}

/* Both calls of fill_up must be there to be told apart: their return addresses are the only difference. */
START_TEST(frames_that_only_rbp_tells_apart)
{
  start(UNWIND_COMPARE);
  for (int round = 0; round < 20; round++)
    shifted(round & 1 ? 512 : 2048);
  no_differences();
}
END_TEST

static void *in_thread(void *unused)
{
  char *frame = __builtin_frame_address(0);

  mine = unwind_thread_open(NULL, frame - (1 << 20), frame + 64);
  for (int round = 0, rounds = (int)workload(20); round < rounds; round++) {
    recurse(round * 5);
    realigned(round);
  }
  unwind_thread_close(mine);
  return unused;
}

START_TEST(threads)
{
  pthread_t four[4];

  start(UNWIND_COMPARE);
  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_create(&four[i], NULL, in_thread, NULL), 0);
  for (int i = 0; i < 4; i++)
    pthread_join(four[i], NULL);
  no_differences();
}
END_TEST

/* A function of its own: in a loop that a compiler unrolls, each turn has return addresses of its own. */
__attribute__((noinline)) static void all_depths(void)
{
  for (int depth = 0; depth < 50; depth++)
    recurse(depth);
  __asm__ volatile("" ::: "memory");
}

START_TEST(known_stacks_need_no_libunwind)
{
  struct unwind_stats before, after;

  if (!MACHINE_HAS_RULES) {
    puts("skip: known_stacks_need_no_libunwind: there are no frame rules for this processor");
    return;
  }
  start(UNWIND_CACHED);
  for (volatile int round = 0; round < 3; round++) {
    if (round == 2)
      unwind_get_stats(&before);
    all_depths();
  }
  unwind_get_stats(&after);
  ck_assert_uint_eq(after.plain_walks, 0);
  ck_assert_uint_eq(after.learned, before.learned);
  ck_assert_uint_lt(before.learned, 50);
}
END_TEST

START_TEST(same_stack_same_id)
{
  uint32_t ids[3];
  unsigned before = 0;

  start(UNWIND_CACHED);
  for (volatile int i = 0; i < 3; i++) {
    leaf();
    ids[i] = latest;
    recurse(i * 30);
    if (i == 0)
      before = announced;
  }
  ck_assert_uint_eq(ids[0], ids[1]);
  ck_assert_uint_eq(ids[1], ids[2]);
  ck_assert_uint_gt(before, 0);
}
END_TEST

START_TEST(forgetting_asks_libunwind_again)
{
  struct unwind_stats before, after;

  start(UNWIND_COMPARE);
  recurse(5);
  unwind_get_stats(&before);
  unwind_forget((uint64_t)recurse, (uint64_t)recurse + 256);
  recurse(5);
  unwind_get_stats(&after);
  if (MACHINE_HAS_RULES)
    ck_assert_uint_gt(after.learned, before.learned);
  no_differences();
}
END_TEST

START_TEST(child_of_fork_announces_its_nodes)
{
  int status;
  pid_t pid;

  start(UNWIND_COMPARE);
  recurse(5);
  lock_table_take();
  pid = fork();
  if (pid == 0) {
    unsigned before = announced;

    lock_table_renew(FORK_HELD);
    unwind_after_fork(true);
    memset(nodes, 0, sizeof nodes);
    recurse(5);
    _exit(announced - before > 8 && depth_of(latest) > 6 ? 0 : 1);
  }
  lock_table_release();
  unwind_after_fork(false);
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(status, 0);
  recurse(6);
  no_differences();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("unwind");
  TCase *tc = unit_case(suite, "unwind", 60);

  tcase_add_test(tc, ordinary_frames);
  tcase_add_test(tc, depth_and_end_are_told);
  tcase_add_test(tc, innermost_pc_is_the_callers);
  tcase_add_test(tc, signal_frames);
  tcase_add_test(tc, longjmp_over_frames);
  tcase_add_test(tc, coroutines);
  tcase_add_test(tc, frames_that_only_rbp_tells_apart);
  tcase_add_test(tc, threads);
  tcase_add_test(tc, known_stacks_need_no_libunwind);
  tcase_add_test(tc, same_stack_same_id);
  tcase_add_test(tc, forgetting_asks_libunwind_again);
  tcase_add_test(tc, child_of_fork_announces_its_nodes);
  return unit_main(suite);
}
