/*
 * `intruder WAY`: a program that maps over memory of the heap that is in use, unmaps
 * it, or moves it away, and goes on allocating, in a forked child as well.  Its own mapping must
 * stay as it is, and no block may come to lie in it.  Prints what it found.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define FILLED 0xaa
#define BLOCKS 500
#define ELSEWHERE ((void *)0x30000000000)

static char *blocks[BLOCKS];
static char *start, *end; /* what was taken */
static int readable;      /* and whether something of the program's is there now */
static int inside;        /* blocks that came to lie there */

static size_t size_of(int i)
{
  return 10 + (size_t)i * 13;
}

static int is_inside(const char *p, size_t size)
{
  return p < end && p + size > start;
}

static void check(int condition)
{
  if (!condition) {
    perror("intruder");
    exit(1);
  }
}

static void take(char *at, size_t size)
{
  check(mmap(at, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
  start = at;
  end = at + size;
  readable = 1;
  memset(at, FILLED, size);
}

static void remember(char *at, size_t size)
{
  start = at;
  end = at + size;
}

/* The page of a small block among others. */
static char *page_of_blocks(void)
{
  return (char *)((uintptr_t)blocks[100] & ~(PAGE - 1));
}

static void way_low(void)
{
  take((char *)0x200000, 0x200000);
}

static void way_page(void)
{
  take(page_of_blocks(), PAGE);
}

/* Part of two segments, and of what lies between. */
static void way_across(void)
{
  char *p[300], *at;

  for (int i = 0; i < 300; i++)
    check((p[i] = malloc(30000)) != NULL);
  at = (char *)((uintptr_t)p[299] & ~(uintptr_t)0x1fffff);
  take(at - 64 * PAGE, 128 * PAGE);
  for (int i = 0; i < 300; i++)
    free(p[i]);
}

static void way_unmap(void)
{
  char *at = page_of_blocks();

  check(munmap(at, PAGE) == 0);
  remember(at, PAGE);
}

static void way_back(void)
{
  char *at = page_of_blocks();

  for (int i = 0; i < 20; i++) {
    check(munmap(at, PAGE) == 0);
    take(at, PAGE);
  }
}

static void way_away(void)
{
  char *at = page_of_blocks();

  check(mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, ELSEWHERE) == ELSEWHERE);
  remember(at, PAGE);
}

static void way_over(void)
{
  char *at = page_of_blocks(), *from = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  memset(from, FILLED, PAGE);
  check(mremap(from, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at);
  remember(at, PAGE);
  readable = 1;
}

static void way_attach(void)
{
  char *at = page_of_blocks();
  int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);

  check(shmat(id, at, SHM_REMAP) == at);
  shmctl(id, IPC_RMID, NULL);
  memset(at, FILLED, PAGE);
  remember(at, PAGE);
  readable = 1;
}

static void way_protect(void)
{
  char *at = page_of_blocks();

  check(mprotect(at, PAGE, PROT_NONE) == 0);
  remember(at, PAGE);
}

static void way_medium(void)
{
  char *p = malloc(100000);

  take((char *)(((uintptr_t)p + 2 * PAGE) & ~(PAGE - 1)), 2 * PAGE);
  check(malloc_usable_size(p) == 0);
  free(p);
}

static void big_churn(void)
{
  for (int i = 0; i < 10; i++) {
    char *p = malloc(9 << 20);

    memset(p, 1, 9 << 20);
    inside += is_inside(p, 9 << 20);
    free(p);
  }
}

static void way_huge(void)
{
  char *p = malloc(10 << 20);

  take(p + (4 << 20), 2 << 20);
  check(malloc_usable_size(p) == 0);
  check(realloc(p, 20 << 20) == NULL);
  free(p);
  big_churn();
}

/* Memory that the heap keeps of a block that was freed. */
static void way_kept(void)
{
  char *p = malloc(10 << 20);

  memset(p, 1, 10 << 20);
  free(p);
  take(p + (4 << 20), 2 << 20);
  big_churn();
}

/* A guard page inside a block, as coroutines have on stacks that they allocate, and nobody takes it away. */
static void way_guard(void)
{
  static const size_t sizes[] = {100000, 3 << 20};

  for (int i = 0; i < 40; i++) {
    size_t size = sizes[i % 2];
    char *p = aligned_alloc(PAGE, size);

    check(p != NULL);
    memset(p, 1, size);
    check(mprotect(p + 2 * PAGE, PAGE, i % 4 / 2 ? PROT_READ : PROT_NONE) == 0);
    if (i % 8 == 5)
      check((p = realloc(p, size / 2)) != NULL);
    free(p);
  }
}

/* The library's own memory: refused, and all goes on. */
static void way_own(void)
{
  char *own = (char *)0x0c0000000000, *tables = (char *)0x0e0000000000;

  printf("%d", mmap(own, 1 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
  printf("%d", mmap(tables, 1 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
  printf("%d\n", munmap(own, 4ul << 40));
}

/* ---- another thread's heap ---- */

static pthread_barrier_t barrier;

static void churn(void)
{
  static __thread char *p[2000];

  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 2000; i++) {
      size_t size = 16 + (size_t)i * 37 % 60000;

      check((p[i] = malloc(size)) != NULL);
      if (is_inside(p[i], size))
        __atomic_fetch_add(&inside, 1, __ATOMIC_RELAXED);
      else
        memset(p[i], 1, size);
    }
    for (int i = 0; i < 2000; i++)
      free(p[i]);
  }
}

static void *other(void *unused)
{
  char *p[100];

  for (int i = 0; i < 100; i++)
    p[i] = malloc(100);
  for (int i = 0; i < 50; i++)
    free(p[i]);
  *(char **)unused = p[99];
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  churn();
  for (int i = 50; i < 100; i++)
    free(p[i]);
  churn();
  return NULL;
}

static void way_thread(void)
{
  pthread_t thread;
  char *p;

  pthread_barrier_init(&barrier, NULL, 2);
  check(pthread_create(&thread, NULL, other, &p) == 0);
  pthread_barrier_wait(&barrier);
  take((char *)((uintptr_t)p & ~(PAGE - 1)), PAGE);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
}

/* ---- */

static void free_blocks(int taken)
{
  for (int i = 0; i < BLOCKS; i++) {
    if (is_inside(blocks[i], size_of(i)) != taken)
      continue;
    if (i % 2)
      free(blocks[i]);
    else if (!taken)
      free(realloc(blocks[i], 5000));
    else
      free(realloc(blocks[i], malloc_usable_size(blocks[i]) + 5000));
    blocks[i] = NULL;
  }
}

static void go_on(void)
{
  int changed = 0;

  churn();
  free_blocks(0);
  churn();
  malloc_trim(0);
  free_blocks(1);
  churn();
  for (char *p = start; readable && p < end; p++)
    changed += (unsigned char)*p != FILLED;
  printf("%d inside, %d changed\n", inside, changed);
  fflush(stdout);
}

static const struct {
  const char *name;
  void (*run)(void);
} ways[] = {{"low", way_low},         {"page", way_page},     {"across", way_across}, {"unmap", way_unmap},
            {"back", way_back},       {"away", way_away},     {"over", way_over},     {"attach", way_attach},
            {"protect", way_protect}, {"medium", way_medium}, {"huge", way_huge},     {"kept", way_kept},
            {"guard", way_guard},     {"own", way_own},       {"thread", way_thread}};

int main(int argc, char **argv)
{
  int status = 0;
  pid_t child;

  setvbuf(stdout, NULL, _IONBF, 0);
  for (int i = 0; i < BLOCKS; i++)
    blocks[i] = malloc(size_of(i));
  for (size_t i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
    if (!strcmp(ways[i].name, argv[1]))
      ways[i].run();
  child = fork();
  if (!child) {
    go_on();
    _exit(0);
  }
  waitpid(child, &status, 0);
  go_on();
  return status != 0;
}
