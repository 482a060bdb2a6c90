/*
 * unshare and setns: several of their flags are refused to a process with
 * more than one thread, and the sampler's helper is one.  It ends before and starts again after.
 */
#include <sched.h>

#include "entry/hook.h"
#include "entry/next_libc.h"
#include "entry/sampler_life.h"
#include "trace/trace_clock.h"

EXPORT int unshare(int flags)
{
  bool paused;
  int result;

  hook_thread();
  paused = sampler_life_suspend();
  result = next_libc.unshare(flags);
  sampler_life_resume(paused);
  return result;
}

EXPORT int setns(int fd, int type)
{
  bool paused;
  int result;

  hook_thread();
  paused = sampler_life_suspend();
  result = next_libc.setns(fd, type);
  if (result == 0)
    trace_clock_look(); /* it may be another time namespace's from here on */
  sampler_life_resume(paused);
  return result;
}
