/*
 * What a debug build (-DVMTRACE_DEBUG) asserts of locks: each is taken below those that its thread holds, and a guarded
 * one where no handler asks for it.  A rule that is broken ends the process with one line.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "base/lock_table.h"
#include "base/log.h"
#include "base/sys.h"

static bool (*guarded_fn)(void);

void lock_check_guard_by(bool (*is_guarded)(void))
{
  guarded_fn = is_guarded;
}

static _Noreturn void broken(const struct lock_state *lock, const char *what, uint32_t rank)
{
  uint64_t abort_only = UINT64_C(1) << (SIGABRT - 1);

  log_error("lock %s: %s%s", lock_rank_name(lock->rank), what, rank ? lock_rank_name(rank) : "");
  sys_call(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&abort_only, 0, sizeof abort_only, 0, 0);
  for (;;) {
    sys_call(SYS_tgkill, sys_getpid(), sys_gettid(), SIGABRT, 0, 0, 0);
    sys_call(SYS_exit_group, 134, 0, 0, 0, 0, 0);
  }
}

/* Those of faults can never come in: it is enough that one of the others cannot. */
static bool signals_are_blocked(void)
{
  uint64_t mask = 0;

  sys_call(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&mask, sizeof mask, 0, 0);
  return mask & UINT64_C(1) << (SIGTERM - 1) && mask & UINT64_C(1) << (SIGALRM - 1);
}

static uint32_t innermost(uint64_t ranks)
{
  return 63 - (uint32_t)__builtin_clzll(ranks);
}

void lock_check_take(const struct lock_state *lock, bool guarded, bool waits)
{
  uint64_t held = lock_ranks_held;

  if (!lock->rank || lock->rank >= LOCK_RANKS)
    broken(lock, "it was never made", 0);
  if (waits && lock_state_is_mine(lock))
    broken(lock, "its own thread holds it", 0);
  if (waits && held && innermost(held) >= lock->rank)
    broken(lock, "taken while the thread holds ", innermost(held));
  if (guarded && guarded_fn && !guarded_fn() && !signals_are_blocked())
    broken(lock, "taken outside of a hook's guard", 0);
  lock_ranks_held = held | UINT64_C(1) << lock->rank;
}

void lock_check_release(const struct lock_state *lock)
{
  if (!lock_state_is_mine(lock))
    broken(lock, "released by a thread that does not hold it", 0);
  lock_ranks_held &= ~(UINT64_C(1) << lock->rank);
}
