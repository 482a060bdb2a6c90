/*
 * Hooks that keep the library's descriptors out of the program's way: to the
 * program those numbers are not open, and results are as if they were not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sys.h"
#include "entry/hook.h"
#include "entry/libc_names.h"
#include "entry/next_libc.h"
#include "entry/own_fds.h"
#include "entry/process.h"
#include "entry/sampler_life.h"
#include "trace/trace.h"

static int as_libc(long result)
{
  if (result >= 0)
    return (int)result;
  errno = (int)-result;
  return -1;
}

EXPORT int close(int fd)
{
  int result;

  hook_thread();
  if (unlikely(own_fds_has(fd)))
    return as_libc(-EBADF);
  result = next_libc.close(fd);
  sampler_life_closed(fd);
  return result;
}

/*
 * The program puts something at number fd: if that is ours, ours moves.  Not
 * in a child that shares memory: its descriptors are its own, but where ours
 * is, is remembered for the parent; there, the copy is simply replaced.
 */
static void make_way(int fd)
{
  log_note_dup(fd);
  if (unlikely(trace_owns_fd(fd)) && !process_is_borrowed())
    trace_move_fd();
}

/* dup2 and dup3 are no cancellation points: the system call is all there is to them. */
EXPORT int dup3(int from, int to, int flags)
{
  hook_thread();
  if (unlikely(own_fds_has(from)))
    return as_libc(-EBADF);
  make_way(to);
  return as_libc(sys_call_raw(SYS_dup3, from, to, flags, 0, 0, 0));
}

EXPORT int dup2(int from, int to)
{
  hook_thread();
  if (unlikely(own_fds_has(from)))
    return as_libc(-EBADF);
  /* dup3 does not take equal numbers, dup2 returns them if they are open; not all machines have the call itself. */
  if (from == to)
    return sys_call_raw(SYS_fcntl, from, F_GETFD, 0, 0, 0, 0) < 0 ? as_libc(-EBADF) : to;
  make_way(to);
  return as_libc(sys_call_raw(SYS_dup3, from, to, 0, 0, 0, 0));
}

/* close_range of [first, last] but for our own. */
static int close_around(unsigned first, unsigned last, int flags)
{
  int own, result = 0;

  while ((own = own_fds_lowest(first, last)) >= 0 && result == 0) {
    if ((unsigned)own > first)
      result = next_libc.close_range(first, (unsigned)own - 1, flags);
    if ((unsigned)own == last)
      return result;
    first = (unsigned)own + 1;
  }
  return result == 0 ? next_libc.close_range(first, last, flags) : result;
}

EXPORT int close_range(unsigned first, unsigned last, int flags)
{
  hook_thread();
  if (!next_libc.close_range)
    return as_libc(-ENOSYS);
  return first <= last ? close_around(first, last, flags) : next_libc.close_range(first, last, flags);
}

EXPORT void closefrom(int first)
{
  int error = errno;

  hook_thread();
  if (first < 0)
    first = 0;
  if (next_libc.close_range && close_around((unsigned)first, UINT_MAX, 0) == 0) {
    errno = error;
    return;
  }
  /* A kernel without close_range: libc goes through /proc/self/fd, and the trace opens its file again by name. */
  next_libc.closefrom(first);
}
