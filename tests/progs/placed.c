/*
 * `placed WAY`: asks the kernel for an address in one of many ways, and prints
 * what it got.  Some of them depend on what is random in every run.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_32BIT
#define MAP_32BIT 0
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define FREE_PLACE 0x30000000000ul /* nothing of anybody's lies there */

static char *map(unsigned long hint, size_t size, int flags)
{
  return mmap((void *)hint, size, RW, ANON | flags, -1, 0);
}

static void print(const void *p)
{
  printf("%p\n", p);
}

static void hints(void)
{
  print(map(FREE_PLACE, 2 * PAGE, 0));
  print(map(FREE_PLACE, 2 * PAGE, 0));
  print(map(FREE_PLACE + PAGE, PAGE, 0));
  print(map(1, PAGE, 0));
  print(map(0xffff800000000000, PAGE, 0));
  print(map(FREE_PLACE, 3ul << 20, MAP_NORESERVE));
}

/* Every page right behind the one before. */
static void behind(void)
{
  char *p = map(0, PAGE, 0);

  for (int i = 0; i < 20; i++) {
    char *next = map((unsigned long)p + PAGE, PAGE, 0);

    print(next);
    p = next;
  }
}

static void low(void)
{
  char *p[4];

  for (int i = 0; i < 4; i++)
    print(p[i] = map(0, (i + 1) * PAGE, MAP_32BIT));
  munmap(p[1], 2 * PAGE);
  print(map(0, 2 * PAGE, MAP_32BIT));
  print(map((unsigned long)p[0], PAGE, MAP_32BIT));
  for (int i = 0; i < 4; i++)
    memset(p[i == 1 ? 0 : i], 1, PAGE);
}

static void stacks(void)
{
  char *p = map(0, 4 * PAGE, MAP_GROWSDOWN), *q = map(0, PAGE, MAP_GROWSDOWN);

  print(p);
  print(q);
  print(map(0, PAGE, 0));
  for (unsigned long i = 0; i < 64; i++)
    p[-(long)(i * PAGE)] = 1;
}

static void huge(void)
{
  char *p = map(0, 2ul << 20, MAP_HUGETLB);

  printf("%d\n", ((unsigned long)p & 0x1fffff) == 0 || errno == ENOMEM);
}

/* The place behind is taken by a mapping that the program put there. */
static void walled(void)
{
  char *p = map(0, 2 * PAGE, 0), *q;

  print(map((unsigned long)p + 2 * PAGE, PAGE, MAP_FIXED));
  errno = 0;
  printf("%d\n", mremap(p, 2 * PAGE, 3 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
  print(q = mremap(p, 2 * PAGE, 300 * PAGE, MREMAP_MAYMOVE));
  print(map(0, PAGE, 0));
  q[299 * PAGE] = 1;
}

/* Grows where it is, as far as there is room, and keeps what it holds. */
static void grow(void)
{
  char *p = map(0, PAGE, 0), *q;

  strcpy(p, "kept");
  q = mremap(p, PAGE, 64 * PAGE, 0);
  printf("%d %d\n", p == q, q != MAP_FAILED && !strcmp(q, "kept"));
  memset(p + PAGE, 1, 63 * PAGE);
  print(map(0, PAGE, 0));
  errno = 0;
  printf("%d\n", mremap(p, 64 * PAGE, 65 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
  munmap(p + PAGE, 63 * PAGE);
  print(mremap(p, PAGE, 3 * PAGE, 0));
  print(map(0, PAGE, 0));
}

static void attach(void)
{
  int id = shmget(IPC_PRIVATE, 5 * PAGE, IPC_CREAT | 0600);
  char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY), *r;

  print(p);
  print(q);
  p[4 * PAGE] = 7;
  printf("%d\n", q[4 * PAGE]);
  shmdt(p);
  print(r = shmat(id, NULL, 0));
  printf("%d\n", r[4 * PAGE]);
  printf("%d\n", shmdt(p + PAGE) == -1 && errno == EINVAL);
  shmctl(id, IPC_RMID, NULL);
}

static void data(void)
{
  char *p = sbrk(0), *q = sbrk(3 * PAGE + 5);

  print(p);
  print(q);
  memset(q, 1, 3 * PAGE + 5);
  print(sbrk(0));
  printf("%d\n", brk(p + PAGE));
  print(sbrk(2 * PAGE));
  printf("%d\n", p[2 * PAGE]);
  printf("%d\n", brk((void *)PAGE) == -1 && errno == ENOMEM);
  print(sbrk(-(long)PAGE));
  errno = 0;
  printf("%d\n", sbrk(INTPTR_MAX) == (void *)-1 && errno == ENOMEM);
  print(sbrk(0));
}

/* ---- what differs from run to run ---- */

static void beside_code(void)
{
  print(map(((unsigned long)&map & ~(PAGE - 1)) + (64ul << 20), PAGE, 0));
}

/* An address drawn by lot, as JavaScript engines do. */
static void by_lot(void)
{
  unsigned long at;
  FILE *random = fopen("/dev/urandom", "r");

  if (fread(&at, sizeof at, 1, random) == 1)
    print(map((at & 0x3ffffffff000ul) | 0x100000000000ul, PAGE, 0));
  fclose(random);
}

static void *moves_break(void *unused)
{
  print(sbrk(PAGE));
  return unused;
}

static void *maps_low(void *unused)
{
  print(map(0, PAGE, MAP_32BIT));
  return unused;
}

static void in_thread(void *(*body)(void *))
{
  pthread_t thread;

  if (pthread_create(&thread, NULL, body, NULL) || pthread_join(thread, NULL))
    abort();
}

static void breaks(void)
{
  sbrk(PAGE);
  in_thread(moves_break);
}

static void lows(void)
{
  in_thread(maps_low);
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *waits(void *unused)
{
  pthread_mutex_lock(&held);
  pthread_mutex_unlock(&held);
  return unused;
}

static void polls(void)
{
  pthread_t thread, other;

  pthread_mutex_lock(&held);
  pthread_create(&thread, NULL, waits, NULL);
  printf("%d\n", pthread_tryjoin_np(thread, NULL) == EBUSY);
  pthread_create(&other, NULL, waits, NULL);
  pthread_mutex_unlock(&held);
  pthread_join(thread, NULL);
  pthread_join(other, NULL);
}

static const struct {
  const char *name;
  void (*run)(void);
} ways[] = {{"hints", hints},   {"behind", behind}, {"low", low},       {"stacks", stacks}, {"huge", huge},
            {"walled", walled}, {"grow", grow},     {"attach", attach}, {"data", data},     {"code", beside_code},
            {"lot", by_lot},    {"breaks", breaks}, {"lows", lows},     {"polls", polls}};

int main(int argc, char **argv)
{
  for (size_t i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
    if (!strcmp(ways[i].name, argv[1])) {
      ways[i].run();
      return 0;
    }
  return 2;
}
