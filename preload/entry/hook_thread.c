/*
 * Hooks on the life of threads.  The work is in threads.c.
 *
 * thread->internal is raised around libc's pthread_create: the thread's TLS
 * vector and what the stack cache gives back are libc's own, and which thread
 * allocates or frees them depends on timing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <threads.h>

#include "base/peek.h"
#include "base/sys.h"
#include "entry/hook.h"
#include "entry/hook_filter.h"
#include "entry/next_libc.h"
#include "entry/process.h"
#include "entry/threads.h"

static void *run(void *arg)
{
  struct thread *t = arg;

  threads_begin(t);
  return t->start(t->start_arg);
}

static int run_c11(void *arg)
{
  struct thread *t = arg;

  threads_begin(t);
  return ((thrd_start_t)(uintptr_t)t->start)(t->start_arg);
}

EXPORT int pthread_create(pthread_t *pthread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
  struct thread *t = hook_thread(), *child;
  int state = PTHREAD_CREATE_JOINABLE, result;

  if (process_mode() == PROCESS_PASS)
    return next_libc.pthread_create(pthread, attr, start, arg);
  if (attr)
    pthread_attr_getdetachstate(attr, &state);
  child = threads_new(t, state == PTHREAD_CREATE_DETACHED);
  if (!child)
    return EAGAIN;
  child->start = start;
  child->start_arg = arg;
  internal_begin(t);
  result = next_libc.pthread_create(pthread, attr, run, child);
  internal_end(t);
  if (result == 0)
    threads_created(child, pthread);
  else
    threads_cancel(t, child);
  return result;
}

EXPORT int thrd_create(thrd_t *thread, thrd_start_t start, void *arg)
{
  struct thread *t = hook_thread(), *child;
  int result;

  if (process_mode() == PROCESS_PASS)
    return next_libc.thrd_create(thread, start, arg);
  child = threads_new(t, false);
  if (!child)
    return thrd_nomem;
  child->start = (void *(*)(void *))(uintptr_t)start;
  child->start_arg = arg;
  internal_begin(t);
  result = next_libc.thrd_create(thread, run_c11, child);
  internal_end(t);
  if (result == thrd_success)
    threads_created(child, thread);
  else
    threads_cancel(t, child);
  return result;
}

EXPORT int pthread_join(pthread_t pthread, void **value)
{
  struct thread *t = hook_thread();
  struct thread_found found = threads_find(pthread);
  int result = next_libc.pthread_join(pthread, value);

  if (result == 0)
    threads_joined(t, pthread, found);
  return result;
}

EXPORT int pthread_tryjoin_np(pthread_t pthread, void **value)
{
  struct thread *t = hook_thread();
  struct thread_found found = threads_find(pthread);
  int result = next_libc.pthread_tryjoin_np(pthread, value);

  /* The region of a joined thread is the next one's: with another result that would have another. */
  t->polled = 1;
  if (result == 0)
    threads_joined(t, pthread, found);
  return result;
}

EXPORT int pthread_timedjoin_np(pthread_t pthread, void **value, const struct timespec *until)
{
  struct thread *t = hook_thread();
  struct thread_found found = threads_find(pthread);
  int result = next_libc.pthread_timedjoin_np(pthread, value, until);

  t->polled |= result == ETIMEDOUT;
  if (result == 0)
    threads_joined(t, pthread, found);
  return result;
}

EXPORT int pthread_clockjoin_np(pthread_t pthread, void **value, clockid_t clock, const struct timespec *until)
{
  struct thread *t = hook_thread();
  struct thread_found found = threads_find(pthread);
  int result = next_libc.pthread_clockjoin_np(pthread, value, clock, until);

  t->polled |= result == ETIMEDOUT;
  if (result == 0)
    threads_joined(t, pthread, found);
  return result;
}

EXPORT int thrd_join(thrd_t thread, int *value)
{
  struct thread *t = hook_thread();
  struct thread_found found = threads_find(thread);
  int result = next_libc.thrd_join(thread, value);

  if (result == thrd_success)
    threads_joined(t, thread, found);
  return result;
}

EXPORT int pthread_detach(pthread_t pthread)
{
  hook_thread();
  threads_detach(pthread);
  return next_libc.pthread_detach(pthread);
}

EXPORT int thrd_detach(thrd_t thread)
{
  hook_thread();
  threads_detach(thread);
  return next_libc.thrd_detach(thread);
}

/*
 * libc loads its unwinder when the first thread exits by pthread_exit or is
 * cancelled, and allocates in that thread, whichever it is.  It is loaded
 * ahead, unrecorded, so that no thread's addresses depend on who was first.
 */
static void load_unwinder(void)
{
  static bool loaded;
  struct thread *t = hook_thread();
  int error = errno;

  if (__atomic_load_n(&loaded, __ATOMIC_ACQUIRE) || process_mode() == PROCESS_PASS)
    return;
  internal_begin(t);
  next_libc.dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
  internal_end(t);
  __atomic_store_n(&loaded, true, __ATOMIC_RELEASE);
  errno = error;
}

EXPORT void pthread_exit(void *value)
{
  load_unwinder();
  next_libc.pthread_exit(value);
  __builtin_unreachable();
}

EXPORT int pthread_cancel(pthread_t pthread)
{
  load_unwinder();
  return next_libc.pthread_cancel(pthread);
}

#define NAME_SIZE 16 /* the kernel takes 15 bytes, and no more need be there */

static void record_name(int tid, const char *name)
{
  const uint64_t fields[] = {(uint64_t)tid};
  char copy[NAME_SIZE];
  ssize_t length = peek_string(copy, sizeof copy, name);

  if (length >= 0)
    event_record(VT_R_THREAD_NAME, 1, fields, copy, (size_t)length);
}

EXPORT int pthread_setname_np(pthread_t pthread, const char *name)
{
  int tid = hook_thread() ? threads_tid(pthread) : 0;
  int result = next_libc.pthread_setname_np(pthread, name);

  if (result == 0 && tid)
    record_name(tid, name);
  return result;
}

/* Any other system call than read, write and exit will be the thread's last, and so will be a look at the clock, which
 * the kernel takes away too: no walk up the stack, no more records, which are counted as lost.  A process that has a
 * filter already is refused. */
static void confine(struct thread *t)
{
  if (sys_call(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0, 0) != SECCOMP_MODE_DISABLED)
    return;
  t->flags |= THREAD_CONFINED;
  t->unwind = NULL; /* not given back: a hook that this interrupts may be using it */
  trace_stop_confined();
  trace_writer_seal(t->writer);
}

EXPORT int prctl(int option, ...)
{
  unsigned long arg[4];
  struct thread *t;
  va_list args;
  int result;

  va_start(args, option);
  for (int i = 0; i < 4; i++)
    arg[i] = va_arg(args, unsigned long);
  va_end(args);
  t = hook_thread();
  if (option == PR_SET_SECCOMP && arg[0] == SECCOMP_MODE_FILTER)
    return (int)filter_call(SYS_prctl, (const long[6]){option, (long)arg[0], (long)arg[1], (long)arg[2], (long)arg[3]});
  if (option == PR_SET_SECCOMP && arg[0] == SECCOMP_MODE_STRICT)
    confine(t);
  result = next_libc.prctl(option, arg[0], arg[1], arg[2], arg[3]);
  if (result == 0 && option == PR_SET_NAME)
    record_name(sys_gettid(), (const char *)arg[0]);
  return result;
}
