/*
 * Stacks that only assembly makes, with an allocation on each: functions
 * without unwind information (with and without a frame pointer), code written at run time, tail
 * calls, stacks switched by hand, a signal handler on a stack of its own, and, named by
 * the arguments, shared objects that are loaded one after the other where the previous one was.
 * For check_stacks, which runs it with VMTRACE_UNWIND=compare.  x86-64 alone.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SMALL_STACK (64 << 10)
#define ROUNDS 6

typedef void (*call_fn)(void);

void *volatile kept;

/* No .cfi directives: libunwind finds nothing about these. */
void call_bare(call_fn fn);
void call_with_frame(call_fn fn);
void call_with_odd_frame(call_fn fn);
/* Saves the callee-saved registers and rsp in *from, goes on with the stack *to. */
void switch_stack(void **from, void *to);
__asm__(".text\n"
        ".globl call_bare\n.type call_bare, @function\n"
        "call_bare: push %rbx; sub $32, %rsp; call *%rdi; add $32, %rsp; pop %rbx; ret\n"
        ".size call_bare, . - call_bare\n"
        ".globl call_with_frame\n.type call_with_frame, @function\n"
        "call_with_frame: push %rbp; mov %rsp, %rbp; sub $48, %rsp; call *%rdi; leave; ret\n"
        ".size call_with_frame, . - call_with_frame\n"
        ".globl call_with_odd_frame\n.type call_with_odd_frame, @function\n"
        "call_with_odd_frame: push %rbp; xor %ebp, %ebp; call *%rdi; pop %rbp; ret\n"
        ".size call_with_odd_frame, . - call_with_odd_frame\n"
        ".globl switch_stack\n.type switch_stack, @function\n"
        "switch_stack:\n"
        "  push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
        "  mov %rsp, (%rdi); mov %rsi, %rsp\n"
        "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp; ret\n"
        ".size switch_stack, . - switch_stack\n");

__attribute__((noinline)) static void allocate(void)
{
  kept = malloc(40);
  free(kept);
}

__attribute__((noinline)) static int recurse(int depth)
{
  int result = depth > 0 ? recurse(depth - 1) : 0;

  allocate();
  return result + 1;
}

static void recurse_a_bit(void)
{
  recurse(3);
}

__attribute__((noinline, optimize("no-omit-frame-pointer"))) static void with_frame_pointer(call_fn fn)
{
  fn();
  __asm__ volatile("" ::: "memory");
}

__attribute__((noinline, optimize("omit-frame-pointer"))) static void without_frame_pointer(call_fn fn)
{
  fn();
  __asm__ volatile("" ::: "memory");
}

/* A variable-length array under a frame that changes its size from call to call. */
__attribute__((noinline)) static void with_array(int n)
{
  char array[n];

  __asm__ volatile("" ::"r"(array) : "memory");
  recurse(2);
  array[n - 1] = 1;
}

/* The compiler leaves no frame of these but the last one. */
__attribute__((noinline, optimize("optimize-sibling-calls"))) static void tail_3(void)
{
  recurse(1);
  __asm__ volatile("" ::: "memory");
}

__attribute__((noinline, optimize("optimize-sibling-calls"))) static void tail_2(int odd)
{
  char local[64];

  __asm__ volatile("" ::"r"(local) : "memory");
  if (odd)
    allocate();
  tail_3();
}

__attribute__((noinline, optimize("optimize-sibling-calls"))) static void tail_1(int odd)
{
  if (odd)
    tail_3();
  else
    tail_2(odd);
}

/* ---- stacks switched by hand ---- */

static void *main_stack, *routine_stack;

static void routine(void)
{
  for (int depth = 0;; depth = (depth + 1) % 7) {
    recurse(depth);
    with_frame_pointer(recurse_a_bit);
    switch_stack(&routine_stack, main_stack);
  }
}

static void run_routine(void)
{
  char *stack = mmap(NULL, SMALL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void **top = (void **)(stack + SMALL_STACK - 72); /* as a call leaves it */

  /* Six registers, where to go, and no caller. */
  memset(top - 7, 0, 6 * sizeof *top);
  top[-1] = (void *)routine;
  top[0] = NULL;
  routine_stack = top - 7;
  for (int i = 0; i < 10; i++) {
    recurse(i % 3);
    switch_stack(&main_stack, routine_stack);
  }
  munmap(stack, SMALL_STACK);
}

/* ---- code written at run time ---- */

static void run_written_code(int variant)
{
  /* push %rbp; mov %rsp, %rbp; sub $N, %rsp; call *%rdi; leave; ret */
  unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0xff, 0xd7, 0xc9, 0xc3};
  /* The same without a frame pointer, of equal length up to the call. */
  unsigned char bare[] = {0x90, 0x90, 0x90, 0x90, 0x48, 0x83, 0xec, 0x18, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x18, 0xc3};
  unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void (*call)(call_fn);

  if (page == MAP_FAILED)
    return;
  if (variant & 1)
    memcpy(page, bare, sizeof bare);
  else
    memcpy(page, code, sizeof code);
  memcpy(&call, &page, sizeof call);
  call(recurse_a_bit);
  /* Other code at the same place, without any system call in between. */
  if (variant & 1)
    memcpy(page, code, sizeof code);
  else
    memcpy(page, bare, sizeof bare);
  __builtin___clear_cache((char *)page, (char *)page + 4096);
  call(recurse_a_bit);
  munmap(page, 4096);
}

/* ---- signals ---- */

static void on_signal(int signo)
{
  (void)signo;
  recurse(2);
  call_with_frame(recurse_a_bit);
}

static void run_signals(int round)
{
  static char area[SMALL_STACK];
  stack_t alternate = {.ss_sp = area, .ss_size = sizeof area};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = round & 1 ? SA_ONSTACK : 0};

  sigaltstack(&alternate, NULL);
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  recurse(1);
}

/* Each object has a function `entry` that calls back, with a frame of another kind and size. */
static void run_object(const char *path)
{
  void *object = dlopen(path, RTLD_NOW);
  void (*entry)(call_fn) = NULL;
  void *symbol = object ? dlsym(object, "entry") : NULL;

  memcpy(&entry, &symbol, sizeof entry);
  if (!entry) {
    fprintf(stderr, "call_stacks_asm: %s\n", dlerror());
    exit(1);
  }
  for (int i = 0; i < 3; i++)
    entry(recurse_a_bit);
  printf("entry at %p\n", symbol);
  dlclose(object);
}

int main(int argc, char **argv)
{
  for (int round = 0; round < ROUNDS; round++) {
    call_bare(recurse_a_bit);
    call_with_frame(recurse_a_bit);
    call_with_odd_frame(recurse_a_bit);
    with_frame_pointer(recurse_a_bit);
    without_frame_pointer(recurse_a_bit);
    with_array(100 + 1000 * (round % 3));
    tail_1(round & 1);
    run_routine();
    run_written_code(round);
    run_signals(round);
    for (int i = 1; i < argc; i++)
      run_object(argv[i]);
  }
  recurse(10000);
  puts("done");
  return 0;
}
