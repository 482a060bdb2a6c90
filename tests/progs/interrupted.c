/*
 * Threads that do everything the library has a hook for, and are interrupted all the time: interrupted SECONDS SEED
 * [THREADS].  Two timers per thread and one for the process send signals at about a kilohertz each, whose handlers do
 * nothing, allocate, create a thread, leave by siglongjmp, or fork: a child that _exits, exits, allocates, goes on,
 * is told to end at once, executes a program.  Handlers that a program itself must not have in the middle of libc's own
 * work (a fork in a fork, a longjmp out of dlopen) stay away from it.
 *
 * Where the heap is libc's own (VMTRACE_HEAP=next) they stay away from that, too.
 *
 * Exits 0; 3 when a thread makes no progress for 30 seconds, 4 when a child does not end in that time, 5 when one ends
 * otherwise than it was to, 6 when a block has two owners.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmtrace/vmtrace.h"

#define THREADS_MOST 16
#define SLOTS 64
#define PATIENCE_S 30
#define FINE 42

/* What a signal finds its thread in. */
enum work { AT_REST, IN_CALL, IN_LIBC };

struct worker {
  pthread_t thread;
  uint64_t seed;
  volatile uint64_t rounds;
  volatile sig_atomic_t work, depth, child;
  sigjmp_buf back;
  unsigned char *blocks[SLOTS];
  size_t sizes[SLOTS];
};

static struct worker workers[THREADS_MOST];
static __thread struct worker *self;
static volatile sig_atomic_t over;
static const char *module;
static bool is_next; /* the heap is libc's, which no handler may enter in the middle of it */

static _Noreturn void fail(int code, const char *text)
{
  if (write(1, text, strlen(text)) < 0)
    _exit(code);
  _exit(code);
}

static uint64_t random_of(struct worker *w)
{
  w->seed ^= w->seed << 13;
  w->seed ^= w->seed >> 7;
  w->seed ^= w->seed << 17;
  return w->seed;
}

static void *nothing(void *arg)
{
  free(malloc(100));
  return arg;
}

static void use_heap(struct worker *w)
{
  void *p[8];

  for (unsigned i = 0; i < 8; i++) {
    p[i] = malloc(1u << random_of(w) % 18);
    if (p[i])
      memset(p[i], 1, 1);
  }
  p[0] = realloc(p[0], 3000);
  for (unsigned i = 0; i < 8; i++)
    free(p[i]);
}

static void make_thread(void)
{
  pthread_t thread;

  if (pthread_create(&thread, NULL, nothing, NULL) == 0)
    pthread_join(thread, NULL);
}

/* ---- handlers ---- */

static void on_term(int signo)
{
  (void)signo;
  _exit(11);
}

static void await_child(pid_t pid, int code)
{
  struct timespec pause = {.tv_nsec = 300000};
  time_t until = time(NULL) + PATIENCE_S;
  int status;
  pid_t ended;

  while ((ended = waitpid(pid, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
    if (time(NULL) > until) {
      char text[200];

      snprintf(text, sizeof text, "child %d does not end\n", pid);
      if (!getenv("INTERRUPTED_KEEP"))
        kill(pid, SIGKILL);
      fail(4, text);
    }
    nanosleep(&pause, NULL);
  }
  if (ended == pid && (!WIFEXITED(status) || WEXITSTATUS(status) != code)) {
    char text[200];

    snprintf(text, sizeof text, "child %d ends with status %x in place of %d\n", pid, (unsigned)status, code);
    fail(5, text);
  }
}

/* The child that goes on as its parent does ends with the call that was interrupted. */
static void fork_in_handler(struct worker *w)
{
  unsigned way = (unsigned)(random_of(w) % 7);
  pid_t pid;

  if (way == 5)
    signal(SIGTERM, on_term);
  pid = fork();
  if (pid < 0)
    return;
  if (pid > 0) {
    if (way == 5)
      kill(pid, SIGTERM);
    await_child(pid, way == 6 ? 0 : way == 3 ? FINE : 11);
    return;
  }
  switch (way) {
  case 0:
    _exit(11);
  case 1:
    /* While another thread unloads a module, whose lock is then nobody's in the child: libc's exit waits for it. */
    if (!module)
      exit(11);
    _exit(11);
  case 2:
    use_heap(w);
    _exit(11);
  case 3:
    w->child = 1;
    return;
  case 4:
    make_thread();
    _exit(11);
  case 5:
    for (;;)
      pause();
  default:
    execl("/bin/true", "true", NULL);
    _exit(12);
  }
}

static void make_thread_in_handler(struct worker *w)
{
  (void)w;
  make_thread();
}

/* Another handler that comes in keeps away from libc, too. */
static void use_libc(struct worker *w, void (*use)(struct worker *))
{
  sig_atomic_t was = w->work;

  w->work = IN_LIBC;
  use(w);
  w->work = was;
}

static void handler(int signo)
{
  struct worker *w = self;
  int error = errno;
  unsigned choice;

  (void)signo;
  if (!w || w->depth > 2 || w->child)
    return;
  w->depth++;
  choice = (unsigned)(random_of(w) % 100);
  if (choice < 30 && !is_next)
    use_heap(w);
  else if (choice < 30 && w->work != IN_LIBC)
    use_libc(w, use_heap);
  else if (choice < 35 && w->work != IN_LIBC && w->depth == 1)
    use_libc(w, choice < 33 ? fork_in_handler : make_thread_in_handler);
  else if (choice < 42 && w->work == IN_CALL && w->depth == 1) {
    w->depth = 0;
    siglongjmp(w->back, 1);
  }
  w->depth--;
  errno = error;
}

/* ---- what is interrupted ---- */

static void check_block(const struct worker *w, unsigned i)
{
  unsigned char mark = (unsigned char)(w - workers + 1);
  const unsigned char *p = w->blocks[i];

  if (p && (p[0] != mark || p[w->sizes[i] - 1] != mark))
    fail(6, "a block has two owners\n");
}

/* What a handler's longjmp takes away is lost: the slot is empty before its block is free. */
static void change_block(struct worker *w)
{
  unsigned i = (unsigned)(random_of(w) % SLOTS);
  size_t size = random_of(w) % 50 ? random_of(w) % 3000 + 1 : random_of(w) % 3000000 + 1;
  unsigned char *p = w->blocks[i], *q;

  check_block(w, i);
  w->blocks[i] = NULL;
  w->work = is_next ? IN_LIBC : IN_CALL;
  switch (random_of(w) % 5) {
  case 0:
    free(p);
    q = malloc(size);
    break;
  case 1:
    free(p);
    q = calloc(1, size);
    break;
  case 2:
    free(p);
    q = aligned_alloc(64, (size + 63) / 64 * 64);
    break;
  default:
    q = realloc(p, size);
    break;
  }
  w->work = AT_REST;
  if (!q)
    return;
  q[0] = q[size - 1] = (unsigned char)(w - workers + 1);
  w->sizes[i] = size;
  w->blocks[i] = q;
}

static void change_mapping(struct worker *w)
{
  char *p, *q;

  w->work = IN_CALL;
  p = mmap(NULL, 1u << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p != MAP_FAILED) {
    q = mremap(p, 1u << 16, 1u << 17, MREMAP_MAYMOVE);
    mprotect(q, 4096, PROT_READ);
    madvise(q, 1u << 16, MADV_DONTNEED);
    munmap(q, 1u << 17);
  }
  w->work = AT_REST;
}

static void call_others(struct worker *w)
{
  w->work = IN_CALL;
  prctl(PR_SET_NAME, "interrupted");
  vmtrace_mark("again");
  w->work = is_next ? IN_LIBC : IN_CALL;
  if (random_of(w) % 8 == 0)
    malloc_trim(0);
  if (random_of(w) % 8 == 0 && !mallinfo2().arena)
    errno = 0;
  w->work = AT_REST;
}

static void call_libc(struct worker *w)
{
  void *handle;
  pid_t pid;

  w->work = IN_LIBC;
  switch (random_of(w) % 4) {
  case 0:
    handle = module ? dlopen(module, RTLD_NOW) : NULL;
    if (handle)
      dlclose(handle);
    break;
  case 1:
    pid = fork();
    if (pid == 0) {
      w->child = 1;
      use_heap(w);
      _exit(11);
    }
    if (pid > 0)
      await_child(pid, 11);
    break;
  default:
    make_thread();
    break;
  }
  w->work = AT_REST;
}

static void *work(void *arg)
{
  struct worker *w = arg;

  self = w;
  while (!over) {
    if (sigsetjmp(w->back, 1) != 0)
      w->work = AT_REST;
    w->rounds++;
    switch (random_of(w) % 16) {
    case 0:
      change_mapping(w);
      break;
    case 1:
      call_others(w);
      break;
    case 2:
      if (random_of(w) % 8 == 0)
        call_libc(w);
      break;
    default:
      change_block(w);
      break;
    }
    if (w->child)
      _exit(FINE);
  }
  self = NULL;
  return NULL;
}

/* ---- the clock ---- */

static void start_timer(pid_t tid, int signo, long ns)
{
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signo};
  struct itimerspec every = {.it_interval = {.tv_nsec = ns}, .it_value = {.tv_nsec = ns}};
  timer_t timer;

  event._sigev_un._tid = tid;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
    timer_settime(timer, 0, &every, NULL);
}

static void *begin(void *arg)
{
  start_timer((pid_t)syscall(SYS_gettid), SIGUSR1, 1000003);
  start_timer((pid_t)syscall(SYS_gettid), SIGUSR2, 737171);
  return work(arg);
}

/* Every two seconds each thread has come further, or it is stuck. */
static void watch(unsigned threads, unsigned seconds)
{
  uint64_t seen[THREADS_MOST] = {0};
  unsigned still[THREADS_MOST] = {0};

  for (unsigned s = 0; s < seconds; s++) {
    struct timespec left = {.tv_sec = 1};

    while (nanosleep(&left, &left) && errno == EINTR)
      ;
    for (unsigned i = 0; i < threads; i++) {
      still[i] = workers[i].rounds == seen[i] ? still[i] + 1 : 0;
      seen[i] = workers[i].rounds;
      if (still[i] > PATIENCE_S)
        fail(3, "a thread makes no progress\n");
    }
  }
}

int main(int argc, char **argv)
{
  unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 3, threads = argc > 3 ? (unsigned)atoi(argv[3]) : 3;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, rounds = 0;
  struct itimerval often = {.it_interval = {.tv_usec = 1117}, .it_value = {.tv_usec = 1117}}, never = {0};
  struct sigaction action = {.sa_handler = handler};

  module = getenv("INTERRUPTED_MODULE");
  is_next = getenv("VMTRACE_HEAP") && strcmp(getenv("VMTRACE_HEAP"), "next") == 0;
  sigaction(SIGUSR2, &action, NULL);
  sigaddset(&action.sa_mask, SIGALRM);
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  threads = threads < 1 ? 1 : threads > THREADS_MOST ? THREADS_MOST : threads;
  for (unsigned i = 0; i < threads; i++) {
    workers[i].seed = seed * 1000003 + i + 1;
    if (pthread_create(&workers[i].thread, NULL, begin, &workers[i]))
      return 2;
  }
  setitimer(ITIMER_REAL, &often, NULL);
  watch(threads, seconds);
  over = 1;
  setitimer(ITIMER_REAL, &never, NULL);
  for (unsigned i = 0; i < threads; i++) {
    pthread_join(workers[i].thread, NULL);
    rounds += workers[i].rounds;
  }
  printf("%llu rounds\n", (unsigned long long)rounds);
  return 0;
}
