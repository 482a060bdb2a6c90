/*
 * Waiting for hooks of other threads to end (threads.h): whoever makes something hard to find, and has to know that
 * nobody who found it before is still at work.  Hooks pay nothing for it: their guards tell.
 */
#include <linux/membarrier.h>
#include <sys/syscall.h>

#include "base/sys.h"
#include "entry/hook.h"
#include "entry/threads.h"

#define PATIENCE_NS (UINT64_C(100) * 1000000)
#define BUSY_MOST 64

/* A thread that was in a hook; over when its guard is no longer that. */
struct busy {
  const struct thread *thread;
  uint64_t entered;
  uintptr_t guard;
};

struct waiting {
  unsigned count, still;
  struct busy busy[BUSY_MOST];
};

static uintptr_t frame_of(const struct thread *t)
{
  return (uintptr_t)__atomic_load_n(&t->guard, __ATOMIC_RELAXED) & ~GUARD_PENDING;
}

static void note_busy(struct thread *t, void *arg)
{
  struct waiting *w = arg;
  uintptr_t frame = frame_of(t);

  if (t != thread_self() && frame >= GUARD_FRAMES && w->count < BUSY_MOST)
    w->busy[w->count++] = (struct busy){t, t->entered, frame};
}

static void count_still(struct thread *t, void *arg)
{
  struct waiting *w = arg;

  for (unsigned i = 0; i < w->count; i++)
    w->still += w->busy[i].thread == t && w->busy[i].entered == t->entered && w->busy[i].guard == frame_of(t);
}

/* A guard is taken by a plain store: that it is seen here before what its hook goes on to read, every processor's write
 * buffer has to be empty.  Linux 4.14; a kernel that refuses leaves a few nanoseconds open. */
static void drain_stores(void)
{
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  sys_call(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0);
  sys_call(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0);
}

void threads_wait_for_hooks(void)
{
  uint64_t until = sys_now() + PATIENCE_NS;
  struct waiting w = {0, 0, {{NULL, 0, 0}}};

  drain_stores();
  threads_visit(note_busy, &w);
  while (w.count) {
    w.still = 0;
    threads_visit(count_still, &w);
    if (!w.still || sys_now() >= until)
      break;
    sys_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
  }
  drain_stores();
}
