/*
 * The library's stacks against those of the system's libunwind, which walks
 * this process from the inside as any program has it do: same return addresses, in every situation that makes a stack
 * hard to walk, and at random instructions.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <alloca.h>
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "unit.h"
#include "unwind/unwind.h"
#include "vmtrace/format.h"

#define LIMIT 64
#define STACK_BYTES (64 << 10)

static __thread struct unwind_thread *mine;
static unsigned compared, complete, through_signals;

static void on_node(void *user, uint32_t id, uint32_t parent, uint64_t pc)
{
  (void)user;
  (void)id;
  (void)parent;
  (void)pc;
}

__attribute__((noinline)) static unsigned walk_of_the_system(uint64_t *pcs, unsigned max)
{
  unw_context_t context;
  unw_cursor_t cursor;
  unsigned n = 0;

  unw_getcontext(&context);
  if (unw_init_local(&cursor, &context) < 0)
    return 0;
  do {
    unw_word_t pc;

    if (unw_get_reg(&cursor, UNW_REG_IP, &pc) < 0 || !pc)
      break;
    pcs[n++] = pc;
  } while (n < max && unw_step(&cursor) > 0);
  return n;
}

/* The stand-in for a hook: the present stack both ways.  Where the library ends a walk for want of unwind information,
 * libunwind may guess on. */
__attribute__((noinline)) static void compare_here(void)
{
  uint32_t id = unwind_capture(mine, __builtin_frame_address(0));
  uint64_t theirs[LIMIT + 2], ours[LIMIT], pc;
  unsigned n = walk_of_the_system(theirs, LIMIT + 2), depth = 0;

  for (; unwind_node(id, &id, &pc); depth++)
    ours[depth] = pc;
  ck_assert_uint_gt(depth, 1);
  /* Theirs begins in walk_of_the_system and in this function. */
  ck_assert_uint_ge(n, depth + 2);
  for (unsigned i = 0; i < depth; i++)
    ck_assert_msg(ours[i] == theirs[i + 2], "frame %u of %u: %lx, by libunwind %lx", i, depth, (unsigned long)ours[i],
                  (unsigned long)theirs[i + 2]);
  if (id == VT_STACK_COMPLETE) {
    ck_assert_uint_eq(n, depth + 2);
    complete++;
  }
  compared++;
}

static void start(enum unwind_mode mode)
{
  const struct unwind_config config = {LIMIT, mode, on_node};
  char *frame = __builtin_frame_address(0);

  ck_assert_int_eq(unwind_start(&config), 0);
  mine = unwind_thread_open(NULL, frame - (1 << 20), (void *)(getauxval(AT_RANDOM) & ~7ul));
  ck_assert_ptr_nonnull(mine);
}

__attribute__((noinline)) static int recurse(int depth)
{
  volatile char *p = alloca((size_t)(depth % 3) * 100 + 1);
  int result = 0;

  p[0] = 1;
  if (depth > 0)
    result = recurse(depth - 1);
  compare_here();
  return result + p[0];
}

__attribute__((noinline)) static void realigned(int size)
{
  char block[64] __attribute__((aligned(64)));
  volatile char *p = alloca((size_t)size);

  __asm__ volatile("" ::"r"(block) : "memory");
  p[0] = 1;
  recurse(4);
}

static int by_value(const void *a, const void *b)
{
  if (*(const int *)a == 3)
    compare_here();
  return *(const int *)a - *(const int *)b;
}

static const enum unwind_mode modes[] = {UNWIND_CACHED, UNWIND_PLAIN};

START_TEST(frames_of_all_kinds)
{
  int numbers[] = {5, 3, 4, 1, 2, 3, 0};

  start(modes[_i]);
  for (int round = 0; round < 3; round++) {
    recurse(30);
    realigned(10);
    realigned(3000);
    qsort(numbers, sizeof numbers / sizeof *numbers, sizeof *numbers, by_value);
  }
  ck_assert_uint_gt(complete, 100);
}
END_TEST

static void on_signal(int signo)
{
  (void)signo;
  compare_here();
  through_signals++;
}

static void handle(int signo, int flags)
{
  const struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags | SA_RESTART};

  ck_assert_int_eq(sigaction(signo, &action, NULL), 0);
}

START_TEST(signals)
{
  const stack_t alternate = {.ss_sp = malloc(STACK_BYTES), .ss_size = STACK_BYTES};

  start(modes[_i]);
  ck_assert_int_eq(sigaltstack(&alternate, NULL), 0);
  for (int round = 0; round < 4; round++) {
    handle(SIGUSR1, round & 1 ? SA_ONSTACK : 0);
    raise(SIGUSR1);
  }
  ck_assert_uint_eq(through_signals, 4);
}
END_TEST

/* Interrupted anywhere: in prologues, in stubs of calls to other modules, in the vDSO. */
START_TEST(random_instructions)
{
  const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
  const unsigned enough = getenv("VMTRACE_TEST_EMULATED") ? 20 : 500;
  volatile size_t sum = 0;
  char text[] = "a few letters";
  struct timespec now;

  start(UNWIND_CACHED);
  handle(SIGALRM, 0);
  ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
  while (*(volatile unsigned *)&through_signals < enough) {
    sum += strlen(text) + (size_t)atoi("12") + (size_t)abs((int)sum);
    clock_gettime(CLOCK_MONOTONIC, &now);
  }
  ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
}
END_TEST

static ucontext_t main_context, routine_context;

static void routine(void)
{
  for (int i = 0; i < 5; i++) {
    recurse(i);
    swapcontext(&routine_context, &main_context);
  }
}

/* Nothing can be read below and above the coroutine's stack. */
START_TEST(coroutine_between_guards)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *area = mmap(NULL, STACK_BYTES + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  start(modes[_i]);
  ck_assert_int_eq(mprotect(area + page, STACK_BYTES, PROT_READ | PROT_WRITE), 0);
  getcontext(&routine_context);
  routine_context.uc_stack.ss_sp = area + page;
  routine_context.uc_stack.ss_size = STACK_BYTES;
  routine_context.uc_link = &main_context;
  makecontext(&routine_context, routine, 0);
  for (int i = 0; i < 5; i++) {
    swapcontext(&main_context, &routine_context);
    recurse(3);
  }
}
END_TEST

static void at_the_end(void *unused)
{
  (void)unused;
  recurse(2);
}

/* pthread_exit unwinds the stack as an exception does, and calls this on the way. */
static void *leaving(void *unused)
{
  char *frame = __builtin_frame_address(0);

  mine = unwind_thread_open(NULL, frame - (1 << 16), frame + 64);
  pthread_cleanup_push(at_the_end, NULL);
  recurse(5);
  pthread_exit(unused);
  pthread_cleanup_pop(0);
  return unused;
}

START_TEST(forced_unwinding)
{
  pthread_t thread;
  unsigned before;

  start(modes[_i]);
  before = compared;
  ck_assert_int_eq(pthread_create(&thread, NULL, leaving, NULL), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert_uint_ge(compared - before, 9);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("unwind_truth");
  TCase *tc = unit_case(suite, "truth", 60);

  tcase_add_loop_test(tc, frames_of_all_kinds, 0, 2);
  tcase_add_loop_test(tc, signals, 0, 2);
  tcase_add_test(tc, random_instructions);
  tcase_add_loop_test(tc, coroutine_between_guards, 0, 2);
  tcase_add_loop_test(tc, forced_unwinding, 0, 2);
  return unit_main(suite);
}
