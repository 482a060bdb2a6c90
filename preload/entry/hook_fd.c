/*
 * Hooks that keep the trace's descriptor out of the program's way: to the
 * program that number is not open, and results are as if it were not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sys.h"
#include "entry/hook.h"
#include "entry/libc_names.h"
#include "entry/next_libc.h"
#include "entry/process.h"
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
  hook_thread();
  if (unlikely(trace_owns_fd(fd)))
    return as_libc(-EBADF);
  return next_libc.close(fd);
}

/*
 * The program puts something at number fd: if that is ours, ours moves.  Not
 * in a child that shares memory: its descriptors are its own, but where ours
 * is, is remembered for the parent; there, the copy is simply replaced.
 */
static void make_way(int fd)
{
  if (unlikely(trace_owns_fd(fd)) && !process_is_borrowed())
    trace_move_fd();
}

/* dup2 and dup3 are no cancellation points: the system call is all there is to them. */
EXPORT int dup3(int from, int to, int flags)
{
  hook_thread();
  if (unlikely(trace_owns_fd(from)))
    return as_libc(-EBADF);
  make_way(to);
  return as_libc(sys_call(SYS_dup3, from, to, flags, 0, 0, 0));
}

EXPORT int dup2(int from, int to)
{
  hook_thread();
  if (unlikely(trace_owns_fd(from)))
    return as_libc(-EBADF);
  /* dup3 does not take equal numbers, dup2 returns them if they are open; not all machines have the call itself. */
  if (from == to)
    return sys_call(SYS_fcntl, from, F_GETFD, 0, 0, 0, 0) < 0 ? as_libc(-EBADF) : to;
  make_way(to);
  return as_libc(sys_call(SYS_dup3, from, to, 0, 0, 0, 0));
}

/* [first, last] but for our own; false when that is not in there. */
static bool close_around(unsigned first, unsigned last, int flags, int *result)
{
  int own = trace_fd();

  if (own < 0 || (unsigned)own < first || (unsigned)own > last || !trace_owns_fd(own))
    return false;
  *result = 0;
  if ((unsigned)own > first)
    *result = next_libc.close_range(first, (unsigned)own - 1, flags);
  if (*result == 0 && (unsigned)own < last)
    *result = next_libc.close_range((unsigned)own + 1, last, flags);
  return true;
}

EXPORT int close_range(unsigned first, unsigned last, int flags)
{
  int result;

  hook_thread();
  if (!next_libc.close_range)
    return as_libc(-ENOSYS);
  if (first <= last && close_around(first, last, flags, &result))
    return result;
  return next_libc.close_range(first, last, flags);
}

EXPORT void closefrom(int first)
{
  int result, error = errno;

  hook_thread();
  if (first < 0)
    first = 0;
  if (next_libc.close_range && close_around((unsigned)first, UINT_MAX, 0, &result) && result == 0) {
    errno = error;
    return;
  }
  /* A kernel without close_range: libc goes through /proc/self/fd, and the trace opens its file again by name. */
  next_libc.closefrom(first);
}
