/*
 * The exec family.  All come down to four functions of libc, with an
 * environment that names the parent of the new image's trace.
 *
 * Called also in children of vfork, in the parent's memory: what is recorded
 * there is a SPAWN of the parent's, and nothing of the parent's ends.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/peek.h"
#include "base/sys.h"
#include "entry/env.h"
#include "entry/hook.h"
#include "entry/module_list.h"
#include "entry/next_libc.h"
#include "entry/process.h"
#include "trace/samples.h"
#include "trace/trace.h"

#define LAST_SAMPLE_NS (200 * UINT64_C(1000000))

static void exec_begin(const char *path)
{
  /* Of a bad pointer the kernel says so: it is for this call to fail, not for the program to end. */
  ssize_t readable = path ? peek_string_length(path, VT_TAIL_MAX) : 0;
  size_t length = readable > 0 ? (size_t)readable : 0;
  const uint64_t child = (uint64_t)sys_getpid();
  bool may_wait;

  if (!process_is_traced())
    return;
  if (process_is_borrowed()) {
    event_record(VT_R_SPAWN, 1, &child, path, length);
    return;
  }
  may_wait = hook_may_wait(HOOK_FRAME);
  if (may_wait)
    modules_catch_up();
  event_record(VT_R_EXEC, 0, NULL, path, length);
  if (may_wait)
    samples_take(VT_SAMPLE_EXIT, LAST_SAMPLE_NS);
  trace_end(VT_ENDED_EXEC, 0);
}

/* exec returned: it failed. */
static int exec_failed(int result)
{
  int error = errno;

  if (process_is_traced()) {
    EVENT(EXEC_FAILED, (uint64_t)error);
    if (!process_is_borrowed())
      trace_end_undo();
  }
  errno = error;
  return result;
}

enum exec_kind { EXEC_PATH, EXEC_SEARCH };

static int run(enum exec_kind kind, const char *path, char *const *argv, char *const *env)
{
  struct thread *t = hook_thread();
  struct env_list list;
  int result;

  exec_begin(path);
  env_list_make(t, env, &list);
  result = kind == EXEC_PATH ? next_libc.execve(path, argv, list.env) : next_libc.execvpe(path, argv, list.env);
  env_list_release(t, &list);
  return exec_failed(result);
}

EXPORT int execve(const char *path, char *const *argv, char *const *env)
{
  return run(EXEC_PATH, path, argv, env);
}

EXPORT int execv(const char *path, char *const *argv)
{
  return run(EXEC_PATH, path, argv, environ);
}

EXPORT int execvp(const char *file, char *const *argv)
{
  return run(EXEC_SEARCH, file, argv, environ);
}

EXPORT int execvpe(const char *file, char *const *argv, char *const *env)
{
  return run(EXEC_SEARCH, file, argv, env);
}

EXPORT int fexecve(int fd, char *const *argv, char *const *env)
{
  struct thread *t = hook_thread();
  struct env_list list;
  char path[32];
  int result;

  text_format(path, sizeof path, "/proc/self/fd/%d", fd);
  exec_begin(path);
  env_list_make(t, env, &list);
  result = next_libc.fexecve(fd, argv, list.env);
  env_list_release(t, &list);
  return exec_failed(result);
}

EXPORT int execveat(int fd, const char *path, char *const *argv, char *const *env, int flags)
{
  struct thread *t = hook_thread();
  struct env_list list;
  int result;

  if (!next_libc.execveat) {
    errno = ENOSYS;
    return -1;
  }
  exec_begin(path);
  env_list_make(t, env, &list);
  result = next_libc.execveat(fd, path, argv, list.env, flags);
  env_list_release(t, &list);
  return exec_failed(result);
}

/* ---- arguments in a row ---- */

static size_t count_arguments(va_list args)
{
  size_t n = 1; /* the first is the caller's */

  while (va_arg(args, char *))
    n++;
  return n;
}

/* argv has room for all and NULL; args stands behind the NULL afterwards. */
static void collect(char **argv, const char *first, va_list *args)
{
  size_t n = 0;

  argv[n++] = (char *)(uintptr_t)first;
  while ((argv[n] = va_arg(*args, char *)))
    n++;
}

/* first may be NULL: then there are no arguments. */
static size_t arguments_size(const char *first, va_list args)
{
  va_list copy;
  size_t n;

  if (!first)
    return 1;
  va_copy(copy, args);
  n = count_arguments(copy);
  va_end(copy);
  return n + 1;
}

static int run_list(enum exec_kind kind, const char *path, const char *first, va_list *args, bool has_env)
{
  char *argv[arguments_size(first, *args)];
  char *const *env = environ;

  argv[0] = NULL;
  if (first)
    collect(argv, first, args);
  if (has_env)
    env = va_arg(*args, char *const *);
  return run(kind, path, argv, env);
}

EXPORT int execl(const char *path, const char *arg, ...)
{
  va_list args;
  int result;

  va_start(args, arg);
  result = run_list(EXEC_PATH, path, arg, &args, false);
  va_end(args);
  return result;
}

EXPORT int execlp(const char *file, const char *arg, ...)
{
  va_list args;
  int result;

  va_start(args, arg);
  result = run_list(EXEC_SEARCH, file, arg, &args, false);
  va_end(args);
  return result;
}

EXPORT int execle(const char *path, const char *arg, ...)
{
  va_list args;
  int result;

  va_start(args, arg);
  result = run_list(EXEC_PATH, path, arg, &args, true);
  va_end(args);
  return result;
}
