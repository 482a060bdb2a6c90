/*
 * Hooks that keep the library's descriptors out of the program's way: to the
 * program those numbers are not open, and results are as if they were not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

/*
 * libunwind tells by a pipe whether memory can be read; it reads and writes it
 * by numbers that it keeps.  They are made high ones and kept open: were they the program's
 * next descriptors, a byte of ours could end in a file of the program's.
 */
#define PIPE_HIGH 990 /* next to the trace's own; lower when the limit is */
static int own_pipe[2] = {-1, -1};
static ino_t own_pipe_inode;

/* fd's file on a number out of the way, or where it is when there is none. */
static int raise_fd(int fd)
{
  struct rlimit limit = {PIPE_HIGH, PIPE_HIGH};
  long high;

  sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0);
  high = limit.rlim_cur > PIPE_HIGH + 10 ? PIPE_HIGH : (long)(limit.rlim_cur - limit.rlim_cur / 8);
  high = sys_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, high, 0, 0, 0);
  if (high < 0)
    return fd;
  sys_close(fd);
  return (int)high;
}

static void raise_pipe(int fds[2])
{
  struct stat st;

  for (int i = 0; i < 2; i++) {
    fds[i] = raise_fd(fds[i]);
    own_pipe[i] = fds[i];
  }
  if (sys_fstat(fds[0], &st) == 0)
    own_pipe_inode = st.st_ino;
}

EXPORT int pipe2(int fds[2], int flags)
{
  struct thread *t = hook_thread();
  long result = sys_call(SYS_pipe2, (long)fds, flags, 0, 0, 0, 0);

  if (result == 0 && t->internal)
    raise_pipe(fds);
  return as_libc(result);
}

static bool is_own_pipe(int fd)
{
  struct stat st;

  return fd >= 0 && (fd == own_pipe[0] || fd == own_pipe[1]) && sys_fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
         st.st_ino == own_pipe_inode;
}

/* Whether the program did not open fd. */
static bool is_own(int fd)
{
  return unlikely(trace_owns_fd(fd)) || unlikely(is_own_pipe(fd));
}

EXPORT int close(int fd)
{
  hook_thread();
  if (is_own(fd))
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
  if (is_own(from))
    return as_libc(-EBADF);
  make_way(to);
  return as_libc(sys_call(SYS_dup3, from, to, flags, 0, 0, 0));
}

EXPORT int dup2(int from, int to)
{
  hook_thread();
  if (is_own(from))
    return as_libc(-EBADF);
  /* dup3 does not take equal numbers, dup2 returns them if they are open; not all machines have the call itself. */
  if (from == to)
    return sys_call(SYS_fcntl, from, F_GETFD, 0, 0, 0, 0) < 0 ? as_libc(-EBADF) : to;
  make_way(to);
  return as_libc(sys_call(SYS_dup3, from, to, 0, 0, 0, 0));
}

/* The lowest descriptor of ours in [first, last]; -1: there is none. */
static int lowest_own(unsigned first, unsigned last)
{
  const int candidates[] = {trace_fd(), own_pipe[0], own_pipe[1]};
  int lowest = -1;

  for (unsigned i = 0; i < sizeof candidates / sizeof *candidates; i++) {
    int fd = candidates[i];

    if (fd >= 0 && (unsigned)fd >= first && (unsigned)fd <= last && (lowest < 0 || fd < lowest) && is_own(fd))
      lowest = fd;
  }
  return lowest;
}

/* close_range of [first, last] but for our own. */
static int close_around(unsigned first, unsigned last, int flags)
{
  int own, result = 0;

  while ((own = lowest_own(first, last)) >= 0 && result == 0) {
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
