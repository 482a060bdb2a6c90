/*
 * Hooks on the calls that tell a program how many threads it has:
 * those that open, list and stat files of /proc.  They change nothing but that the helper is gone when the program
 * sees the result.
 *
 * The kernel is asked first, so that a path that cannot be read is its error and nothing worse.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "entry/hook.h"
#include "entry/hook_fd_list.h"
#include "entry/libc_names.h"
#include "entry/look.h"
#include "entry/next_libc.h"

HOT int opened(int dir, const char *path, int fd)
{
  if (fd >= 0)
    look_at_threads(dir, path, fd);
  return fd;
}

/* The mode is there if the flags say so; it is passed on in any case. */
#define OPEN_HOOK(name)                                                                                                \
  EXPORT int name(const char *path, int flags, ...)                                                                    \
  {                                                                                                                    \
    va_list args;                                                                                                      \
    mode_t mode;                                                                                                       \
                                                                                                                       \
    va_start(args, flags);                                                                                             \
    mode = va_arg(args, mode_t);                                                                                       \
    va_end(args);                                                                                                      \
    hook_thread();                                                                                                     \
    return opened(AT_FDCWD, path, next_libc.name(path, flags, mode));                                                  \
  }
#define OPENAT_HOOK(name)                                                                                              \
  EXPORT int name(int dir, const char *path, int flags, ...)                                                           \
  {                                                                                                                    \
    va_list args;                                                                                                      \
    mode_t mode;                                                                                                       \
                                                                                                                       \
    va_start(args, flags);                                                                                             \
    mode = va_arg(args, mode_t);                                                                                       \
    va_end(args);                                                                                                      \
    hook_thread();                                                                                                     \
    return opened(dir, path, next_libc.name(dir, path, flags, mode));                                                  \
  }

OPEN_HOOK(open)
OPEN_HOOK(open64)
OPENAT_HOOK(openat)
OPENAT_HOOK(openat64)

/* What _FORTIFY_SOURCE makes of calls without a mode. */
#define OPEN_2_HOOK(name)                                                                                              \
  EXPORT int name(const char *path, int flags)                                                                         \
  {                                                                                                                    \
    hook_thread();                                                                                                     \
    return opened(AT_FDCWD, path, next_libc.name(path, flags));                                                        \
  }
#define OPENAT_2_HOOK(name)                                                                                            \
  EXPORT int name(int dir, const char *path, int flags)                                                                \
  {                                                                                                                    \
    hook_thread();                                                                                                     \
    return opened(dir, path, next_libc.name(dir, path, flags));                                                        \
  }

OPEN_2_HOOK(__open_2)
OPEN_2_HOOK(__open64_2)
OPENAT_2_HOOK(__openat_2)
OPENAT_2_HOOK(__openat64_2)

/* These allocate. Where nothing is to be done they jump, so that no frame of this library is in the call stack. */
#if defined(__clang__)
#define JUMPS
#else
#define JUMPS __attribute__((optimize("optimize-sibling-calls")))
#endif

#define FOPEN_HOOK(name)                                                                                               \
  static COLD FILE *look_##name(const char *path, const char *mode)                                                    \
  {                                                                                                                    \
    FILE *file = next_libc.name(path, mode);                                                                           \
                                                                                                                       \
    if (file)                                                                                                          \
      look_at_threads(AT_FDCWD, path, -1);                                                                             \
    return file;                                                                                                       \
  }                                                                                                                    \
                                                                                                                       \
  EXPORT JUMPS FILE *name(const char *path, const char *mode)                                                          \
  {                                                                                                                    \
    hook_thread();                                                                                                     \
    if (unlikely(look_is_possible_unread(path)))                                                                       \
      return look_##name(path, mode);                                                                                  \
    return next_libc.name(path, mode);                                                                                 \
  }

FOPEN_HOOK(fopen)
FOPEN_HOOK(fopen64)

static COLD DIR *look_opendir(const char *path)
{
  DIR *dir = next_libc.opendir(path);

  if (dir)
    look_at_threads(AT_FDCWD, path, dirfd(dir));
  return dir;
}

EXPORT JUMPS DIR *opendir(const char *path)
{
  hook_thread();
  if (unlikely(look_is_possible_unread(path)))
    return look_opendir(path);
  return next_libc.opendir(path);
}

/* Opens and reads at once.  Of the list, entries that are descriptors of the library are taken out. */
#define SCANDIR_HOOK(name, entry, filter_type, order_type)                                                             \
  EXPORT int name(const char *path, struct entry ***list, filter_type filter, order_type order)                        \
  {                                                                                                                    \
    int count, kept = 0, dir;                                                                                          \
                                                                                                                       \
    hook_thread();                                                                                                     \
    look_at_unread(AT_FDCWD, path);                                                                                    \
    count = next_libc.name(path, list, filter, order);                                                                 \
    if (count <= 0 || strncmp(path, "/proc/", 6) != 0 || (dir = sys_open(path, O_PATH | O_CLOEXEC, 0)) < 0)            \
      return count;                                                                                                    \
    for (int i = 0; i < count; i++)                                                                                    \
      if (fd_list_hides(dir, (*list)[i]->d_name))                                                                      \
        free((*list)[i]);                                                                                              \
      else                                                                                                             \
        (*list)[kept++] = (*list)[i];                                                                                  \
    sys_close(dir);                                                                                                    \
    return kept;                                                                                                       \
  }

SCANDIR_HOOK(scandir, dirent, scan_filter, scan_order)
SCANDIR_HOOK(scandir64, dirent64, scan_filter64, scan_order64)

/* A directory's number of links tells how many threads there are: asked again when the helper is gone. */
#define STAT_HOOK(name, dir, parameters, arguments)                                                                    \
  EXPORT int name parameters                                                                                           \
  {                                                                                                                    \
    int result;                                                                                                        \
                                                                                                                       \
    hook_thread();                                                                                                     \
    result = next_libc.name arguments;                                                                                 \
    if (likely(result != 0 || !look_at_threads(dir, path, -1)))                                                        \
      return result;                                                                                                   \
    return next_libc.name arguments;                                                                                   \
  }

STAT_HOOK(stat, AT_FDCWD, (const char *path, struct stat *st), (path, st))
STAT_HOOK(stat64, AT_FDCWD, (const char *path, struct stat64 *st), (path, st))
STAT_HOOK(lstat, AT_FDCWD, (const char *path, struct stat *st), (path, st))
STAT_HOOK(lstat64, AT_FDCWD, (const char *path, struct stat64 *st), (path, st))
STAT_HOOK(fstatat, dir, (int dir, const char *path, struct stat *st, int flags), (dir, path, st, flags))
STAT_HOOK(fstatat64, dir, (int dir, const char *path, struct stat64 *st, int flags), (dir, path, st, flags))
STAT_HOOK(__xstat, AT_FDCWD, (int version, const char *path, struct stat *st), (version, path, st))
STAT_HOOK(__xstat64, AT_FDCWD, (int version, const char *path, struct stat64 *st), (version, path, st))
STAT_HOOK(__lxstat, AT_FDCWD, (int version, const char *path, struct stat *st), (version, path, st))
STAT_HOOK(__lxstat64, AT_FDCWD, (int version, const char *path, struct stat64 *st), (version, path, st))
STAT_HOOK(__fxstatat, dir, (int version, int dir, const char *path, struct stat *st, int flags),
          (version, dir, path, st, flags))
STAT_HOOK(__fxstatat64, dir, (int version, int dir, const char *path, struct stat64 *st, int flags),
          (version, dir, path, st, flags))
STAT_HOOK(statx, dir, (int dir, const char *path, int flags, unsigned mask, struct statx *st),
          (dir, path, flags, mask, st))
