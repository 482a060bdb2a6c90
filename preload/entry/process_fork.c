/*
 * fork: the locks around it, and the fresh start of the child.
 *
 * libc's fork runs our handlers: they are registered before any of the
 * program's, so the prepare handler runs last (the program's own may still
 * allocate) and the child handler first.  Order of locks: libc's list of
 * streams, sampler, heap, threads, modules, trace, own memory, because each may
 * be held while a later one is taken.
 *
 * libc's fork takes the lock of its list of streams after all handlers.  Its
 * holder in another thread (fflush of all streams) waits for one stream, whose
 * holder may allocate (getline does): that lock comes before ours, then.  It is recursive, so that libc takes it again.
 */
#include <errno.h>
#include <pthread.h>

#include "base/option.h"
#include "base/own.h"
#include "base/sys.h"
#include "entry/free_sites.h"
#include "entry/hook.h"
#include "entry/malloc_binding.h"
#include "entry/module_list.h"
#include "entry/process_state.h"
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

static bool streams_locked; /* under that lock */
/* Who forks and holds all locks; NULL: nobody.  Written by that thread alone.  Others may look, in a handler that forks
 * in the middle of a hook while this one does. */
static struct thread *forker; /* atomic */

static void set_forker(struct thread *t)
{
  __atomic_store_n(&forker, t, __ATOMIC_RELAXED);
}

void process_before_fork(void)
{
  struct thread *t = hook_thread();

  /* A handler that forks in the middle of a hook: that hook may hold any of the locks. */
  if (guard_of(t) >= GUARD_FRAMES)
    return;
  if (guard_of(t) == GUARD_PENDING)
    hook_attend(t);
  t->guard = (void *)GUARD_FORK;
  unwind_announce_fork();
  samples_before_fork();
  heap_before_fork();
  threads_before_fork();
  modules_before_fork();
  unwind_before_fork();
  trace_before_fork();
  own_before_fork();
  set_forker(t);
}

/* The child is one thread in a copy of the parent: nothing of the parent's tracing state is repaired, all is new. */
static void renew_child(struct thread *t)
{
  own_after_fork(true);
  trace_after_fork(true);
  unwind_after_fork(true);
  unwind_thread_after_fork(t->unwind);
  modules_after_fork(true);
  threads_after_fork(true, t);
  heap_after_fork(true);
  free_sites_after_fork(t);
  samples_after_fork(true);
  t->writer = &trace_none;
  t->number = VT_NO_THREAD;
  t->tid = sys_gettid();
  t->parent = NULL;
  t->ordinal = 0;
  t->children = 0;
  process_mark_live();
  process.sampling = false;
  process.pauses = 0;
  lock_reset(&process.pause_lock);
  if (!process.traced)
    return;
  process_open_trace(t);
  if (process.traced)
    process.sampling = samples_start(options_get());
}

/* What a new trace says of the process at its start. */
static void record_origins(void)
{
  modules_update();
  malloc_binding_record();
}

void process_after_fork(bool child)
{
  struct thread *t = thread_self();
  int error = errno;

  if (__atomic_load_n(&forker, __ATOMIC_RELAXED) != t)
    return;
  set_forker(NULL);
  if (child) {
    renew_child(t);
  } else {
    own_after_fork(false);
    trace_after_fork(false);
    unwind_after_fork(false);
    modules_after_fork(false);
    threads_after_fork(false, t);
    heap_after_fork(false);
    samples_after_fork(false);
  }
  hook_release(t);
  if (child) /* records with tails do not wait while the guard is held */
    record_origins();
  errno = error;
  if (!child && t->flags & THREAD_DAEMON)
    process_end(VT_ENDED_EXIT, 0, VT_EXIT_UNDERSCORE);
}

uint32_t process_surprise_fork(uint32_t stack)
{
  struct thread *t = thread_self();
  uintptr_t guard = guard_of(t);
  int error = errno;

  set_forker(NULL);
  renew_child(t);
  /* In the middle of a hook they would lose their names; then the end of the process records them. */
  if (guard == GUARD_FREE)
    record_origins();
  if (stack)
    stack = guard >= GUARD_FRAMES ? stack_of(t, guard & ~GUARD_PENDING) : VT_STACK_NONE;
  errno = error;
  return stack;
}

static void prepare(void)
{
  if (process_is_borrowed())
    return;
  if (_IO_list_lock && _IO_list_unlock && _IO_list_resetlock) {
    _IO_list_lock();
    streams_locked = true;
  }
  process_before_fork();
}

/* In the child of a process with several threads libc has made the lock anew, in others it is still held. */
static void after_fork(bool child)
{
  bool unlock = streams_locked;

  process_after_fork(child);
  if (!unlock)
    return;
  streams_locked = false;
  (child ? _IO_list_resetlock : _IO_list_unlock)();
}

static void in_parent(void)
{
  after_fork(false);
}

static void in_child(void)
{
  after_fork(true);
}

void process_register_fork(void)
{
  pthread_atfork(prepare, in_parent, in_child);
}
