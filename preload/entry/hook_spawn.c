/*
 * posix_spawn: libc makes the child in the parent's memory and executes the
 * program there, without a call that could be seen.  The parent learns both.
 */
#include <spawn.h>
#include <string.h>

#include "entry/env.h"
#include "entry/hook.h"
#include "entry/next_libc.h"

#define ENV_ON_STACK 65536

typedef int (*spawn_fn)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                        char *const *, char *const *);

static int run(spawn_fn next, pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
               const posix_spawnattr_t *attributes, char *const *argv, char *const *env)
{
  size_t count = env_count(env), room = count <= ENV_ON_STACK ? count : 0;
  char *list[room ? room : 1], text[ENV_PARENT_SIZE];
  pid_t child = 0;
  uint64_t field;
  int result;

  if (room)
    env = env_with_parent(env, list, text);
  result = next(&child, path, actions, attributes, argv, env);
  if (result != 0)
    return result;
  if (pid)
    *pid = child;
  field = (uint64_t)child;
  event_record(VT_R_SPAWN, 1, &field, path, strnlen(path, VT_TAIL_MAX));
  return 0;
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const *argv, char *const *env)
{
  hook_thread();
  return run(next_libc.posix_spawn, pid, path, actions, attributes, argv, env);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const *argv, char *const *env)
{
  hook_thread();
  return run(next_libc.posix_spawnp, pid, file, actions, attributes, argv, env);
}
