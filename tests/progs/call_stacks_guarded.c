/*
 * Stacks that end where nothing can be read, with allocations on each: coroutines
 * of makecontext and such that are entered by hand, with a frame pointer and a return address that lead nowhere, on
 * mapped memory, in the program's data, in a piece of a thread's own stack; handlers on a signal stack between guards.
 * Each allocation must leave errno alone, and none may be a cancellation point.  For check_stacks, which builds it
 * with frame pointers and without.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK ((size_t)64 << 10)
#define PAGE ((size_t)65536) /* the largest page there is */

static void *volatile kept;
static unsigned allocations;

__attribute__((noinline)) static void allocate(size_t size)
{
  errno = 0;
  kept = malloc(size);
  if (errno)
    _exit(3);
  free(kept);
  if (errno)
    _exit(4);
  allocations++;
}

__attribute__((noinline)) static int recurse(int depth)
{
  int result = depth > 0 ? recurse(depth - 1) : 0;

  allocate((size_t)depth * 24 + 1);
  return result + 1;
}

/* Memory with pages around it that cannot be read. */
static char *between_guards(size_t size)
{
  char *area = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (area == MAP_FAILED || mprotect(area + PAGE, size, PROT_READ | PROT_WRITE) != 0)
    exit(1);
  return area + PAGE;
}

/* ---- makecontext ---- */

static ucontext_t main_context, routine_context;

static void routine(void)
{
  for (int i = 0; i < 3; i++) {
    recurse(i);
    swapcontext(&routine_context, &main_context);
  }
}

static void by_makecontext(void)
{
  getcontext(&routine_context);
  routine_context.uc_stack.ss_sp = between_guards(STACK);
  routine_context.uc_stack.ss_size = STACK;
  routine_context.uc_link = &main_context;
  makecontext(&routine_context, routine, 0);
  for (int i = 0; i < 3; i++) {
    swapcontext(&main_context, &routine_context);
    recurse(2);
  }
}

/* ---- by hand ---- */

static jmp_buf back;

static void entry(void)
{
  recurse(4);
  allocate(100);
  longjmp(back, 1);
}

/* On to fn, with these in the registers of the stack and the frame; where the return address is a register, in that. */
#if defined(__x86_64__)
#define JUMP(place, frame, fn, back_to)                                                                                \
  __asm__ volatile("movq %0, %%rsp\n\tmovq %1, %%rbp\n\tjmp *%2" ::"r"(place), "r"(frame), "r"(fn) : "memory")
#else
#define JUMP(place, frame, fn, back_to)                                                                                \
  __asm__ volatile("mov sp, %0\n\tmov x29, %1\n\tmov x30, %3\n\tbr %2" ::"r"((place)-1), "r"(frame), "r"(fn),          \
                   "r"(back_to)                                                                                        \
                   : "memory")
#endif

/* Enters `entry` as a switch of coroutines does: no caller, and in the register for the frame pointer and at the place
 * of the return address something that was left there. */
__attribute__((noinline)) static void enter(char *top, uintptr_t frame, uintptr_t return_address)
{
  uintptr_t *place = (uintptr_t *)top - 1;

  if (setjmp(back))
    return;
  *place = return_address;
  JUMP(place, frame, entry, return_address);
  __builtin_unreachable();
}

static void by_hand(char *stack)
{
  char *top = stack + STACK;
  const uintptr_t frames[] = {0, 1, (uintptr_t)top, (uintptr_t)top - 8, (uintptr_t)top + 256, (uintptr_t)stack - 8};
  const uintptr_t returns[] = {0, 1, (uintptr_t)top, (uintptr_t)recurse + 12, (uintptr_t)by_hand + 40};

  for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
    for (size_t k = 0; k < sizeof returns / sizeof *returns; k++)
      enter(top, frames[i], returns[k]);
}

/* In the program's data, up to its last word before a page that cannot be read. */
static void in_data(void)
{
  static char data[STACK + 3 * PAGE];
  char *guard = (char *)(((uintptr_t)data + STACK + PAGE) & ~(PAGE - 1));

  if (mprotect(guard, PAGE, PROT_NONE) != 0)
    exit(1);
  by_hand(guard - STACK);
  mprotect(guard, PAGE, PROT_READ | PROT_WRITE);
}

/* A thread gives a part of its own stack away, with guards that it makes when it has walked there before. */
static void *in_own_stack(void *stack)
{
  char *part = (char *)stack + 2 * PAGE;

  recurse(30);
  by_hand(part);
  if (mprotect(part - PAGE, PAGE, PROT_NONE) != 0 || mprotect(part + STACK, PAGE, PROT_NONE) != 0)
    exit(1);
  by_hand(part);
  recurse(30);
  mprotect(part - PAGE, PAGE, PROT_READ | PROT_WRITE);
  mprotect(part + STACK, PAGE, PROT_READ | PROT_WRITE);
  return NULL;
}

static void split(void)
{
  size_t size = 16 * PAGE;
  void *stack = between_guards(size);
  pthread_attr_t attr;
  pthread_t thread;

  pthread_attr_init(&attr);
  pthread_attr_setstack(&attr, stack, size);
  if (pthread_create(&thread, &attr, in_own_stack, stack) != 0)
    exit(1);
  pthread_join(thread, NULL);
}

/* ---- signals, cancellation ---- */

static void on_signal(int signo)
{
  recurse(signo % 5);
}

static void on_signal_stack(void)
{
  const stack_t alternate = {.ss_sp = between_guards(STACK), .ss_size = STACK};
  const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};

  sigaltstack(&alternate, NULL);
  sigaction(SIGUSR1, &action, NULL);
  for (int i = 0; i < 3; i++)
    raise(SIGUSR1);
}

static volatile int reached;

static void *cancelled(void *go)
{
  while (!*(volatile int *)go)
    ;
  recurse(10);
  kept = realloc(calloc(1, 10), 100000);
  free(kept);
  reached = 1;
  pthread_testcancel();
  return NULL;
}

static void under_cancellation(void)
{
  int go = 0;
  pthread_t thread;

  if (pthread_create(&thread, NULL, cancelled, &go) != 0)
    exit(1);
  pthread_cancel(thread);
  *(volatile int *)&go = 1;
  pthread_join(thread, NULL);
  if (!reached)
    _exit(5);
}

int main(void)
{
  under_cancellation();
  by_makecontext();
  by_hand(between_guards(STACK));
  in_data();
  split();
  on_signal_stack();
  printf("%u\n", allocations);
  return 0;
}
