/*
 * Hook on sigprocmask, for libunwind's sake: it blocks all signals around each
 * of its locks, 14 times for every look at unwind information.  They are blocked already when it is called here, so
 * that these calls need not reach the kernel: a process that has learned a hundred rules has saved 4,000 system calls.
 * The program's own calls are passed on.
 */
#include <signal.h>

#include "entry/hook.h"
#include "entry/next_libc.h"
#include "unwind/unwind.h"

EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
  if (unwind_is_inside()) {
    if (old)
      sigemptyset(old); /* it comes back with the next call, which changes nothing either */
    return 0;
  }
  if (unlikely(!next_libc.sigprocmask))
    hook_thread();
  return next_libc.sigprocmask(how, set, old);
}
