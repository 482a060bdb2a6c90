/*
 * Misuse of the heap, one kind per run: double, double-far, interior, realloc,
 * realloc-free, sized, thread.  Addresses outside of the heap: see outside() and foreign().
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define MAPPED 65536

static void *volatile block;
static char zeroed[4096], filled[64] = "data";

static void *free_block(void *unused)
{
  free(block);
  return unused;
}

static void *map_pinned(void)
{
  return mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static __attribute__((noinline)) void *dead_variable(void)
{
  char here[256];

  memset(here, 1, sizeof here);
  __atomic_store_n(&block, (void *)(here + 64), __ATOMIC_RELAXED);
  return block;
}

static void *free_own_variable(void *unused)
{
  char *volatile here = (char *)&here;

  free(here);
  return unused;
}

/* Where nobody's block is. */
static void *outside(const char *kind, char **argv)
{
  static const char constant[] = "constant";
  void *gone;

  if (!strcmp(kind, "dead"))
    return dead_variable();
  if (!strcmp(kind, "argument"))
    return argv[1];
  if (!strcmp(kind, "environment"))
    return getenv("PATH");
  if (!strcmp(kind, "zeroed"))
    return zeroed + 2048;
  if (!strcmp(kind, "filled"))
    return filled;
  if (!strcmp(kind, "constant"))
    return (void *)(uintptr_t)constant;
  if (!strcmp(kind, "function"))
    return (void *)(uintptr_t)free_own_variable;
  if (!strcmp(kind, "library"))
    return stdout;
  if (!strcmp(kind, "nowhere"))
    return (void *)(uintptr_t)0x1230;
  if (!strcmp(kind, "kernel"))
    return (void *)(uintptr_t)0xffff888000001000;
  if (!strcmp(kind, "pinned"))
    return map_pinned();
  if (!strcmp(kind, "unmapped")) {
    gone = map_pinned();
    munmap(gone, MAPPED);
    return gone;
  }
  return NULL;
}

static void wait_for_ever(void)
{
  for (;;)
    pause();
}

static void *lend_variable(void *unused)
{
  char here[64];

  __atomic_store_n(&block, (void *)here, __ATOMIC_RELEASE);
  wait_for_ever();
  return unused;
}

static void *others_variable(void)
{
  pthread_t thread;

  if (pthread_create(&thread, NULL, lend_variable, NULL) != 0)
    return NULL;
  while (!__atomic_load_n(&block, __ATOMIC_ACQUIRE))
    usleep(1000);
  return block;
}

/* As if a library bound to libc's allocator had made it. */
static void *block_of_libc(size_t size)
{
  void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  void *(*libc_malloc)(size_t) = (void *(*)(size_t))(uintptr_t)dlsym(libc, "malloc");

  void *p = libc_malloc(size);

  if (malloc_usable_size(p) < size)
    puts("its size is not known");
  return p;
}

static void *map_unseen(int protection)
{
  return (void *)syscall(SYS_mmap, NULL, MAPPED, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Where another allocator's block is, or may be. */
static void *foreign(const char *kind)
{
  /* libc's own calls of mmap are not seen by the library, and not pinned. */
  if (!strcmp(kind, "mapped"))
    return map_unseen(PROT_READ | PROT_WRITE);
  if (!strcmp(kind, "sealed"))
    return map_unseen(PROT_NONE);
  if (!strcmp(kind, "break"))
    return (char *)sbrk(MAPPED) + 4096;
  if (!strcmp(kind, "loader"))
    return dlsym(RTLD_DEFAULT, "_r_debug");
  if (!strcmp(kind, "libc"))
    return block_of_libc(1000);
  if (!strcmp(kind, "libc-large"))
    return block_of_libc(5000000);
  if (!strcmp(kind, "other-thread"))
    return others_variable();
  return NULL;
}

static ucontext_t here, there;

static void on_other_stack(void)
{
  char *volatile local = (char *)&local;

  free(local);
}

/* Its stack could be a block: it is not the thread's own. */
static void free_in_coroutine(void)
{
  getcontext(&there);
  there.uc_stack.ss_sp = map_unseen(PROT_READ | PROT_WRITE);
  there.uc_stack.ss_size = MAPPED;
  there.uc_link = &here;
  makecontext(&there, on_other_stack, 0);
  swapcontext(&here, &there);
}

int main(int argc, char **argv)
{
  const char *kind = argc > 1 ? argv[1] : "";
  char *volatile p = malloc(100);
  pthread_t thread;

  if (!strcmp(kind, "double")) {
    free(p);
    free(p);
  } else if (!strcmp(kind, "double-far")) {
    void *more[1000];

    free(p);
    for (int i = 0; i < 1000; i++)
      more[i] = malloc(5000);
    for (int i = 0; i < 1000; i++)
      free(more[i]);
    free(p);
  } else if (!strcmp(kind, "interior")) {
    free(p + 16);
  } else if (!strcmp(kind, "realloc")) {
    p = realloc(p + 32, 10);
  } else if (!strcmp(kind, "realloc-free")) {
    free(p);
    p = realloc(p, 1000);
  } else if (!strcmp(kind, "thread")) {
    block = p;
    pthread_create(&thread, NULL, free_block, NULL);
    pthread_join(thread, NULL);
    free(p);
  } else if (!strcmp(kind, "stack")) {
    char *volatile here_too = (char *)&thread;

    free(here_too);
  } else if (!strcmp(kind, "thread-stack")) {
    pthread_create(&thread, NULL, free_own_variable, NULL);
    pthread_join(thread, NULL);
  } else if (!strcmp(kind, "moved")) {
    p = realloc(outside("filled", argv), 100);
  } else if (!strcmp(kind, "coroutine")) {
    free_in_coroutine();
  } else if (!strcmp(kind, "sized")) {
    void (*sized)(void *, size_t) = (void (*)(void *, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_sized");

    if (sized)
      sized(p, 100000);
  } else {
    void *volatile q = outside(kind, argv);

    free(q ? q : foreign(kind));
  }
  puts("still here");
  return 0;
}
