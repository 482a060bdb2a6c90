/*
 * A signal handler that allocates and frees, all the time in the middle of
 * the same work of the program.  Ways to run: plain, altstack (the handler is
 * on a stack of its own, below), highstack
 * (above), smallstack (of the usual size), longjmp (the handler leaves by siglongjmp now and
 * then), leave (it always does, out of calls that take most of their time for large blocks).  Prints the number of
 * signals handled in the middle of a call; blocks are filled with a pattern, so that two owners of one block are
 * noticed.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 64
#define SIGNALS 2000
#define PAUSE_NS 50000
#define JUMPS 60
#define CALM 20

static volatile sig_atomic_t signals, inside, hits, jumping;
static sigjmp_buf back;
static timer_t timer;

/* One signal at a time, from the end of a handler on: a handler that takes longer than a period, as it does when every
 * call stack is compared, would leave the work not one instruction between two signals. */
static void arm(void)
{
  static const struct itimerspec soon = {.it_value = {.tv_nsec = PAUSE_NS}};

  if (timer_settime(timer, 0, &soon, NULL))
    _exit(4);
}

static void fill(unsigned char *p, size_t n, unsigned char value)
{
  memset(p, value, n);
}

static void check(const unsigned char *p, size_t n, unsigned char value)
{
  for (size_t i = 0; i < n; i++)
    if (p[i] != value) {
      static const char text[] = "a block has two owners\n";

      if (write(1, text, sizeof text - 1) < 0)
        _exit(3);
      _exit(2);
    }
}

static void handler(int signo)
{
  static unsigned char *kept[8];
  static unsigned turn;
  unsigned slot = turn++ % 8;
  size_t size = 16 + 40 * slot;

  (void)signo;
  signals++;
  hits += inside;
  if (kept[slot]) {
    check(kept[slot], size, (unsigned char)(0x80 + slot));
    free(kept[slot]);
  }
  kept[slot] = malloc(size);
  fill(kept[slot], size, (unsigned char)(0x80 + slot));
  kept[slot] = realloc(kept[slot], size + 300);
  check(kept[slot], size, (unsigned char)(0x80 + slot));
  kept[slot] = realloc(kept[slot], size);
  arm();
  if (jumping && turn % 16 == 0)
    siglongjmp(back, 1);
}

static void work(void)
{
  static unsigned char *slots[SLOTS];
  static size_t sizes[SLOTS];
  static unsigned long random = 12345;

  while (signals < SIGNALS) {
    unsigned slot;

    random = random * 6364136223846793005UL + 1442695040888963407UL;
    slot = (unsigned)(random >> 33) % SLOTS;
    if (slots[slot]) {
      unsigned char *p = slots[slot];

      check(p, sizes[slot], (unsigned char)slot);
      slots[slot] = NULL;
      inside = 1;
      free(p);
      inside = 0;
    } else {
      size_t size = 1 + (random >> 40) % 2000;
      unsigned char *p;

      inside = 1;
      p = malloc(size);
      inside = 0;
      fill(p, size, (unsigned char)slot);
      sizes[slot] = size;
      slots[slot] = p;
    }
  }
}

static char low_stack[65536];

static void use_stack(char *stack, size_t size)
{
  const stack_t alt = {.ss_sp = stack, .ss_size = size};

  sigaltstack(&alt, NULL);
}

/* Of the usual size, beside a page that may not be touched. */
static void use_small_stack(void)
{
  size_t size = (getauxval(AT_MINSIGSTKSZ) + 4096 + 4095) & ~(size_t)4095;
  char *memory;

  if (size < 8192)
    size = 8192;
  memory = mmap(NULL, 4096 + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, 4096, PROT_NONE))
    _exit(4);
  use_stack(memory + 4096, size);
}

static void *work_in_thread(void *stack)
{
  use_stack(stack, sizeof low_stack);
  arm();
  work();
  return NULL;
}

/* The work is on a thread's stack, which lies below the first thread's, where the handler's is. */
static void work_below(void)
{
  char high_stack[sizeof low_stack];
  pthread_t thread;
  sigset_t alarm;

  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  if (pthread_create(&thread, NULL, work_in_thread, high_stack) || pthread_sigmask(SIG_BLOCK, &alarm, NULL))
    _exit(4);
  pthread_join(thread, NULL);
}

static volatile sig_atomic_t jumps;

static void leave(int signo)
{
  (void)signo;
  if (!inside) {
    arm();
    return;
  }
  jumps++;
  siglongjmp(back, 1);
}

/* So large that nearly every call has to look for room. */
static void work_on_large(void)
{
  static unsigned char *volatile slots[SLOTS];
  static size_t sizes[SLOTS];
  static volatile unsigned long turn;

  sigsetjmp(back, 1);
  inside = 0;
  for (unsigned done = 0; jumps < JUMPS; done++) {
    unsigned slot = (unsigned)(turn++ % SLOTS);
    size_t size = 9000 + turn * 7919 % 24000;
    unsigned char *p = slots[slot];

    slots[slot] = NULL;
    if (p)
      check(p, sizes[slot], (unsigned char)slot);
    /* Not before a few calls have gone well. */
    if (done == CALM)
      arm();
    inside = 1;
    free(p);
    p = malloc(size);
    inside = 0;
    if (!p)
      _exit(5);
    fill(p, size, (unsigned char)slot);
    sizes[slot] = size;
    slots[slot] = p;
  }
  hits = jumps;
}

int main(int argc, char **argv)
{
  const char *way = argc > 1 ? argv[1] : "plain";
  struct sigaction action = {.sa_handler = strcmp(way, "leave") ? handler : leave};

  if (strstr(way, "stack"))
    action.sa_flags = SA_ONSTACK;
  jumping = !strcmp(way, "longjmp");
  sigaction(SIGALRM, &action, NULL);
  if (timer_create(CLOCK_MONOTONIC, NULL, &timer))
    return 4;
  if (!strcmp(way, "highstack")) {
    work_below();
  } else if (!strcmp(way, "leave")) {
    work_on_large();
  } else {
    if (!strcmp(way, "altstack"))
      use_stack(low_stack, sizeof low_stack);
    else if (!strcmp(way, "smallstack"))
      use_small_stack();
    arm();
    sigsetjmp(back, 1);
    inside = 0;
    work();
  }
  timer_delete(timer);
  printf("%s\n", hits ? "interrupted calls" : "no call was interrupted");
  return 0;
}
