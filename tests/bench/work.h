/*
 * What the workload programs of this directory share: random numbers, the
 * size mix, the clock and the loop of timed rounds.  All inline, so that each
 * workload is one file.  Must not allocate: the workload alone decides what
 * the allocator sees.
 *
 * A workload calls malloc and its family through the usual symbols; LD_PRELOAD
 * decides which allocator that is.  It warms up, measures WORK_ROUNDS rounds in
 * its steady state, and prints the median round's nanoseconds per operation.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORK_ROUNDS 7
#define WORK_WARM_ROUNDS 3
#define WORK_ROUND_NS UINT64_C(40000000)
#define WORK_PAGE 4096u

struct work_options {
  uint64_t ops;     /* do exactly that many operations, in one round; 0: timed rounds */
  unsigned threads; /* for the workloads that take it */
  bool cpu_clock;   /* measure CPU time instead of elapsed time */
};

static inline struct work_options work_parse(int argc, char **argv)
{
  struct work_options options = {.threads = 1};
  int c;

  while ((c = getopt(argc, argv, "n:t:c")) != -1) {
    if (c == 'n')
      options.ops = strtoull(optarg, NULL, 10);
    else if (c == 't')
      options.threads = (unsigned)strtoul(optarg, NULL, 10);
    else if (c == 'c')
      options.cpu_clock = true;
    else
      exit(2);
  }
  return options;
}

/* thread_clock: of the calling thread, else of the process; only with -c. */
static inline clockid_t work_clock(const struct work_options *options, bool thread_clock)
{
  if (!options->cpu_clock)
    return CLOCK_MONOTONIC;
  return thread_clock ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID;
}

static inline uint64_t work_now(clockid_t clock)
{
  struct timespec ts;

  clock_gettime(clock, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* xorshift64*: the high bits are the good ones. */
static inline uint64_t work_random(uint64_t *state)
{
  uint64_t x = *state;

  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * UINT64_C(0x2545f4914f6cdd1d);
}

/*
 * The size mix: of 1,024 sizes 90% are 16 to 512 bytes, 9% up to 4 KiB, 1% up to
 * 32 KiB, uniform within each part.
 */
#define WORK_SIZES 1024u

static inline void work_size_mix(uint16_t sizes[WORK_SIZES])
{
  uint64_t state = 88172645463325252u;

  for (unsigned i = 0; i < WORK_SIZES; i++) {
    unsigned low = 16, high = 512;
    unsigned part = i * 100 / WORK_SIZES;

    if (part >= 99) {
      low = 4097;
      high = 32768;
    } else if (part >= 90) {
      low = 513;
      high = 4096;
    }
    sizes[i] = (uint16_t)(low + (work_random(&state) >> 33) % (high - low + 1));
  }
}

static inline void work_fail(const char *what)
{
  fprintf(stderr, "workload: %s\n", what);
  exit(1);
}

static inline int work_compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* n is at most WORK_ROUNDS; sorted without qsort, which may allocate. */
static inline double work_median(double *values, unsigned n)
{
  for (unsigned i = 1; i < n; i++)
    for (unsigned j = i; j > 0 && work_compare(&values[j - 1], &values[j]) > 0; j--) {
      double swap = values[j];

      values[j] = values[j - 1];
      values[j - 1] = swap;
    }
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* The one line that the driver reads. */
static inline void work_print(double ns_per_op, uint64_t ops)
{
  printf("ns_per_op %.4f ops %llu\n", ns_per_op, (unsigned long long)ops);
}

/*
 * One round: calls step(arg), which returns the operations that it did, until
 * the time is up or, when limit is not 0, that many operations are done.
 * Returns ns per operation and adds to *ops.
 */
static inline double work_round(uint64_t (*step)(void *), void *arg, clockid_t clock, uint64_t limit, uint64_t *ops)
{
  uint64_t start = work_now(clock), now, done = 0;

  do {
    done += step(arg);
    now = work_now(clock);
  } while (limit ? done < limit : now - start < WORK_ROUND_NS);
  *ops += done;
  return (double)(now - start) / (double)done;
}

/* Warm-up, rounds and result of a workload that runs on the calling thread alone. */
static inline void work_measure(const struct work_options *options, uint64_t (*step)(void *), void *arg)
{
  clockid_t clock = work_clock(options, true);
  double rounds[WORK_ROUNDS];
  uint64_t ops = 0;

  if (options->ops) {
    rounds[0] = work_round(step, arg, clock, options->ops, &ops);
    work_print(rounds[0], ops);
    return;
  }
  for (unsigned i = 0; i < WORK_WARM_ROUNDS; i++)
    work_round(step, arg, clock, 0, &ops);
  for (unsigned i = 0; i < WORK_ROUNDS; i++)
    rounds[i] = work_round(step, arg, clock, 0, &ops);
  work_print(work_median(rounds, WORK_ROUNDS), ops);
}

#endif
