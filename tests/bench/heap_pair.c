/*
 * How long a malloc and a free take: the pinned heap's own functions against a
 * library's malloc and free, loaded with dlopen, side by side in one process.  A tool for tuning; nothing
 * passes or fails.  Usage: heap_pair [LIBRARY [MILLIONS [THREADS]]]
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "heap/heap_fast.h"

#define LIVE 4096
#define PLAN 65536
#define ROUNDS 7

struct allocator {
  const char *name;
  void *(*get)(struct heap *heap, size_t size);
  void (*put)(struct heap *heap, void *p);
};

struct step {
  uint32_t slot, size;
};

static struct step plan[PLAN];
static void *(*other_malloc)(size_t);
static void (*other_free)(void *);

static void *pinned_get(struct heap *heap, size_t size)
{
  return heap_alloc(heap, size);
}

static void pinned_put(struct heap *heap, void *p)
{
  if (heap_free(heap, p) != HEAP_OK)
    abort();
}

static void *other_get(struct heap *heap, size_t size)
{
  (void)heap;
  return other_malloc(size);
}

static void other_put(struct heap *heap, void *p)
{
  (void)heap;
  other_free(p);
}

/* Mostly small, as programs have it: a third up to 64 bytes, a third up to 512, a third up to 2,048. */
static void make_plan(void)
{
  uint64_t x = 88172645463325252u;

  for (unsigned i = 0; i < PLAN; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    plan[i].slot = (uint32_t)(x >> 20) % LIVE;
    plan[i].size = 1 + (uint32_t)(x >> 40) % (x % 3 == 0 ? 64 : x % 3 == 1 ? 512 : 2048);
  }
}

static double now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double run(const struct allocator *a, struct heap *heap, long pairs)
{
  void **live = calloc(LIVE, sizeof *live);
  double start;

  for (unsigned i = 0; i < LIVE; i++)
    live[i] = a->get(heap, plan[i].size);
  start = now();
  for (long i = 0; i < pairs; i++) {
    const struct step *s = &plan[i % PLAN];

    a->put(heap, live[s->slot]);
    live[s->slot] = a->get(heap, s->size);
    *(char *)live[s->slot] = 1;
  }
  start = now() - start;
  for (unsigned i = 0; i < LIVE; i++)
    a->put(heap, live[i]);
  free(live);
  return start / (double)pairs;
}

struct job {
  const struct allocator *a;
  struct heap *heap;
  long pairs;
  double ns;
  pthread_t thread;
};

static void *work(void *arg)
{
  struct job *job = arg;

  job->ns = run(job->a, job->heap, job->pairs);
  return NULL;
}

/* Nanoseconds of wall time per pair and thread. */
static double run_threads(const struct allocator *a, struct heap **heaps, unsigned threads, long pairs)
{
  struct job jobs[16];
  double start = now();

  for (unsigned i = 0; i < threads; i++) {
    jobs[i] = (struct job){a, heaps[i], pairs, 0, 0};
    pthread_create(&jobs[i].thread, NULL, work, &jobs[i]);
  }
  for (unsigned i = 0; i < threads; i++)
    pthread_join(jobs[i].thread, NULL);
  return (now() - start) / (double)pairs;
}

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* Allocators want more static TLS than glibc leaves for dlopen, unless it is told at start. */
static void make_room_for_tls(char **argv)
{
  if (getenv("GLIBC_TUNABLES"))
    return;
  setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=16384", 1);
  execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
  const char *path = argc > 1 ? argv[1] : "libjemalloc.so.2";
  long pairs = (argc > 2 ? atol(argv[2]) : 10) * 1000000;
  unsigned threads = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
  struct allocator all[] = {{"pinned", pinned_get, pinned_put}, {path, other_get, other_put}};
  void *library;
  double ns[2][ROUNDS];
  struct heap *heaps[16];

  make_room_for_tls(argv);
  library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  make_plan();
  if (!library)
    fprintf(stderr, "heap_pair: %s\n", dlerror());
  if (library) {
    *(void **)&other_malloc = dlsym(library, "malloc");
    *(void **)&other_free = dlsym(library, "free");
  }
  if (threads < 1 || threads > 16)
    return 2;
  for (unsigned i = 0; i < threads; i++)
    heaps[i] = i ? heap_child(heap_main()) : heap_main();
  for (unsigned round = 0; round < ROUNDS; round++) {
    for (unsigned a = 0; a < (library ? 2 : 1); a++)
      ns[a][round] = run_threads(&all[a], heaps, threads, pairs);
  }
  for (unsigned a = 0; a < (library ? 2 : 1); a++) {
    qsort(ns[a], ROUNDS, sizeof **ns, compare);
    printf("%-20s %u thread%s  median %.2f ns a pair, best %.2f\n", all[a].name, threads, threads > 1 ? "s" : "",
           ns[a][ROUNDS / 2], ns[a][0]);
  }
  return 0;
}
