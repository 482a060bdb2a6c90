/*
 * Workload: churn.  Each thread keeps 4,096 live blocks of mixed sizes and
 * replaces a random one again and again; an operation is one free and one malloc, two
 * events of a trace.  -t N runs N threads, each with blocks of its own.
 * Started by the bench driver.
 */
#include <pthread.h>

#include "work.h"

#define LIVE 4096u
#define STEP 1024u
#define THREADS_MAX 64u

struct churn {
  void *block[LIVE];
  uint64_t random;
  const uint16_t *sizes;
};

struct team {
  const struct work_options *options;
  const uint16_t *sizes;
  pthread_barrier_t barrier;
  double rate[THREADS_MAX][WORK_ROUNDS]; /* operations per ns */
  uint64_t ops[THREADS_MAX];
};

struct member {
  struct team *team;
  unsigned number;
};

static uint64_t churn_step(void *arg)
{
  struct churn *churn = arg;

  for (unsigned i = 0; i < STEP; i++) {
    uint64_t random = work_random(&churn->random);
    void **slot = &churn->block[random >> 52];
    size_t size = churn->sizes[random >> 32 & (WORK_SIZES - 1)];
    uint64_t *block;

    free(*slot);
    block = malloc(size);
    if (!block)
      work_fail("out of memory");
    *block = random;
    *slot = block;
  }
  return STEP;
}

static void churn_start(struct churn *churn, const uint16_t *sizes, unsigned number)
{
  memset(churn, 0, sizeof *churn);
  churn->random = UINT64_C(0x9e3779b97f4a7c15) * (number + 1);
  churn->sizes = sizes;
  for (unsigned i = 0; i < LIVE; i++)
    churn->block[i] = malloc(sizes[work_random(&churn->random) >> 32 & (WORK_SIZES - 1)]);
}

static void churn_end(struct churn *churn)
{
  for (unsigned i = 0; i < LIVE; i++)
    free(churn->block[i]);
}

static void *member_run(void *arg)
{
  static _Thread_local struct churn churn;
  struct member *member = arg;
  struct team *team = member->team;
  clockid_t clock = work_clock(team->options, true);

  churn_start(&churn, team->sizes, member->number);
  for (unsigned i = 0; i < WORK_WARM_ROUNDS; i++)
    work_round(churn_step, &churn, clock, 0, &team->ops[member->number]);
  for (unsigned i = 0; i < WORK_ROUNDS; i++) {
    pthread_barrier_wait(&team->barrier);
    team->rate[member->number][i] = 1 / work_round(churn_step, &churn, clock, 0, &team->ops[member->number]);
  }
  churn_end(&churn);
  return NULL;
}

/* Prints the time that a thread needs per operation: threads / (operations of all per ns). */
static void run_team(const struct work_options *options, const uint16_t *sizes)
{
  static struct team team;
  static struct member member[THREADS_MAX];
  pthread_t thread[THREADS_MAX];
  double rounds[WORK_ROUNDS];
  uint64_t ops = 0;

  team.options = options;
  team.sizes = sizes;
  pthread_barrier_init(&team.barrier, NULL, options->threads);
  for (unsigned i = 0; i < options->threads; i++) {
    member[i] = (struct member){&team, i};
    if (i > 0 && pthread_create(&thread[i], NULL, member_run, &member[i]))
      work_fail("cannot create a thread");
  }
  member_run(&member[0]);
  for (unsigned i = 1; i < options->threads; i++)
    pthread_join(thread[i], NULL);
  for (unsigned r = 0; r < WORK_ROUNDS; r++) {
    double rate = 0;

    for (unsigned i = 0; i < options->threads; i++)
      rate += team.rate[i][r];
    rounds[r] = options->threads / rate;
  }
  for (unsigned i = 0; i < options->threads; i++)
    ops += team.ops[i];
  work_print(work_median(rounds, WORK_ROUNDS), ops);
}

int main(int argc, char **argv)
{
  static uint16_t sizes[WORK_SIZES];
  static struct churn churn;
  struct work_options options = work_parse(argc, argv);

  work_size_mix(sizes);
  if (options.threads > 1) {
    if (options.threads > THREADS_MAX || options.ops)
      work_fail("at most 64 threads, and not with -n");
    run_team(&options, sizes);
    return 0;
  }
  churn_start(&churn, sizes, 0);
  work_measure(&options, churn_step, &churn);
  churn_end(&churn);
  return 0;
}
