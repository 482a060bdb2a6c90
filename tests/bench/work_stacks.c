/*
 * Workload: churn at a given stack depth.  Each thread keeps 4,096 live blocks
 * of mixed sizes and replaces one after the other; an operation is one free and one malloc.
 * -d N: the malloc's caller is the Nth frame of its stack, counted from the
 * outermost one.  Of these frames the innermost -v M (default 3) are entered
 * anew for every operation, through call sites that change from one to the next; the others stay.
 * -t N runs N threads.  Started by the bench driver.
 */
#include <execinfo.h>
#include <pthread.h>

#include "work.h"

#define LIVE 4096u
#define STEP 1024u
#define THREADS_MAX 64u
#define DEPTH_MAX 1000
#define VARYING_MAX 8

/* What keeps a function a frame of its own: no inlining, no tail call. */
#define FRAME __attribute__((noinline))
#define STAY() __asm__ volatile("" ::: "memory")

struct churn {
  void *block[LIVE];
  uint64_t random;
  const uint16_t *sizes;
  unsigned varying;
  unsigned turn; /* counts operations: selects call sites */
  int *probe;    /* not NULL: the next operation stores how many frames its stack has */
};

/* Frames of the calling function's stack, itself included, by libc's unwinder. */
static FRAME int depth_here(void)
{
  static void *frames[DEPTH_MAX];

  return backtrace(frames, DEPTH_MAX) - 1;
}

static FRAME void replace(struct churn *churn)
{
  uint64_t random = work_random(&churn->random);
  void **slot = &churn->block[random >> 52];
  uint64_t *block;

  if (churn->probe) {
    *churn->probe = depth_here();
    churn->probe = NULL;
  }
  free(*slot);
  block = malloc(churn->sizes[random >> 32 & (WORK_SIZES - 1)]);
  if (!block)
    work_fail("out of memory");
  *block = random;
  *slot = block;
}

/* A frame that changes: calls the next one from one of four places. */
static FRAME void varying(struct churn *churn, unsigned left, unsigned site)
{
  if (left == 0) {
    replace(churn);
    STAY();
    return;
  }
  switch (site & 3) {
  case 0:
    varying(churn, left - 1, site >> 1);
    STAY();
    break;
  case 1:
    varying(churn, left - 1, site >> 1);
    __asm__ volatile("nop" ::: "memory");
    break;
  case 2:
    varying(churn, left - 1, site >> 1);
    __asm__ volatile("nop; nop" ::: "memory");
    break;
  default:
    varying(churn, left - 1, site >> 1);
    __asm__ volatile("nop; nop; nop" ::: "memory");
  }
}

static uint64_t churn_step(void *arg)
{
  struct churn *churn = arg;

  for (unsigned i = 0; i < STEP; i++) {
    if (churn->varying > 1)
      varying(churn, churn->varying - 2, churn->turn++ & 15);
    else
      replace(churn);
  }
  return STEP;
}

struct team {
  const struct work_options *options;
  const uint16_t *sizes;
  unsigned depth, varying;
  pthread_barrier_t barrier;
  double rate[THREADS_MAX][WORK_ROUNDS]; /* operations per ns */
  uint64_t ops[THREADS_MAX];
};

struct member {
  struct team *team;
  unsigned number;
  struct churn churn;
};

/* Whoever calls these two takes them in: the frames that nothing can be saved on are few, and a depth of 5 is wanted.
 */
#define TAKEN_IN static inline __attribute__((always_inline))

/* limit as for work_round. */
TAKEN_IN double one_round(struct member *member, uint64_t limit)
{
  return work_round(churn_step, &member->churn, work_clock(member->team->options, true), limit,
                    &member->team->ops[member->number]);
}

/* trial: no more than is needed to find out the depth. */
TAKEN_IN void all_rounds(struct member *member, bool trial)
{
  struct team *team = member->team;
  uint64_t limit = trial ? 1 : team->options->ops;
  unsigned rounds = limit ? 1 : WORK_WARM_ROUNDS + WORK_ROUNDS;

  for (unsigned i = 0; i < rounds; i++) {
    unsigned at = rounds == 1 ? 0 : i - WORK_WARM_ROUNDS;
    double ns;

    if (!trial)
      pthread_barrier_wait(&team->barrier);
    ns = one_round(member, limit);
    if (at < WORK_ROUNDS)
      team->rate[member->number][at] = 1 / ns;
  }
}

static FRAME void descend(struct member *member, int levels)
{
  if (levels > 1)
    descend(member, levels - 1);
  else
    all_rounds(member, false);
  STAY();
}

static void *member_run(void *arg)
{
  struct member *member = arg;
  struct churn *churn = &member->churn;
  struct team *team = member->team;
  int shallow, depth = 0, levels;

  churn->random = UINT64_C(0x9e3779b97f4a7c15) * (member->number + 1);
  churn->sizes = team->sizes;
  churn->varying = team->varying;
  for (unsigned i = 0; i < LIVE; i++)
    churn->block[i] = malloc(churn->sizes[work_random(&churn->random) >> 32 & (WORK_SIZES - 1)]);
  churn->probe = &shallow;
  all_rounds(member, true);
  churn->probe = &depth;
  levels = (int)team->depth - shallow;
  if (levels > 0)
    descend(member, levels);
  else
    all_rounds(member, false);
  if (depth != (int)team->depth)
    work_fail("the stack is not as deep as asked for");
  for (unsigned i = 0; i < LIVE; i++)
    free(churn->block[i]);
  return NULL;
}

/* Prints the time that a thread needs per operation: threads / (operations of all per ns). */
static void run_team(struct team *team)
{
  static struct member member[THREADS_MAX];
  unsigned threads = team->options->threads, measured = team->options->ops ? 1 : WORK_ROUNDS;
  pthread_t thread[THREADS_MAX];
  double rounds[WORK_ROUNDS];
  uint64_t ops = 0;

  pthread_barrier_init(&team->barrier, NULL, threads);
  for (unsigned i = 0; i < threads; i++) {
    member[i].team = team;
    member[i].number = i;
    if (pthread_create(&thread[i], NULL, member_run, &member[i]))
      work_fail("cannot create a thread");
  }
  for (unsigned i = 0; i < threads; i++)
    pthread_join(thread[i], NULL);
  for (unsigned r = 0; r < measured; r++) {
    double rate = 0;

    for (unsigned i = 0; i < threads; i++)
      rate += team->rate[i][r];
    rounds[r] = threads / rate;
  }
  for (unsigned i = 0; i < threads; i++)
    ops += team->ops[i];
  work_print(work_median(rounds, measured), ops);
}

/* Takes "NAME NUMBER" out of the arguments, which work_parse does not know. */
static unsigned take_number(int *argc, char **argv, const char *name, unsigned usual, unsigned max)
{
  for (int i = 1; i + 1 < *argc; i++) {
    unsigned long value = strtoul(argv[i + 1], NULL, 10);

    if (strcmp(argv[i], name) != 0)
      continue;
    if (value < 1 || value > max)
      exit(2);
    *argc -= 2;
    memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i + 1) * sizeof *argv);
    return (unsigned)value;
  }
  return usual;
}

int main(int argc, char **argv)
{
  static uint16_t sizes[WORK_SIZES];
  static struct team team;
  struct work_options options;

  team.depth = take_number(&argc, argv, "-d", 15, DEPTH_MAX);
  team.varying = take_number(&argc, argv, "-v", 3, VARYING_MAX);
  options = work_parse(argc, argv);
  if (options.threads < 1 || options.threads > THREADS_MAX)
    work_fail("1 to 64 threads");
  work_size_mix(sizes);
  team.options = &options;
  team.sizes = sizes;
  run_team(&team);
  return 0;
}
