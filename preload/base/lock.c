/*
 * The contended half of lock.h, and the masked kind.  A futex with three states, after Ulrich Drepper, "Futexes Are
 * Tricky" (2011), mutex 3; the word names the owner.  Waiters sleep on its low half: where two owners are alike in it,
 * they only wake for nothing.
 */
#include "base/lock.h"

#include "base/sys.h"

/* Critical sections are shorter than a trip to the kernel: look again a few times first. */
#define LOCK_SPINS 100

__thread uint64_t lock_ranks_held __attribute__((tls_model("initial-exec"), visibility("hidden")));

static uint32_t *low_half(struct lock_state *lock)
{
  return (uint32_t *)&lock->word;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the low half of a word comes first");

/* Takes the lock if it is free, for this thread and perhaps others that wait; else notes that somebody waits.  The word
 * as it was found, 0: taken. */
static uint64_t take_or_announce(struct lock_state *lock)
{
  uint64_t word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED), next;

  do
    next = word ? word | LOCK_WAITED : lock_self() | LOCK_WAITED;
  while (word != next &&
         !__atomic_compare_exchange_n(&lock->word, &word, next, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
  return word ? next : 0;
}

/* A lock held by the calling thread: the frame that took it is gone, left by longjmp out of the handler of a fault in
 * it.  It goes to the caller; a debug build has said what is wrong by now. */
static bool spin(struct lock_state *lock)
{
  if (lock_state_is_mine(lock))
    return true;
  for (int i = 0; i < LOCK_SPINS; i++) {
    if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) == 0 && lock_state_try(lock))
      return true;
  }
  return false;
}

void lock_wait_slow(struct lock_state *lock)
{
  uint64_t word;

  if (spin(lock))
    return;
  while ((word = take_or_announce(lock)))
    sys_futex_wait(low_half(lock), (uint32_t)word, -1);
}

bool lock_wait_until_slow(struct lock_state *lock, uint64_t until_ns)
{
  uint64_t word, now;

  if (spin(lock))
    return true;
  while ((word = take_or_announce(lock))) {
    now = sys_now();
    if (now >= until_ns)
      return false;
    sys_futex_wait(low_half(lock), (uint32_t)word, (int64_t)(until_ns - now));
  }
  return true;
}

void lock_wake_slow(struct lock_state *lock)
{
  sys_futex_wake(low_half(lock), 1);
}

/* ---- masked ---- */

uint64_t masked_lock_take(struct masked_lock *lock)
{
  uint64_t mask = sys_block_signals();

  if (LOCK_CHECKED)
    lock_check_take(&lock->state, false, true);
  lock_state_take(&lock->state);
  return mask;
}

bool masked_lock_try(struct masked_lock *lock, uint64_t *mask)
{
  return masked_lock_take_until(lock, 0, mask);
}

bool masked_lock_take_until(struct masked_lock *lock, uint64_t until_ns, uint64_t *mask)
{
  *mask = sys_block_signals();
  if (lock_state_try(&lock->state) || (until_ns && lock_wait_until_slow(&lock->state, until_ns))) {
    if (LOCK_CHECKED)
      lock_check_take(&lock->state, false, false);
    return true;
  }
  sys_restore_signals(*mask);
  return false;
}

void masked_lock_release(struct masked_lock *lock, uint64_t mask)
{
  if (LOCK_CHECKED)
    lock_check_release(&lock->state);
  lock_state_release(&lock->state);
  sys_restore_signals(mask);
}
