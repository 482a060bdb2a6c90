/*
 * Hooks on the two calls that programs use to find out which descriptors are
 * open, number by number: fstat and fcntl.  Those of the library are not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/sys.h"
#include "entry/hook.h"
#include "entry/libc_names.h"
#include "entry/next_libc.h"
#include "entry/own_fds.h"

/* struct stat and struct stat64 are the same on all 64-bit machines, and what the kernel writes. */
_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "one structure");

HOT int stat_of(int fd, struct stat *st)
{
  int result;

  hook_thread();
  /* AT_FDCWD would be the working directory to newfstatat. */
  result = unlikely(fd < 0 || own_fds_has(fd))
               ? -EBADF
               : (int)sys_call_raw(SYS_newfstatat, fd, (long)"", (long)st, AT_EMPTY_PATH, 0, 0);
  if (result >= 0)
    return result;
  errno = -result;
  return -1;
}

EXPORT int fstat(int fd, struct stat *st)
{
  return stat_of(fd, st);
}

EXPORT int fstat64(int fd, struct stat64 *st)
{
  return stat_of(fd, (struct stat *)st);
}

/* What fstat was in programs built with a glibc before 2.33. */
EXPORT int __fxstat(int version, int fd, struct stat *st)
{
  (void)version;
  return stat_of(fd, st);
}

EXPORT int __fxstat64(int version, int fd, struct stat64 *st)
{
  (void)version;
  return stat_of(fd, (struct stat *)st);
}

/* The third argument, if there is one, is an int or a pointer: a long has room for both.  libc's own function does the
 * rest: F_SETLKW is a cancellation point. */
#define FCNTL_HOOK(name)                                                                                               \
  EXPORT int name(int fd, int command, ...)                                                                            \
  {                                                                                                                    \
    va_list args;                                                                                                      \
    long arg;                                                                                                          \
                                                                                                                       \
    va_start(args, command);                                                                                           \
    arg = va_arg(args, long);                                                                                          \
    va_end(args);                                                                                                      \
    hook_thread();                                                                                                     \
    if (unlikely(own_fds_has(fd))) {                                                                                   \
      errno = EBADF;                                                                                                   \
      return -1;                                                                                                       \
    }                                                                                                                  \
    return next_libc.fcntl(fd, command, arg);                                                                          \
  }

FCNTL_HOOK(fcntl)
FCNTL_HOOK(fcntl64)
