/*
 * Forks of every kind in the worst moments: fork_storm MODE COUNT.  Prints
 * what came of it: the same with and without a tracer.
 *
 *   storm N    threads allocate, resize and free all the time while two others fork N children each: these free and
 *              resize blocks of their parent, allocate, start threads, fork again, and end in every way or execute
 *   signals N  N children, forked while a handler allocates every few microseconds
 *   bare N     N children of _Fork, while handlers make others by _Fork
 *   bomb N     N children alive at once, each of which has allocated and waits for all the others
 *   flags      children of the bare clone call with other flags than fork's
 */
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HAMMERS 3
#define FORKERS 2
#define LIVE 64
#define INHERITED 200

static volatile int stop;
static unsigned long well;

static unsigned next(unsigned *state)
{
  *state = *state * 1664525 + 1013904223;
  return *state >> 8;
}

struct live {
  unsigned char *block[LIVE];
  size_t size[LIVE];
};

/* A block holds the number of its slot in its first and its last byte. */
static void check(const struct live *l, unsigned at)
{
  const unsigned char *p = l->block[at];

  if (p && (p[0] != (unsigned char)at || p[l->size[at] - 1] != (unsigned char)at))
    abort();
}

static void change(struct live *l, unsigned *state)
{
  unsigned at = next(state) % LIVE;
  size_t size = 1 + next(state) % (next(state) % 64 ? 600 : 70000);

  check(l, at);
  switch (next(state) % 4) {
  case 0:
    l->block[at] = realloc(l->block[at], size);
    break;
  case 1:
    free(l->block[at]);
    l->block[at] = aligned_alloc(64, size);
    break;
  default:
    free(l->block[at]);
    l->block[at] = next(state) % 2 ? malloc(size) : calloc(1, size);
  }
  l->size[at] = size;
  l->block[at][0] = l->block[at][size - 1] = (unsigned char)at;
}

static void empty(struct live *l)
{
  for (unsigned i = 0; i < LIVE; i++) {
    check(l, i);
    free(l->block[i]);
    l->block[i] = NULL;
  }
}

static void work(unsigned state, unsigned count)
{
  struct live l = {{NULL}, {0}};

  for (unsigned i = 0; i < count; i++)
    change(&l, &state);
  empty(&l);
}

static void *hammer(void *seed)
{
  struct live l = {{NULL}, {0}};
  unsigned state = (unsigned)(uintptr_t)seed;

  while (!stop)
    change(&l, &state);
  empty(&l);
  return NULL;
}

static void *work_once(void *seed)
{
  work((unsigned)(uintptr_t)seed, 200);
  return NULL;
}

/* Exit status of a child, or 1000 and the signal that ended it. */
static int wait_for(pid_t child)
{
  int status;

  while (waitpid(child, &status, __WALL) != child)
    if (errno != EINTR)
      return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int with_grandchild(void)
{
  pid_t child = fork();

  if (!child) {
    work(9, 300);
    _exit(33);
  }
  return wait_for(child) == 33 ? 21 : 99;
}

static int with_thread(void)
{
  pthread_t thread;

  if (pthread_create(&thread, NULL, work_once, NULL) || pthread_join(thread, NULL))
    return 99;
  return 21;
}

/* What a child does: mine are blocks that its parent's thread allocated. */
__attribute__((noreturn)) static void be_child(struct live *mine, unsigned number)
{
  unsigned state = number;

  for (unsigned i = 0; i < INHERITED; i++)
    change(mine, &state);
  empty(mine);
  work(number, 200);
  switch (number % 6) {
  case 0:
    execl("/proc/self/exe", "fork_storm", "status", "21", (char *)NULL);
    _exit(98);
  case 1:
    _exit(with_grandchild());
  case 2:
    _exit(with_thread());
  case 3:
    quick_exit(21);
  case 4:
    kill(getpid(), SIGKILL);
    _exit(97);
  default:
    exit(21);
  }
}

static void *forker(void *arg)
{
  unsigned long count = (unsigned long)(uintptr_t)arg;
  struct live l = {{NULL}, {0}};
  unsigned state = 5;

  for (unsigned i = 0; i < count; i++) {
    pid_t child;
    int status;

    for (unsigned k = 0; k < 40; k++)
      change(&l, &state);
    child = fork();
    if (!child)
      be_child(&l, i);
    status = wait_for(child);
    if (status == (i % 6 == 4 ? 1000 + SIGKILL : 21))
      __atomic_fetch_add(&well, 1, __ATOMIC_RELAXED);
    else
      fprintf(stderr, "child %u ended with %d\n", i, status);
  }
  empty(&l);
  return NULL;
}

static void storm(unsigned long count)
{
  pthread_t hammers[HAMMERS], forkers[FORKERS];

  for (unsigned i = 0; i < HAMMERS; i++)
    pthread_create(&hammers[i], NULL, hammer, (void *)(uintptr_t)(i + 1));
  for (unsigned i = 0; i < FORKERS; i++)
    pthread_create(&forkers[i], NULL, forker, (void *)(uintptr_t)count);
  for (unsigned i = 0; i < FORKERS; i++)
    pthread_join(forkers[i], NULL);
  stop = 1;
  for (unsigned i = 0; i < HAMMERS; i++)
    pthread_join(hammers[i], NULL);
}

static unsigned char *volatile handled;

static void allocate(int signo)
{
  unsigned char *p = handled;

  (void)signo;
  handled = NULL;
  free(p);
  p = malloc(200000);
  p[0] = p[199999] = 1;
  free(handled);
  handled = p;
}

/* The handler comes at any point of fork, in the parent and, at the first moment, in the child. */
static void signals(unsigned long count)
{
  struct sigaction action = {.sa_handler = allocate, .sa_flags = SA_RESTART};
  struct itimerspec every = {{0, 100000}, {0, 100000}}, never = {{0, 0}, {0, 0}};
  timer_t timer;

  sigaction(SIGALRM, &action, NULL);
  if (timer_create(CLOCK_MONOTONIC, NULL, &timer))
    exit(3);
  for (unsigned long i = 0; i < count; i++) {
    pid_t child;

    timer_settime(timer, 0, &every, NULL);
    child = fork();
    if (!child) {
      raise(SIGALRM);
      work((unsigned)i, 100);
      _exit(21);
    }
    timer_settime(timer, 0, &never, NULL);
    well += wait_for(child) == 21;
  }
}

static unsigned long handlers_well;

/* In the child of _Fork as in a handler: nothing that takes a lock. */
static int end_of_bare_child(pid_t child)
{
  return child ? wait_for(child) : (_exit(21), 0);
}

static void bare_fork(int signo)
{
  int error = errno;

  (void)signo;
  if (end_of_bare_child(_Fork()) == 21)
    __atomic_fetch_add(&handlers_well, 1, __ATOMIC_RELEASE);
  errno = error;
}

/* For each child one handler in this thread, at some moment of _Fork or close to it, and one in a thread that
 * allocates.
 */
static void bare(unsigned long count)
{
  struct sigaction action = {.sa_handler = bare_fork, .sa_flags = SA_RESTART};
  struct itimerspec moment = {{0, 0}, {0, 0}};
  pthread_t other;
  timer_t timer;

  sigaction(SIGALRM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
  pthread_create(&other, NULL, hammer, NULL);
  if (timer_create(CLOCK_MONOTONIC, NULL, &timer))
    exit(3);
  for (unsigned long i = 0; i < count; i++) {
    moment.it_value.tv_nsec = (long)(1 + i * 7919 % 400000);
    timer_settime(timer, 0, &moment, NULL);
    pthread_kill(other, SIGUSR1);
    well += end_of_bare_child(_Fork()) == 21;
    while (__atomic_load_n(&handlers_well, __ATOMIC_ACQUIRE) < 2 * (i + 1))
      work((unsigned)i, 10);
  }
  stop = 1;
  pthread_join(other, NULL);
  well += handlers_well;
}

/* Every child holds the writing end of the first pipe until it has allocated, then reads the second until all may go.
 */
static void bomb(unsigned long count)
{
  int ready[2], go[2];
  char byte;

  if (pipe(ready) || pipe(go))
    exit(3);
  for (unsigned long i = 0; i < count; i++) {
    pid_t child = fork();

    if (child < 0)
      puts("no more children");
    if (!child) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      work((unsigned)i, 100);
      close(ready[1]);
      close(go[1]);
      while (read(go[0], &byte, 1) > 0)
        ;
      work((unsigned)i, 100);
      _exit(21);
    }
  }
  close(ready[1]);
  while (read(ready[0], &byte, 1) > 0)
    ;
  close(go[1]);
  for (int status; wait(&status) > 0;)
    well += WIFEXITED(status) && WEXITSTATUS(status) == 21;
}

/* The bare call with no stack of its own: as fork, whatever the flags say besides. */
static pid_t bare_clone(unsigned long flags)
{
  return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

/* A child with that flag works on what it inherited; the parent goes on afterwards. */
static void one_flag(const char *name, unsigned long flag)
{
  struct live l = {{NULL}, {0}};
  unsigned state = 77;
  pid_t child;
  int status;

  for (unsigned i = 0; i < 300; i++)
    change(&l, &state);
  child = bare_clone(flag);
  if (!child) {
    for (unsigned i = 0; i < 300; i++)
      change(&l, &state);
    empty(&l);
    _exit(21);
  }
  if (child < 0) {
    printf("%s: refused\n", name);
  } else {
    status = wait_for(child);
    printf("%s: %d\n", name, status);
    well += status == 21;
  }
  for (unsigned i = 0; i < 300; i++)
    change(&l, &state);
  empty(&l);
}

/* In memory and on a stack of its parent's, which waits: what it allocates stays allocated there. */
static char stack[65536] __attribute__((aligned(16)));
static void *handed;

static int in_shared_memory(void *unused)
{
  (void)unused;
  handed = malloc(1234);
  memset(handed, 5, 1234);
  work(4, 500);
  _exit(21);
}

static void shared_memory(void)
{
  pid_t child = clone(in_shared_memory, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
  int status = wait_for(child);

  printf("CLONE_VM|CLONE_VFORK: %d, byte %d\n", status, ((char *)handed)[1233]);
  well += status == 21;
  free(handed);
  work(3, 500);
}

/* clone3 as fork. */
static void by_clone3(void)
{
  struct clone_args args = {.exit_signal = SIGCHLD};
  pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
  int status;

  if (!child) {
    work(2, 500);
    _exit(21);
  }
  status = child < 0 ? -1 : wait_for(child);
  printf("clone3: %d\n", status);
  well += status == 21;
}

static void flags(void)
{
  work(1, 2000);
  one_flag("none", 0);
  one_flag("CLONE_FILES", CLONE_FILES);
  one_flag("CLONE_FS", CLONE_FS);
  one_flag("CLONE_SYSVSEM", CLONE_SYSVSEM);
  one_flag("CLONE_IO", CLONE_IO);
  one_flag("CLONE_NEWPID", CLONE_NEWPID);
  one_flag("CLONE_NEWUSER", CLONE_NEWUSER);
  shared_memory();
  by_clone3();
  work(1, 2000);
}

int main(int argc, char **argv)
{
  const char *mode = argc > 1 ? argv[1] : "";
  unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

  setvbuf(stdout, NULL, _IONBF, 0);
  if (!strcmp(mode, "status")) {
    work(3, 200);
    return (int)count;
  }
  if (!strcmp(mode, "storm"))
    storm(count);
  else if (!strcmp(mode, "signals"))
    signals(count);
  else if (!strcmp(mode, "bare"))
    bare(count);
  else if (!strcmp(mode, "bomb"))
    bomb(count);
  else if (!strcmp(mode, "flags"))
    flags();
  else
    return 2;
  printf("%s: %lu\n", mode, well);
  return 0;
}
