/*
 * The locks of lock_table.h, and what fork does with all of them.  Called by entry/; knows no room but by the functions
 * that it is given.
 */
#include "base/lock_table.h"

#include <stddef.h>

#include "base/sys.h"

/* Locks are held for microseconds, a few of them for milliseconds.  Whoever holds one for longer does not run. */
#define FORK_PATIENCE_NS (UINT64_C(1000) * 1000000)

enum at_fork { FORK_TAKES, FORK_RENEWS };

#define LOCK_DEFINE_(RANK, name, kind, at_fork)                                                                        \
  struct kind lock_##name __attribute__((visibility("hidden"))) = {{0, LOCK_##RANK}};
#define LOCK_NOTHING_(RANK, name, kind, at_fork)
LOCK_TABLE(LOCK_DEFINE_, LOCK_NOTHING_)

#define LOCK_ONE_(RANK, name, kind, at_fork) [LOCK_##RANK] = {#name, at_fork, &lock_##name.state},
#define LOCK_MANY_(RANK, name, kind, at_fork) [LOCK_##RANK] = {#name, at_fork, NULL},
static const struct {
  const char *name;
  enum at_fork at_fork;
  struct lock_state *one; /* NULL: there are many */
} table[LOCK_RANKS] = {LOCK_TABLE(LOCK_ONE_, LOCK_MANY_)};

static struct lock_state *(*families[LOCK_RANKS])(struct lock_state *);
static void (*orphans[LOCK_RANKS])(struct lock_state *);

void lock_table_set_family(enum lock_rank rank, struct lock_state *(*next)(struct lock_state *lock))
{
  families[rank] = next;
}

void lock_table_on_orphan(enum lock_rank rank, void (*orphaned)(struct lock_state *lock))
{
  orphans[rank] = orphaned;
}

const char *lock_rank_name(uint32_t rank)
{
  return rank < LOCK_RANKS && table[rank].name ? table[rank].name : "without a rank";
}

/* The locks of a rank one after the other; NULL after the last. */
static struct lock_state *next_lock(uint32_t rank, struct lock_state *lock)
{
  if (table[rank].one)
    return lock ? NULL : table[rank].one;
  return families[rank] ? families[rank](lock) : NULL;
}

/* Two threads that fork at once take turns at the first lock of all.  Once a holder has used up the time, the others
 * are only tried. */
void lock_table_take(void)
{
  uint64_t until = 0;

  for (uint32_t rank = 1; rank < LOCK_RANKS; rank++)
    for (struct lock_state *lock = NULL; table[rank].at_fork == FORK_TAKES && (lock = next_lock(rank, lock));) {
      if (lock_state_try(lock))
        continue;
      until = until ? until : sys_now() + FORK_PATIENCE_NS;
      lock_wait_until_slow(lock, until);
    }
}

void lock_table_release(void)
{
  for (uint32_t rank = LOCK_RANKS; rank-- > 1;)
    for (struct lock_state *lock = NULL; (lock = next_lock(rank, lock));)
      if (lock_state_is_mine(lock))
        lock_state_release(lock);
}

void lock_table_renew(enum fork_kind kind)
{
  for (uint32_t rank = LOCK_RANKS; rank-- > 1;)
    for (struct lock_state *lock = NULL; (lock = next_lock(rank, lock));) {
      bool mine = lock_state_is_mine(lock);

      if ((mine && kind != FORK_HELD) || (!lock->word && kind != FORK_TORN))
        continue;
      if (!mine && orphans[rank])
        orphans[rank](lock);
      __atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
    }
}

void lock_table_recover(void)
{
  for (uint32_t rank = LOCK_RANKS; rank-- > 1;)
    for (struct lock_state *lock = NULL; (lock = next_lock(rank, lock));) {
      if (!lock_state_is_mine(lock))
        continue;
      if (orphans[rank])
        orphans[rank](lock);
      lock_state_release(lock);
    }
  lock_ranks_held = 0;
}

bool lock_table_holds_any(void)
{
  for (uint32_t rank = 1; rank < LOCK_RANKS; rank++)
    for (struct lock_state *lock = NULL; (lock = next_lock(rank, lock));)
      if (lock_state_is_mine(lock))
        return true;
  return false;
}
