/*
 * Numbers and surroundings that a tracer finds hard: ordeal MODE [COUNT].
 * Prints what came of it: the same with and without a tracer.
 *
 *   alive N        N threads at once, each with blocks of its own
 *   created N      N threads, 50 at a time, a fifth of them detached
 *   destructors N  N threads that allocate until their very end, in thread-specific destructors that run late
 *   children N     N children, 50 at a time, each allocates
 *   chain N        executes itself N times
 *   segv           has a handler for SIGSEGV, by which it makes pages readable when they are touched
 *   holes          maps memory of its own wherever it can in the ranges of the pinned heap, before it allocates
 *   loads          loads and unloads libraries from several threads while others allocate
 *   refused        may not open perf events, use clone3, or ask for PAGEMAP_SCAN
 *   noopen         may not open anything any more
 *   memory MIB     has that much address space, and allocates until there is none
 *   eat            allocates and touches until somebody stops it
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 50

static pthread_barrier_t barrier;
static unsigned long done;

/* Blocks of all kinds of sizes, which keep what is written to them. */
static void work(unsigned seed, unsigned count)
{
  unsigned char *live[64] = {NULL};
  unsigned state = seed * 2654435761u + 1;

  for (unsigned i = 0; i < count; i++) {
    unsigned at;

    state = state * 1664525 + 1013904223;
    at = state >> 26;
    if (live[at] && live[at][0] != (unsigned char)at)
      puts("a block lost its byte");
    free(live[at]);
    live[at] = malloc(1 + (state >> 8) % (i % 100 ? 500 : 100000));
    live[at][0] = (unsigned char)at;
  }
  for (unsigned i = 0; i < 64; i++)
    free(live[i]);
  __atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
}

static void *wait_and_work(void *seed)
{
  work((unsigned)(uintptr_t)seed, 50);
  pthread_barrier_wait(&barrier);
  work((unsigned)(uintptr_t)seed, 50);
  return NULL;
}

static void *just_work(void *seed)
{
  work((unsigned)(uintptr_t)seed, 10);
  return NULL;
}

static int start(pthread_t *thread, void *(*function)(void *), unsigned long seed)
{
  pthread_attr_t attr;
  int error;

  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 64 << 10);
  error = pthread_create(thread, &attr, function, (void *)(uintptr_t)seed);
  pthread_attr_destroy(&attr);
  return error;
}

static void alive(unsigned long count)
{
  pthread_t *threads = calloc(count, sizeof *threads);

  pthread_barrier_init(&barrier, NULL, (unsigned)count);
  for (unsigned long i = 0; i < count; i++)
    if (start(&threads[i], wait_and_work, i)) {
      puts("no more threads");
      exit(1);
    }
  for (unsigned long i = 0; i < count; i++)
    pthread_join(threads[i], NULL);
  free(threads);
}

static void created(unsigned long count)
{
  for (unsigned long at = 0; at < count; at += BATCH) {
    pthread_t threads[BATCH];

    for (unsigned i = 0; i < BATCH; i++) {
      while (start(&threads[i], just_work, at + i))
        usleep(1000); /* detached ones have not gone yet */
      if (i % 5 == 0)
        pthread_detach(threads[i]);
    }
    for (unsigned i = 0; i < BATCH; i++)
      if (i % 5)
        pthread_join(threads[i], NULL);
  }
  while (__atomic_load_n(&done, __ATOMIC_RELAXED) < count)
    usleep(1000);
}

/* Four rounds are what there is; nothing is allocated between them. */
static pthread_key_t late;

static void late_destructor(void *round)
{
  work((unsigned)(uintptr_t)round, 30);
  if ((uintptr_t)round < 4)
    pthread_setspecific(late, (void *)((uintptr_t)round + 1));
}

static void *end_late(void *unused)
{
  pthread_setspecific(late, (void *)1);
  pthread_barrier_wait(&barrier);
  return unused;
}

/* The key comes after those of a tracer, which makes its own when the first thread is created. */
static void destructors(unsigned long count)
{
  pthread_t *threads = calloc(count, sizeof *threads);

  start(&threads[0], just_work, 0);
  pthread_join(threads[0], NULL);
  pthread_key_create(&late, late_destructor);
  for (unsigned long round = 0; round < 5; round++) {
    pthread_barrier_init(&barrier, NULL, (unsigned)count);
    for (unsigned long i = 0; i < count; i++)
      start(&threads[i], end_late, i);
    for (unsigned long i = 0; i < count; i++)
      pthread_join(threads[i], NULL);
  }
  free(threads);
}

static void children(unsigned long count)
{
  unsigned long well = 0;

  for (unsigned long at = 0; at < count; at += BATCH) {
    int status;

    for (unsigned i = 0; i < BATCH; i++) {
      pid_t child = fork();

      if (child < 0)
        puts("no more children");
      if (!child) {
        work(i, 100);
        _exit(7);
      }
    }
    while (wait(&status) > 0)
      well += WIFEXITED(status) && WEXITSTATUS(status) == 7;
  }
  done = well;
}

static void chain(unsigned long count, char **argv)
{
  char left[32];

  work((unsigned)count, 1000);
  if (!count)
    return;
  snprintf(left, sizeof left, "%lu", count - 1);
  execl("/proc/self/exe", argv[0], "chain", left, NULL);
  puts("exec failed");
}

static void on_segv(int signo, siginfo_t *info, void *context)
{
  (void)signo;
  (void)context;
  done++;
  if (mprotect((void *)((uintptr_t)info->si_addr & ~(uintptr_t)4095), 4096, PROT_READ | PROT_WRITE))
    _exit(9);
}

static void segv(void)
{
  struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
  char *area = mmap(NULL, 200 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  sigaction(SIGSEGV, &action, NULL);
  for (size_t i = 0; i < 200; i++) {
    area[i * 4096] = 1;
    work((unsigned)i, 20);
  }
  done -= 200; /* the calls of work */
}

/* Small pieces of memory here and there behind block, where the heap would go on. */
static void dig_holes(uintptr_t block)
{
  const uintptr_t segment = UINT64_C(2) << 20;

  for (uintptr_t i = 1; i < 3000; i++)
    mmap((void *)((block & ~(segment - 1)) + (1 + i * 5) * segment), 4096, PROT_READ,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

/* And where a tracer has its own memory. */
static void dig_aside(void)
{
  const uintptr_t own = UINT64_C(0x0c0000000000);

  for (uintptr_t i = 1; i < 2000; i++)
    mmap((void *)(own + i * (UINT64_C(64) << 10)), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
         -1, 0);
}

static void holes(void)
{
  void *first = NULL, **block = NULL;

  dig_aside();
  alive(20);
  /* More than the first segment, which lies apart. */
  for (unsigned i = 0; i < 3000; i++) {
    block = malloc(1000);
    *block = first;
    first = block;
  }
  dig_holes((uintptr_t)block);
  block = malloc(20000000);
  dig_holes((uintptr_t)block);
  free(block);
  for (unsigned i = 0; i < 30000; i++) {
    block = malloc(1000);
    *block = first;
    first = block;
  }
  for (unsigned i = 0; i < 30; i++) {
    char *p = malloc(20000000);

    p[0] = p[19999999] = 1;
    p = realloc(p, 30000000);
    free(p);
    work(i, 20000);
  }
  for (; first; first = block) {
    block = *(void **)first;
    free(first);
  }
}

static void *load(void *unused)
{
  static const char *const names[] = {"libm.so.6", "libresolv.so.2", "libutil.so.1", "libanl.so.1", "libnsl.so.1"};

  for (unsigned i = 0; i < 200; i++) {
    void *library = dlopen(names[i % 5], i % 2 ? RTLD_NOW : RTLD_LAZY | RTLD_GLOBAL);

    if (library)
      dlclose(library);
    free(malloc(i));
  }
  work(1, 10);
  return unused;
}

static void loads(void)
{
  pthread_t threads[8];

  for (unsigned i = 0; i < 8; i++)
    start(&threads[i], i < 4 ? load : just_work, i);
  for (unsigned i = 0; i < 8; i++)
    pthread_join(threads[i], NULL);
}

/* Every call with one of those numbers fails with error. */
static void forbid(const unsigned *numbers, size_t count, unsigned error)
{
  struct sock_filter code[32] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  size_t n = 1;

  for (size_t i = 0; i < count; i++) {
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[i], 0, 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
  }
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){(unsigned short)n, code}, 0, 0))
    puts("no filter");
}

static void refused(char **argv)
{
  static const unsigned numbers[] = {SYS_perf_event_open, SYS_clone3, SYS_ioctl};

  forbid(numbers, 3, ENOSYS);
  execl("/proc/self/exe", argv[0], "alive", "20", NULL);
}

static void noopen(void)
{
  static const unsigned numbers[] = {SYS_open, SYS_openat, SYS_perf_event_open};

  forbid(numbers, 3, EPERM);
  alive(20);
  children(BATCH);
}

static void memory(unsigned long mib)
{
  struct rlimit limit = {mib << 20, mib << 20};
  char *first = NULL;
  unsigned long blocks = 0, again = 0;

  setrlimit(RLIMIT_AS, &limit);
  for (char *p; (p = malloc(50000)); blocks++) {
    *(char **)(void *)p = first;
    first = p;
  }
  if (errno != ENOMEM)
    puts("errno is not ENOMEM");
  while (first) {
    char *next = *(char **)(void *)first;

    free(first);
    first = next;
  }
  for (; again < blocks / 2 && (first = malloc(50000)); again++)
    free(first);
  if (blocks < 10 || again < blocks / 2)
    puts("too few blocks");
}

static void eat(void)
{
  for (;;)
    memset(malloc(100000), 1, 100000);
}

int main(int argc, char **argv)
{
  const char *mode = argc > 1 ? argv[1] : "";
  unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

  if (!strcmp(mode, "alive"))
    alive(count);
  else if (!strcmp(mode, "created"))
    created(count);
  else if (!strcmp(mode, "destructors"))
    destructors(count);
  else if (!strcmp(mode, "children"))
    children(count);
  else if (!strcmp(mode, "chain"))
    chain(count, argv);
  else if (!strcmp(mode, "segv"))
    segv();
  else if (!strcmp(mode, "holes"))
    holes();
  else if (!strcmp(mode, "loads"))
    loads();
  else if (!strcmp(mode, "refused"))
    refused(argv);
  else if (!strcmp(mode, "noopen"))
    noopen();
  else if (!strcmp(mode, "memory"))
    memory(count);
  else if (!strcmp(mode, "eat"))
    eat();
  else
    return 2;
  printf("%s: %lu\n", mode, done);
  return 0;
}
