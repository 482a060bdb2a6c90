/*
 * Descriptors out of the program's way.  See high_fd.h; called by trace/ and
 * entry/ when they open something that stays open.
 *
 * RLIMIT_NOFILE is looked at when a number is given out, not when it is used:
 * one above the limit stays valid when the limit is back.
 */
#include "base/high_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/sys.h"

#define HIDE_LIMIT 65536u /* the kernel's table, copied at each fork, is as long as the highest number */
#define HIDE_ROOM 64u     /* numbers above the limit that are tried */
#define HIGH 1000u        /* below FD_SETSIZE, above what most programs open */
#define HIGH_ROOM 24u     /* left free above ours when the limit is lower */

static long move(int fd, uint64_t from)
{
  return sys_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, (long)from, 0, 0, 0);
}

/* Above the limit, which is widened for the moment: to that a process has the right up to its hard limit. */
static long move_above(int fd, const struct rlimit *limit)
{
  struct rlimit wide = {limit->rlim_cur + HIDE_ROOM, limit->rlim_max};
  long moved;

  if (limit->rlim_cur > HIDE_LIMIT)
    return -EINVAL;
  if (wide.rlim_max < wide.rlim_cur)
    wide.rlim_max = wide.rlim_cur;
  if (sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)&wide, 0, 0, 0) < 0)
    return -EPERM;
  moved = move(fd, limit->rlim_cur);
  sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)limit, 0, 0, 0);
  return moved;
}

/* A program may count on the lowest free numbers: better none than one of those. */
static long move_below(int fd, uint64_t limit)
{
  uint64_t high = limit > HIGH + HIGH_ROOM          ? HIGH
                  : limit > 3 * (uint64_t)HIGH_ROOM ? limit - HIGH_ROOM
                                                    : limit - limit / 4;
  long moved = move(fd, high);

  return moved < 0 ? move(fd, limit / 2 > 3 ? limit / 2 : 3) : moved;
}

int high_fd(int fd)
{
  struct rlimit limit = {HIGH, HIGH};
  long moved;

  sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0);
  moved = move_above(fd, &limit);
  if (moved < 0)
    moved = move_below(fd, limit.rlim_cur);
  sys_close(fd);
  return (int)moved;
}
