/*
 * posix_spawn: libc makes the child in the parent's memory and executes the
 * program there, without a call that could be seen.  The parent learns both.
 */
#include <spawn.h>

#include "base/peek.h"
#include "entry/env.h"
#include "entry/hook.h"
#include "entry/next_libc.h"

typedef int (*spawn_fn)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                        char *const *, char *const *);

static int run(spawn_fn next, pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
               const posix_spawnattr_t *attributes, char *const *argv, char *const *env)
{
  struct thread *t = hook_thread();
  struct env_list list;
  pid_t child = 0;
  uint64_t field;
  ssize_t length;
  int result;

  env_list_make(t, env, &list);
  result = next(&child, path, actions, attributes, argv, list.env);
  env_list_release(t, &list);
  if (result != 0)
    return result;
  if (pid)
    *pid = child;
  field = (uint64_t)child;
  length = peek_string_length(path, VT_TAIL_MAX);
  event_record(VT_R_SPAWN, 1, &field, path, length < 0 ? 0 : (size_t)length);
  return 0;
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const *argv, char *const *env)
{
  return run(next_libc.posix_spawn, pid, path, actions, attributes, argv, env);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const *argv, char *const *env)
{
  return run(next_libc.posix_spawnp, pid, file, actions, attributes, argv, env);
}
