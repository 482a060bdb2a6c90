/*
 * All locks of the library, each once, the outermost first: a thread that holds one takes only those below it.  From
 * this table are made the locks themselves, what fork takes and gives back, and the fresh start of a child.
 *
 * ONE(RANK, name, kind, at_fork): a lock of its own, lock_NAME.  MANY(RANK, name, kind, at_fork): one in each of many
 * objects, which lock_init makes; the room that has them says how to find them (lock_table_set_family).
 *
 * at_fork: FORK_TAKES, fork holds it, so that the child finds in order what it is over; FORK_RENEWS, fork leaves it
 * alone, because the child throws away what it is over (or because its holder may take long).
 */
#ifndef VMTRACE_LOCK_TABLE_H
#define VMTRACE_LOCK_TABLE_H

#include "base/lock.h"

/* clang-format off */
#define LOCK_TABLE(ONE, MANY)                                                                             \
  ONE(START, start, masked_lock, FORK_TAKES)               /* entry: the start of the process */          \
  ONE(PAUSE, pause, masked_lock, FORK_RENEWS)              /* entry: stopping and starting the sampler */ \
  ONE(DESCRIPTORS, descriptors, masked_lock, FORK_TAKES)   /* frames: a thread of the program has files of ours open */ \
  ONE(SAMPLING, sampling, masked_lock, FORK_RENEWS)        /* frames: one sample at a time */             \
  ONE(MODULES, modules, masked_lock, FORK_TAKES)           /* entry: the list of modules, and their records */ \
  ONE(SWEEP, sweep, masked_lock, FORK_TAKES)               /* heap: one sweep at a time */                \
  MANY(REGION, region, guarded_lock, FORK_TAKES)           /* heap: a region's slow-path state */         \
  ONE(ENDED, ended, masked_lock, FORK_TAKES)               /* heap: lists of heaps whose threads ended */ \
  ONE(REGIONS, regions, masked_lock, FORK_TAKES)           /* heap: the list of regions */                \
  ONE(SPARES, spares, masked_lock, FORK_TAKES)             /* heap: the pool of spare memory */           \
  ONE(TAKEN, taken, masked_lock, FORK_TAKES)               /* heap: what the program took of it */        \
  ONE(LOWMAP, lowmap, masked_lock, FORK_TAKES)             /* heap: the range of MAP_32BIT */             \
  ONE(BREAK, break, masked_lock, FORK_TAKES)               /* entry: the program break */                 \
  ONE(ATTACHED, attached, masked_lock, FORK_TAKES)         /* entry: attached shared memory */            \
  ONE(THREADS, threads, masked_lock, FORK_TAKES)           /* entry: the table of threads */              \
  ONE(END_KEY, end_key, masked_lock, FORK_TAKES)           /* entry: making the key for ends of threads */ \
  ONE(RULES, rules, masked_lock, FORK_TAKES)               /* unwind: writers of frame rules */           \
  ONE(STACKS, stacks, guarded_lock, FORK_TAKES)            /* unwind: writers of stack nodes */           \
  ONE(LOANS, loans, masked_lock, FORK_TAKES)               /* unwind: stacks to lend */                   \
  ONE(POOLS, pools, guarded_lock, FORK_TAKES)              /* unwind: all that libunwind locks */         \
  ONE(STREAMS, streams, masked_lock, FORK_TAKES)           /* trace: the lists of writers */              \
  MANY(STAGE, stage, masked_lock, FORK_RENEWS)             /* trace: a writer's stage goes to the file */ \
  ONE(OWN, own, masked_lock, FORK_TAKES)                   /* base: small objects */
/* clang-format on */

#define LOCK_RANK_(RANK, name, kind, at_fork) LOCK_##RANK,
enum lock_rank { LOCK_UNRANKED, LOCK_TABLE(LOCK_RANK_, LOCK_RANK_) LOCK_RANKS };
#undef LOCK_RANK_

#define LOCK_DECLARE_(RANK, name, kind, at_fork) extern struct kind lock_##name __attribute__((visibility("hidden")));
#define LOCK_NOTHING_(RANK, name, kind, at_fork)
LOCK_TABLE(LOCK_DECLARE_, LOCK_NOTHING_)
#undef LOCK_DECLARE_
#undef LOCK_NOTHING_

/* Makes one of many; it is free. */
static inline void guarded_lock_init(struct guarded_lock *lock, enum lock_rank rank)
{
  *lock = (struct guarded_lock){{0, rank}};
}

static inline void masked_lock_init(struct masked_lock *lock, enum lock_rank rank)
{
  *lock = (struct masked_lock){{0, rank}};
}

/* How to find all locks of a rank that has many: the one after `lock`, the first after NULL, NULL at the end.  May be
 * called without any lock held. */
void lock_table_set_family(enum lock_rank rank, struct lock_state *(*next)(struct lock_state *lock));

/* What is to be done before a lock of that rank, whose holder is gone, is free again: what the lock is over may be
 * half-done.  Called in the child of a fork that could not take the lock, and by lock_table_recover; with signals
 * blocked, and may take no lock. */
void lock_table_on_orphan(enum lock_rank rank, void (*orphaned)(struct lock_state *lock));

/*
 * Around fork, with signals blocked and no lock held: takes all that fork takes, in order, and gives back what it
 * took.  It never waits for ever: a holder that does not let go (its thread may be stopped in a handler) is as good as
 * gone, and orphaned in the child.
 */
void lock_table_take(void);
void lock_table_release(void);

/*
 * In the child of a fork, the only thread there is: every lock is free afterwards, but for those that this thread
 * holds because the fork came in the middle of its own work.  FORK_HELD: after lock_table_take.  Else what was found is
 * no picture of one moment, because other threads go on while the kernel copies page after page: all that locks are
 * over is orphaned, held or not (FORK_TORN); but what is held alone where no other thread was at work (FORK_ALONE).
 */
enum fork_kind { FORK_HELD, FORK_ALONE, FORK_TORN };
void lock_table_renew(enum fork_kind kind);

/* The calling thread has left its own work half-way, by longjmp out of a handler: every lock that it holds is orphaned
 * and free again. */
void lock_table_recover(void);

/* Whether the calling thread holds any lock: out of a handler that came in the middle of its work. */
bool lock_table_holds_any(void);

/* The rank's name, for messages. */
const char *lock_rank_name(uint32_t rank);

#endif
