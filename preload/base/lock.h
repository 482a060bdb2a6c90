/*
 * The two kinds of lock that the library has.  Which locks there are, and in which order they are taken, is in
 * lock_table.h; there is no lock outside of that table.
 *
 * A signal handler of the program may come in at any instruction, and leave by longjmp, fork, exec, exit or _exit.  So
 * a lock is either one that no handler asks for, or one that no handler finds held by its own thread:
 *
 * - struct guarded_lock: taken inside a hook's guard (entry/hook.h) or with signals blocked.  A handler that comes in
 *   meanwhile finds the guard held, and takes no guarded lock.  If it leaves by longjmp, the lock stays with its
 *   thread until entry/ takes over the stale guard and has the lock's room repair what was half-done.
 * - struct masked_lock: blocks all signals for as long as it is held.  Two system calls: for what is rare.
 *
 * Both cost one atomic exchange when nobody holds them, never allocate, and need no initialisation beyond their rank.
 * Neither is recursive.  A holder must not run code of the program.  A lock knows its owner: a thread can tell at once
 * whether it holds a lock itself.
 */
#ifndef VMTRACE_LOCK_H
#define VMTRACE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CACHE_LINE 64
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* In a debug build each lock asserts the order of ranks and, if it is guarded, the guard. */
#ifdef VMTRACE_DEBUG
#define LOCK_CHECKED true
#else
#define LOCK_CHECKED false
#endif

/* What both kinds consist of.  Nobody but base/ uses it by itself. */
struct lock_state {
  uint64_t word; /* 0: free; else the owner (lock_self), and LOCK_WAITED when somebody waits */
  uint32_t rank; /* enum lock_rank */
};

#define LOCK_WAITED UINT64_C(1)

struct guarded_lock {
  struct lock_state state;
};

struct masked_lock {
  struct lock_state state;
};

/* One per thread: its address is the thread's name in lock words, in the child of a fork, too. */
extern __thread uint64_t lock_ranks_held __attribute__((tls_model("initial-exec"), visibility("hidden")));

static inline uint64_t lock_self(void)
{
  return (uint64_t)(uintptr_t)&lock_ranks_held;
}

static inline bool lock_state_is_mine(const struct lock_state *lock)
{
  return (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) & ~LOCK_WAITED) == lock_self();
}

void lock_wait_slow(struct lock_state *lock);
/* False: it was still held when CLOCK_MONOTONIC had come to until_ns. */
bool lock_wait_until_slow(struct lock_state *lock, uint64_t until_ns);
void lock_wake_slow(struct lock_state *lock);

/* lock_check.c; only in debug builds.  They end the process with one line when a rule is broken. */
void lock_check_take(const struct lock_state *lock, bool guarded, bool waits);
void lock_check_release(const struct lock_state *lock);
/* Whether the calling thread is where guarded locks may be taken; NULL, as in unit tests: it always is. */
void lock_check_guard_by(bool (*is_guarded)(void));

static inline bool lock_state_try(struct lock_state *lock)
{
  uint64_t free = 0;

  return __atomic_compare_exchange_n(&lock->word, &free, lock_self(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void lock_state_take(struct lock_state *lock)
{
  if (unlikely(!lock_state_try(lock)))
    lock_wait_slow(lock);
}

static inline void lock_state_release(struct lock_state *lock)
{
  if (unlikely(__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) & LOCK_WAITED))
    lock_wake_slow(lock);
}

/* ---- guarded ---- */

static inline void guarded_lock_take(struct guarded_lock *lock)
{
  if (LOCK_CHECKED)
    lock_check_take(&lock->state, true, true);
  lock_state_take(&lock->state);
}

static inline bool guarded_lock_try(struct guarded_lock *lock)
{
  if (!lock_state_try(&lock->state))
    return false;
  if (LOCK_CHECKED)
    lock_check_take(&lock->state, true, false);
  return true;
}

static inline void guarded_lock_release(struct guarded_lock *lock)
{
  if (LOCK_CHECKED)
    lock_check_release(&lock->state);
  lock_state_release(&lock->state);
}

/* Whether the calling thread holds it: in a handler, or after one that left by longjmp. */
static inline bool guarded_lock_is_mine(const struct guarded_lock *lock)
{
  return lock_state_is_mine(&lock->state);
}

/* ---- masked ---- */

/* Takes the lock with all signals blocked; the result is for the release, which brings the signals back.  They nest. */
uint64_t masked_lock_take(struct masked_lock *lock);
/* False: somebody holds it, and the signals are as they were. */
bool masked_lock_try(struct masked_lock *lock, uint64_t *mask);
/* The same after having waited until CLOCK_MONOTONIC has come to until_ns. */
bool masked_lock_take_until(struct masked_lock *lock, uint64_t until_ns, uint64_t *mask);
void masked_lock_release(struct masked_lock *lock, uint64_t mask);

#endif
