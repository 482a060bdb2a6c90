/*
 * Hooks on fork and its kin.  What has to be done around a fork is in
 * process_fork.c, which libc calls through atfork handlers; here the parent
 * learns who its child is.  vfork cannot be wrapped (its caller's frame is
 * in use twice): what its child does is told apart by process_is_borrowed.
 */
#include <errno.h>
#include <pty.h>
#include <unistd.h>

#include "base/sys.h"
#include "entry/hook.h"
#include "entry/libc_names.h"
#include "entry/next_libc.h"
#include "entry/process.h"
#include "trace/samples.h"

static void record_fork(pid_t child)
{
  int error = errno;

  if (child > 0) {
    EVENT(FORK, (uint64_t)child);
    samples_poke(VT_SAMPLE_FORK);
  }
  errno = error;
}

EXPORT pid_t fork(void)
{
  pid_t child;

  hook_thread();
  child = next_libc.fork();
  record_fork(child);
  return child;
}

/* Runs no atfork handlers, so ours are called here.  It may be called in signal handlers: one that came between the two
 * would wait for the locks that its own thread holds. */
EXPORT pid_t _Fork(void)
{
  uint64_t mask;
  pid_t child;

  hook_thread();
  if (!next_libc._Fork) {
    errno = ENOSYS;
    return -1;
  }
  mask = sys_block_signals();
  process_before_fork();
  child = next_libc._Fork();
  process_after_fork(child == 0);
  sys_restore_signals(mask);
  record_fork(child);
  return child;
}

EXPORT pid_t forkpty(int *master, char *name, const struct termios *termios, const struct winsize *size)
{
  pid_t child;

  hook_thread();
  child = next_libc.forkpty(master, name, termios, size);
  record_fork(child);
  return child;
}

/* The parent ends inside libc, right after its fork: process_after_fork sees the flag. */
EXPORT int daemon(int keep_directory, int keep_output)
{
  struct thread *t = hook_thread();
  int pid = sys_getpid(), result;

  t->flags |= THREAD_DAEMON;
  result = next_libc.daemon(keep_directory, keep_output);
  t->flags &= ~THREAD_DAEMON;
  if (result != 0 && pid == sys_getpid())
    trace_end_undo();
  return result;
}
