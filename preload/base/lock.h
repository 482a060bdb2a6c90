/*
 * A lock that costs one atomic exchange when nobody holds it, never allocates
 * and needs no initialisation beyond zero.  Not recursive.  A holder must not
 * run code of the program under it.
 */
#ifndef VMTRACE_LOCK_H
#define VMTRACE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CACHE_LINE 64
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

struct lock {
  uint32_t word; /* 0 free, 1 held, 2 held and somebody waits */
};

void lock_wait_slow(struct lock *lock);
void lock_wake_slow(struct lock *lock);

static inline bool lock_try(struct lock *lock)
{
  uint32_t free = 0;

  return __atomic_compare_exchange_n(&lock->word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void lock_take(struct lock *lock)
{
  if (unlikely(!lock_try(lock)))
    lock_wait_slow(lock);
}

static inline void lock_release(struct lock *lock)
{
  if (unlikely(__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2))
    lock_wake_slow(lock);
}

/* After fork, in the child: the lock is free, whoever held it in the parent. */
static inline void lock_reset(struct lock *lock)
{
  __atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
}

#endif
