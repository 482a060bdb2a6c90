/*
 * What is done around the system calls that a program makes by number.  See
 * hook_syscall.h.
 */
#include "entry/hook_syscall.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "entry/hook.h"
#include "entry/hook_fd_list.h"
#include "entry/hook_filter.h"
#include "entry/look.h"
#include "entry/next_libc.h"
#include "entry/process.h"
#include "entry/sampler_life.h"

/* Where the architecture has no such calls, no number is theirs. */
#ifndef SYS_open
#define SYS_open (-1001)
#define SYS_stat (-1002)
#define SYS_lstat (-1003)
#define SYS_vfork (-1004)
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

enum kind {
  KIND_OTHER,
  KIND_CREDENTIALS,
  KIND_ALONE,
  KIND_FILTER,
  KIND_LIST,
  KIND_OPEN,
  KIND_OPENAT,
  KIND_STAT,
  KIND_STATAT
};

static enum kind kind_of(long number)
{
  switch (number) {
  case SYS_setuid:
  case SYS_setgid:
  case SYS_setreuid:
  case SYS_setregid:
  case SYS_setresuid:
  case SYS_setresgid:
  case SYS_setfsuid:
  case SYS_setfsgid:
  case SYS_setgroups:
  case SYS_capset:
    return KIND_CREDENTIALS;
  case SYS_unshare:
  case SYS_setns:
    return KIND_ALONE;
  case SYS_seccomp:
  case SYS_prctl:
    return KIND_FILTER;
  case SYS_getdents64:
    return KIND_LIST;
  case SYS_open:
    return KIND_OPEN;
  case SYS_openat:
  case SYS_openat2:
    return KIND_OPENAT;
  case SYS_stat:
  case SYS_lstat:
    return KIND_STAT;
  case SYS_newfstatat:
  case SYS_statx:
    return KIND_STATAT;
  default:
    return KIND_OTHER;
  }
}

/* The call, between what its kind asks for. */
static long call_watched(long number, const long arg[6])
{
  const enum kind kind = kind_of(number);
  bool at = kind == KIND_OPENAT || kind == KIND_STATAT, is_stat = kind == KIND_STAT || kind == KIND_STATAT;
  bool paused =
      kind == KIND_CREDENTIALS ? sampler_life_suspend_privileged() : kind == KIND_ALONE && sampler_life_suspend();
  long result = next_libc.syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);

  sampler_life_resume(paused);
  while (kind == KIND_LIST && result > 0 && (result = fd_list_filter((int)arg[0], (void *)arg[1], result)) == 0)
    result = next_libc.syscall(number, arg[0], arg[1], arg[2]);
  if (kind < KIND_OPEN || result < 0)
    return result;
  if (look_at_threads(at ? (int)arg[0] : AT_FDCWD, (const char *)arg[at], is_stat ? -1 : (int)result) && is_stat)
    return next_libc.syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
  return result;
}

static long syscall_watched(long number, ...)
{
  va_list args;
  long arg[6];

  va_start(args, number);
  for (int i = 0; i < 6; i++)
    arg[i] = va_arg(args, long);
  va_end(args);
  return filter_is_installed_by(number, arg) ? filter_call(number, arg) : call_watched(number, arg);
}

syscall_fn syscall_target(long number)
{
  hook_thread();
  if (number == SYS_clone || number == SYS_clone3 || number == SYS_vfork)
    process_lend();
  return kind_of(number) == KIND_OTHER ? next_libc.syscall : syscall_watched;
}

vfork_fn vfork_target(void)
{
  hook_thread();
  process_lend();
  return next_libc.vfork;
}

clone_fn clone_target(void)
{
  hook_thread();
  process_lend();
  return next_libc.clone;
}
