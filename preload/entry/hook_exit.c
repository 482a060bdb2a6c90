/*
 * Ends that libc does not tell of: _exit, _Exit and abort.  exit and
 * quick_exit run handlers, which process.c has registered.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sys.h"
#include "entry/hook.h"
#include "entry/next_libc.h"
#include "entry/process.h"

HOT _Noreturn void leave(int status)
{
  hook_thread();
  process_end(VT_ENDED_EXIT, status, VT_EXIT_UNDERSCORE);
  for (;;)
    sys_call_raw(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

EXPORT void _exit(int status)
{
  leave(status);
}

EXPORT void _Exit(int status)
{
  leave(status);
}

/* A handler of SIGABRT may run, even leave by longjmp: then a later end replaces this one. */
EXPORT void abort(void)
{
  hook_thread();
  process_end(VT_ENDED_SIGNAL, SIGABRT, VT_EXIT_EXIT);
  next_libc.abort();
  __builtin_unreachable();
}
