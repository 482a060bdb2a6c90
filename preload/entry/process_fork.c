/*
 * fork: the locks around it, and the fresh start of the child.
 *
 * libc's fork runs our handlers: they are registered before any of the
 * program's, so the prepare handler runs last (the program's own may still
 * allocate) and the child handler first.  The locks come from their table
 * (base/lock_table.h), which libc's list of streams precedes.  Signals are
 * blocked from the first lock to the last: a handler that came in between
 * would find its own thread holding them all, in the parent as in the child.
 *
 * libc's fork takes the lock of its list of streams after all handlers.  Its
 * holder in another thread (fflush of all streams) waits for one stream, whose
 * holder may allocate (getline does): that lock comes before ours, then.  It is recursive, so that libc takes it again.
 */
#include <errno.h>
#include <pthread.h>

#include "base/lock_table.h"
#include "base/option.h"
#include "base/sys.h"
#include "entry/free_sites.h"
#include "entry/hook.h"
#include "entry/malloc_binding.h"
#include "entry/module_list.h"
#include "entry/process_state.h"
#include "entry/program_break.h"
#include "entry/sampler_life.h"
#include "entry/stacks.h"
#include "entry/threads.h"
#include "heap/heap.h"
#include "trace/samples.h"
#include "trace/trace.h"
#include "unwind/unwind.h"

/* libc's own: no header has them.  In a libc without them there is nothing to be put in order. */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));
extern char __libc_single_threaded __attribute__((weak));

/* Of a thread that forks in the middle of a hook. */
static __thread struct trace_left fork_left __attribute__((tls_model("initial-exec")));
static __thread uint64_t fork_quiet_mask __attribute__((tls_model("initial-exec")));

/* The sampler's helper gives memory back at its ticks, for a millisecond or so; while it waits for the hook that the
 * fork is in the middle of, it does not come to an end. */
#define QUIET_PATIENCE_NS (UINT64_C(20) * 1000000)

/* Whether libc knows of no other thread. */
static bool is_alone(void)
{
  return &__libc_single_threaded && __libc_single_threaded;
}

/* Of a handler that forks in the middle of a hook, that hook may hold any of the guarded locks, and others wait for it
 * while they hold more: none is taken.  What a thread had half-done that is not there in the child is given up then. */
static void fork_begins(struct thread *t, uint64_t mask)
{
  bool nested = !hook_may_wait(HOOK_FRAME) && guard_of(t) != GUARD_INTERNAL;

  t->fork_mask = mask;
  t->fork |= FORK_BEGUN;
  unwind_announce_fork();
  if (nested) {
    trace_leave(&fork_left, t->writer);
    if (is_alone() && masked_lock_take_until(&lock_sampling, sys_now() + QUIET_PATIENCE_NS, &fork_quiet_mask))
      t->fork |= FORK_QUIET;
    return;
  }
  modules_catch_up(); /* the child cannot */
  if (guard_of(t) == GUARD_PENDING)
    hook_attend(t);
  t->guard = (void *)GUARD_FORK;
  t->fork |= FORK_LOCKS;
  lock_table_take();
}

void process_before_fork(void)
{
  struct thread *t = hook_thread();

  fork_begins(t, sys_block_signals());
}

/* The child is one thread in a copy of the parent: nothing of the parent's tracing state is repaired, all is new.
 * left: of the hook that was interrupted, if one was. */
static void renew_child(struct thread *t, enum fork_kind kind, const struct trace_left *left)
{
  lock_table_renew(kind);
  if (kind == FORK_TORN)
    heap_keep(t->heap);
  trace_renew(left);
  unwind_after_fork(true);
  if (!left) /* else its walk may go on; the next one forgets by itself */
    unwind_thread_after_fork(t->unwind);
  modules_renew();
  threads_renew(t, kind == FORK_TORN);
  break_renew(t);
  free_sites_renew(t, left != NULL);
  samples_renew();
  t->writer = &trace_none;
  t->number = VT_NO_THREAD;
  t->tid = sys_gettid();
  t->parent = NULL;
  t->ordinal = 0;
  t->children = 0;
  t->lost = 0;
  process_mark_live();
  sampler_life_forget();
  if (!process.traced)
    return;
  process_open_trace(t);
  if (process.traced)
    sampler_life_begin();
}

/* What a new trace says of the process at its start. */
static void record_origins(void)
{
  modules_catch_up();
  malloc_binding_record();
}

static void fork_ends(struct thread *t, bool child)
{
  bool taken = t->fork & FORK_LOCKS, quiet = t->fork & FORK_QUIET;

  t->fork &= ~(FORK_BEGUN | FORK_LOCKS | FORK_QUIET);
  if (quiet)
    masked_lock_release(&lock_sampling, fork_quiet_mask);
  if (child) {
    renew_child(t, taken ? FORK_HELD : quiet ? FORK_ALONE : FORK_TORN, taken ? NULL : &fork_left);
  } else {
    if (taken)
      lock_table_release();
    unwind_after_fork(false);
  }
  if (taken)
    hook_release(t);
  if (child && taken)
    record_origins(); /* records with tails do not wait while the guard is held */
}

/* In the child of a process with several threads libc has made the lock anew, in others it is still held. */
static void streams_release(struct thread *t, bool child)
{
  if (!(t->fork & FORK_STREAMS))
    return;
  t->fork &= ~FORK_STREAMS;
  (child ? _IO_list_resetlock : _IO_list_unlock)();
}

void process_after_fork(bool child)
{
  struct thread *t = thread_self();
  int error = errno;

  if (!(t->fork & FORK_BEGUN))
    return;
  fork_ends(t, child);
  streams_release(t, child);
  sys_restore_signals(t->fork_mask);
  errno = error;
  if (!child && t->flags & THREAD_DAEMON)
    process_end(VT_ENDED_EXIT, 0, VT_EXIT_UNDERSCORE);
}

uint32_t process_surprise_fork(uint32_t stack)
{
  struct thread *t = thread_self();
  uintptr_t guard = guard_of(t);
  uint64_t mask = sys_block_signals();
  int error = errno;

  t->fork &= ~(FORK_BEGUN | FORK_LOCKS | FORK_QUIET);
  trace_distrust_table();
  renew_child(t, is_alone() ? FORK_ALONE : FORK_TORN, NULL);
  sys_restore_signals(mask);
  /* In the middle of a hook they would lose their names; then the end of the process records them. */
  if (guard == GUARD_FREE)
    record_origins();
  if (stack)
    stack = guard >= GUARD_FRAMES ? stack_of(t, guard & ~GUARD_PENDING) : VT_STACK_NONE;
  errno = error;
  return stack;
}

/* As libc's fork, which has nothing to wait for in a process with one thread. */
static bool streams_take(void)
{
  if (!_IO_list_lock || !_IO_list_unlock || !_IO_list_resetlock)
    return false;
  if (is_alone())
    return false;
  _IO_list_lock();
  return true;
}

/* Signals are open while it waits for the streams, as they are in libc's fork. */
static void prepare(void)
{
  struct thread *t = hook_thread();
  bool streams;
  uint64_t mask;

  if (process_is_borrowed())
    return;
  streams = streams_take();
  mask = sys_block_signals();
  t->fork |= streams ? FORK_STREAMS : 0;
  fork_begins(t, mask);
}

static void in_parent(void)
{
  process_after_fork(false);
}

static void in_child(void)
{
  process_after_fork(true);
}

void process_register_fork(void)
{
  pthread_atfork(prepare, in_parent, in_child);
}
