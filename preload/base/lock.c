/*
 * The contended half of lock.h: a futex with three states, after Ulrich
 * Drepper, "Futexes Are Tricky" (2011), mutex 3.
 */
#include "base/lock.h"

#include "base/sys.h"

/* Critical sections are shorter than a trip to the kernel: look again a few times first. */
#define LOCK_SPINS 100

void lock_wait_slow(struct lock *lock)
{
  for (int i = 0; i < LOCK_SPINS; i++) {
    if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) == 0 && lock_try(lock))
      return;
  }
  while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
    sys_futex_wait(&lock->word, 2, -1);
}

void lock_wake_slow(struct lock *lock)
{
  sys_futex_wake(&lock->word, 1);
}
