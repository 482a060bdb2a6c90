/*
 * Stacks that are hard to walk, with an allocation on each: deep recursion,
 * alloca, a realigned stack, signals, longjmp, coroutines, threads, code that is loaded and unloaded.
 * For check_stacks, which runs it with VMTRACE_UNWIND=compare.  Argument: rounds.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define COROUTINE_STACK (64 << 10)

static void *volatile kept;

__attribute__((noinline)) static void allocate(size_t size)
{
  kept = malloc(size);
  free(kept);
}

__attribute__((noinline)) static void with_alloca(size_t size)
{
  volatile char *p = alloca(size);

  p[0] = 1;
  allocate(size);
  p[size - 1] = 1;
}

__attribute__((noinline)) static int recurse(int depth)
{
  int result = 0;

  if (depth > 0)
    result = recurse(depth - 1);
  else
    with_alloca(1000);
  allocate((size_t)depth + 1);
  return result + 1;
}

__attribute__((noinline)) static void realigned(void)
{
  char block[128] __attribute__((aligned(128)));

  __asm__ volatile("" ::"r"(block) : "memory");
  recurse(5);
}

static void on_signal(int signo)
{
  allocate((size_t)signo);
}

static jmp_buf target;

__attribute__((noinline)) static void jump(int depth)
{
  allocate(50);
  if (depth > 0)
    jump(depth - 1);
  else if (kept)
    longjmp(target, 1);
}

static ucontext_t main_context, coroutine_context;

static void coroutine(void)
{
  for (int i = 0; i < 5; i++) {
    recurse(i);
    swapcontext(&coroutine_context, &main_context);
  }
}

static void run_coroutine(void)
{
  void *stack = mmap(NULL, COROUTINE_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  getcontext(&coroutine_context);
  coroutine_context.uc_stack.ss_sp = stack;
  coroutine_context.uc_stack.ss_size = COROUTINE_STACK;
  coroutine_context.uc_link = &main_context;
  makecontext(&coroutine_context, coroutine, 0);
  for (int i = 0; i < 5; i++) {
    swapcontext(&main_context, &coroutine_context);
    recurse(3);
  }
  munmap(stack, COROUTINE_STACK);
}

static void load_and_unload(void)
{
  void *library = dlopen("libm.so.6", RTLD_NOW);

  recurse(2);
  if (library)
    dlclose(library);
}

static void *thread(void *unused)
{
  for (int depth = 0; depth < 100; depth += 9)
    recurse(depth);
  return unused;
}

static void once(void)
{
  pthread_t two[2];

  recurse(200);
  realigned();
  raise(SIGUSR1);
  if (setjmp(target) == 0)
    jump(7);
  run_coroutine();
  load_and_unload();
  for (int i = 0; i < 2; i++)
    if (pthread_create(&two[i], NULL, thread, NULL) != 0)
      exit(1);
  for (int i = 0; i < 2; i++)
    pthread_join(two[i], NULL);
}

int main(int argc, char **argv)
{
  volatile int rounds = argc > 1 ? atoi(argv[1]) : 1;

  kept = &target;
  signal(SIGUSR1, on_signal);
  for (; rounds > 0; rounds--)
    once();
  puts("done");
  return 0;
}
