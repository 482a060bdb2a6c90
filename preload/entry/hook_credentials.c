/*
 * Hooks on the calls that give up privileges of a process.  The helper has
 * those of the thread that made it, and files that it opened with them.  It ends before the call, and another one,
 * which can open what the program still can, comes after it.  So there is no moment at which the program could get
 * from the helper what it gave up.
 */
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/types.h>
#include <unistd.h>

#include "entry/hook.h"
#include "entry/libc_names.h"
#include "entry/next_libc.h"
#include "entry/sampler_life.h"

#define CREDENTIALS_HOOK(name, parameters, arguments)                                                                  \
  EXPORT int name parameters                                                                                           \
  {                                                                                                                    \
    bool paused;                                                                                                       \
    int result;                                                                                                        \
                                                                                                                       \
    hook_thread();                                                                                                     \
    paused = sampler_life_suspend_privileged();                                                                        \
    result = next_libc.name arguments;                                                                                 \
    sampler_life_resume(paused);                                                                                       \
    return result;                                                                                                     \
  }

CREDENTIALS_HOOK(setuid, (uid_t user), (user))
CREDENTIALS_HOOK(setgid, (gid_t group), (group))
CREDENTIALS_HOOK(seteuid, (uid_t user), (user))
CREDENTIALS_HOOK(setegid, (gid_t group), (group))
CREDENTIALS_HOOK(setreuid, (uid_t real, uid_t effective), (real, effective))
CREDENTIALS_HOOK(setregid, (gid_t real, gid_t effective), (real, effective))
CREDENTIALS_HOOK(setresuid, (uid_t real, uid_t effective, uid_t saved), (real, effective, saved))
CREDENTIALS_HOOK(setresgid, (gid_t real, gid_t effective, gid_t saved), (real, effective, saved))
CREDENTIALS_HOOK(setgroups, (size_t count, const gid_t *groups), (count, groups))
CREDENTIALS_HOOK(initgroups, (const char *user, gid_t group), (user, group))
CREDENTIALS_HOOK(setfsuid, (uid_t user), (user))
CREDENTIALS_HOOK(setfsgid, (gid_t group), (group))
CREDENTIALS_HOOK(capset, (void *header, void *data), (header, data))
