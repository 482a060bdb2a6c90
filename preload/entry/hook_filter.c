/*
 * See hook_filter.h.  Called by the hooks on prctl and syscall.
 *
 * A filter for all threads would hold for the helper, too: it ends before, and does not come back.  A filter for one
 * thread leaves a helper that is there as it is; the thread itself starts none any more, which would inherit it.
 */
#include "entry/hook_filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/filter.h"
#include "entry/next_libc.h"
#include "entry/sampler_life.h"

bool filter_is_installed_by(long number, const long arg[6])
{
  return number == SYS_seccomp ? arg[0] == SECCOMP_SET_MODE_FILTER
                               : number == SYS_prctl && arg[0] == PR_SET_SECCOMP && arg[1] == SECCOMP_MODE_FILTER;
}

/* A positive result is a listener's descriptor, or the thread for which there was no way. */
static bool has_succeeded(long result, unsigned long flags)
{
  return result == 0 || (result > 0 && !(flags & SECCOMP_FILTER_FLAG_TSYNC && !(flags & (1ul << 4))));
}

long filter_call(long number, const long arg[6])
{
  unsigned long flags = number == SYS_seccomp ? (unsigned long)arg[1] : 0;
  bool everywhere = flags & SECCOMP_FILTER_FLAG_TSYNC;
  struct filter *prepared = filter_prepare();
  bool paused = everywhere && sampler_life_suspend();
  long result = number == SYS_prctl ? next_libc.prctl((int)arg[0], (unsigned long)arg[1], (unsigned long)arg[2],
                                                      (unsigned long)arg[3], (unsigned long)arg[4])
                                    : next_libc.syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);

  if (has_succeeded(result, flags))
    filter_install(prepared, (const struct sock_fprog *)arg[2], everywhere);
  else
    filter_cancel(prepared);
  sampler_life_resume(paused);
  return result;
}
