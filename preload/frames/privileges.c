/*
 * The helper's credentials, see privileges.h.  They are this thread's alone:
 * bare system calls, which change no other thread.  Called by helper.c and sampler.c, in the helper only.
 */
#include "frames/privileges.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/sys.h"

#define FOLLOWING (UINT32_C(1) << CAP_SETUID | UINT32_C(1) << CAP_SETGID)
#define STATUS_SIZE 4096
#define GROUPS_MAX 64 /* more are cut: fewer groups are fewer rights */

struct identity {
  uint32_t uid[3], gid[3]; /* real, effective, saved */
  uint32_t groups[GROUPS_MAX];
  unsigned group_count;
};

static struct {
  bool following;
  struct identity program; /* as last seen */
} state;

static uint32_t permitted_capabilities(void)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};

  if (sys_call(SYS_capget, (long)&header, (long)data, 0, 0, 0, 0) < 0)
    return 0;
  return data[0].effective & data[0].permitted;
}

static void set_capabilities(uint32_t low)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{low, low, 0}, {0, 0, 0}};

  sys_call(SYS_capset, (long)&header, (long)data, 0, 0, 0, 0);
}

static unsigned parse_numbers(const char *text, const char *key, uint32_t *number, unsigned max)
{
  const char *p = strstr(text, key);
  unsigned n = 0;

  if (!p)
    return 0;
  p += strlen(key);
  while (n < max && *p && *p != '\n') {
    if (*p < '0' || *p > '9') {
      p++;
      continue;
    }
    for (number[n] = 0; *p >= '0' && *p <= '9'; p++)
      number[n] = number[n] * 10 + (uint32_t)(*p - '0');
    n++;
  }
  return n;
}

/* The first thread's identity.  Its line of groups is read up to the end of the text at most. */
static bool read_identity(struct identity *identity)
{
  char text[STATUS_SIZE];

  memset(identity, 0, sizeof *identity);
  if (sys_read_file("/proc/self/status", text, sizeof text) <= 0)
    return false;
  if (parse_numbers(text, "\nUid:", identity->uid, 3) < 3 || parse_numbers(text, "\nGid:", identity->gid, 3) < 3)
    return false;
  identity->group_count = parse_numbers(text, "\nGroups:", identity->groups, GROUPS_MAX);
  return true;
}

/* This thread's, which was the program's a moment ago: cheaper than the file, which most processes never get to read.
 */
static bool own_identity(struct identity *identity)
{
  uint32_t *uid = identity->uid, *gid = identity->gid;
  long groups;

  memset(identity, 0, sizeof *identity);
  groups = sys_call(SYS_getgroups, GROUPS_MAX, (long)identity->groups, 0, 0, 0, 0);
  if (groups < 0)
    return read_identity(identity);
  identity->group_count = (unsigned)groups;
  return sys_call(SYS_getresuid, (long)&uid[0], (long)&uid[1], (long)&uid[2], 0, 0, 0) == 0 &&
         sys_call(SYS_getresgid, (long)&gid[0], (long)&gid[1], (long)&gid[2], 0, 0, 0) == 0;
}

void privileges_reduce(void)
{
  uint32_t kept = permitted_capabilities() & FOLLOWING;

  state.following = kept && own_identity(&state.program);
  set_capabilities(state.following ? kept : 0);
}

void privileges_follow(void)
{
  struct identity now;
  long dumpable;

  if (!state.following || !read_identity(&now) || memcmp(&now, &state.program, sizeof now) == 0)
    return;
  state.program = now;
  /* The kernel takes a change of user for a reason to forbid core dumps of the whole process. */
  dumpable = sys_call(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0, 0);
  sys_call(SYS_setgroups, now.group_count, (long)now.groups, 0, 0, 0, 0);
  sys_call(SYS_setresgid, now.gid[0], now.gid[1], now.gid[2], 0, 0, 0);
  sys_call(SYS_setresuid, now.uid[0], now.uid[1], now.uid[2], 0, 0, 0);
  /* Still able to go on to an identity that it now has in part; for any other it lacks the right from here on. */
  set_capabilities(0);
  if (dumpable == 1)
    sys_call(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0, 0);
}
