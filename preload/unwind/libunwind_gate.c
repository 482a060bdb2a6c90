/*
 * See libunwind_gate.h.  Called by unwind.c.  No lock is held while libunwind
 * works, so that threads do not wait for each other.
 */
#include "unwind/libunwind_gate.h"

#include <sys/syscall.h>

#include "base/sys.h"

/* A stay takes some 10 us: these are many times that, and still bounded. */
#define ENTER_YIELDS 20000
#define FORK_YIELDS 20000

static uint32_t inside;  /* atomic: threads */
static uint32_t forking; /* atomic: threads */
static bool unusable;

static void yield(void)
{
  sys_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

/* Both sides announce themselves before they look at the other one. */
bool libunwind_enter(uint64_t *mask)
{
  if (unusable)
    return false;
  *mask = sys_block_signals();
  for (unsigned i = 0; i < ENTER_YIELDS; i++) {
    __atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&forking, __ATOMIC_SEQ_CST))
      return true;
    __atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
    yield();
  }
  sys_restore_signals(*mask);
  return false;
}

void libunwind_leave(uint64_t mask)
{
  __atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
  sys_restore_signals(mask);
}

void libunwind_before_fork(void)
{
  __atomic_fetch_add(&forking, 1, __ATOMIC_SEQ_CST);
  for (unsigned i = 0; i < FORK_YIELDS && __atomic_load_n(&inside, __ATOMIC_SEQ_CST); i++)
    yield();
}

void libunwind_after_fork(bool child)
{
  if (!child) {
    __atomic_fetch_sub(&forking, 1, __ATOMIC_SEQ_CST);
    return;
  }
  unusable = unusable || __atomic_load_n(&inside, __ATOMIC_RELAXED);
  __atomic_store_n(&inside, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&forking, 0, __ATOMIC_RELAXED);
}
