/*
 * What one trace event costs beyond the heap: drives the writer's inline
 * halves with the events of a mixed-size churn of LIVE blocks, without any allocator
 * behind them, and with the same loop without the trace for comparison.
 * Prints nanoseconds and bytes per event, for one thread or for several at once.
 *
 *   trace_cost [THREADS [MILLION_EVENTS [DIRECTORY]]]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/layout.h"
#include "trace/trace.h"
#include "trace/trace_fast.h"

#define LIVE 4096
#define THREADS_MAX 64

/* A block of one of CLASSES sizes, in an area of its own, as slabs of a size class lie. */
#define CLASSES 16
static const uint32_t class_size[CLASSES] = {16,  24,  32,  48,  64,   80,   100,  128,
                                             200, 256, 400, 512, 1000, 2000, 4000, 20000};
#define BLOCKS_PER_CLASS (LIVE / CLASSES * 2)

struct churn {
  uint64_t addr[LIVE];
  uint32_t size[LIVE];
};

static unsigned long events_per_thread;
static uint64_t sink;

static uint64_t random_next(uint64_t *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static uint64_t now_ns(int clock)
{
  struct timespec t;

  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* As the pinned heap's segments lie: the first one low, all others high. */
static uint64_t segment_address(uint64_t linear)
{
  return linear < LOW_END ? linear : linear - LOW_END + HIGH_START;
}

static void churn_fill(struct churn *c, unsigned thread)
{
  uint64_t area = LOW_START + (uint64_t)thread * UINT64_C(0x10000000000);

  for (unsigned class = 0; class < CLASSES; class ++) {
    for (unsigned i = 0; i < LIVE / CLASSES; i++) {
      c->addr[i * CLASSES + class] = segment_address(area + (uint64_t)i * 2 * ((class_size[class] + 15) & ~15u));
      c->size[i * CLASSES + class] = class_size[class];
    }
    area += (uint64_t)BLOCKS_PER_CLASS * ((class_size[class] + 15) & ~15u);
  }
}

/* Replaces random blocks: the freed address is used by the next block of that size, as a thread-local cache does. */
static uint64_t churn_run(struct churn *c, struct trace_writer *w, unsigned long events, uint64_t seed)
{
  uint64_t sum = 0;

  for (unsigned long i = 0; i < events; i += 2) {
    uint64_t r = random_next(&seed);
    unsigned at = r % LIVE;
    unsigned other = (unsigned)((at & ~(CLASSES - 1u)) + (r >> 32) % CLASSES);
    uint64_t addr = c->addr[at];

    if (w)
      trace_free(w, addr);
    c->addr[at] = c->addr[other] ^ (r >> 60 == 0 ? 16 : 0);
    c->addr[other] = addr;
    c->size[other] ^= c->size[at];
    c->size[at] ^= at == other ? 0 : c->size[other];
    c->size[other] ^= at == other ? 0 : c->size[at];
    sum += c->addr[at];
    if (w)
      trace_alloc(w, c->addr[at], c->size[at] ? c->size[at] : 16, 0);
  }
  return sum;
}

static void *thread_main(void *arg)
{
  unsigned number = (unsigned)(uintptr_t)arg;
  static __thread struct churn c;
  struct trace_writer *w = trace_writer_open(number ? 0 : VT_NO_THREAD, number, (int)number, VT_ROLE_PROGRAM);

  churn_fill(&c, number);
  __atomic_fetch_add(&sink, churn_run(&c, w, events_per_thread, number + 1), __ATOMIC_RELAXED);
  trace_writer_close(w);
  return NULL;
}

int main(int argc, char **argv)
{
  unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
  char path[4096];
  pthread_t thread[THREADS_MAX];
  static struct churn c;
  struct trace_config config = {.path_template = path, .addr_shift = TRACE_PIN_SHIFT, .sample_ms = 100};
  struct stat st;
  uint64_t bare, wall, cpu;

  events_per_thread = (argc > 2 ? strtoul(argv[2], NULL, 10) : 20) * 1000000;
  snprintf(path, sizeof path, "%s/trace_cost.%%p.vmt", argc > 3 ? argv[3] : "/tmp");
  threads = threads > THREADS_MAX ? THREADS_MAX : threads;
  if (!trace_start(&config))
    return EXIT_FAILURE;

  churn_fill(&c, 0);
  bare = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  sink = churn_run(&c, NULL, events_per_thread, 1);
  bare = now_ns(CLOCK_PROCESS_CPUTIME_ID) - bare;

  wall = now_ns(CLOCK_MONOTONIC);
  cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  for (unsigned i = 0; i < threads; i++)
    pthread_create(&thread[i], NULL, thread_main, (void *)(uintptr_t)i);
  for (unsigned i = 0; i < threads; i++)
    pthread_join(thread[i], NULL);
  wall = now_ns(CLOCK_MONOTONIC) - wall;
  cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  trace_end(VT_ENDED_EXIT, 0);
  stat(trace_path(), &st);
  printf("%u thread(s), per event: loop alone %.2f ns, with trace %.2f ns of processor time, %.2f ns per thread on the "
         "clock; %.2f bytes\n",
         threads, (double)bare / (double)events_per_thread, (double)cpu / (double)events_per_thread / threads,
         (double)wall / (double)events_per_thread, (double)st.st_size / (double)events_per_thread / threads);
  unlink(trace_path());
  return EXIT_SUCCESS;
}
