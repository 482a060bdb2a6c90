/*
 * The helper's credentials, see privileges.h.  Called by sampler.c.
 */
#include "frames/privileges.h"

#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/sys.h"

#define STATUS_SIZE 4096
#define GROUPS_MAX 64 /* of more, the first ones are compared */

struct identity {
  uint32_t uid[3], gid[3]; /* real, effective, saved */
  uint32_t groups[GROUPS_MAX];
  unsigned group_count;
  uint64_t permitted; /* capabilities */
};

static struct {
  struct identity program; /* when the helper was made */
  bool any;                /* it had capabilities */
} state;

static uint64_t permitted_capabilities(void)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};

  if (sys_call(SYS_capget, (long)&header, (long)data, 0, 0, 0, 0) < 0)
    return 0;
  return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static void drop_effective(uint64_t permitted)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0, (uint32_t)permitted, 0},
                                                                  {0, (uint32_t)(permitted >> 32), 0}};

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

static uint64_t parse_set(const char *text, const char *key)
{
  const char *p = strstr(text, key);
  uint64_t set = 0;

  for (p = p ? p + strlen(key) : ""; *p == '\t' || *p == ' '; p++)
    ;
  for (; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++)
    set = set << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
  return set;
}

/* The first thread's identity. */
static bool read_identity(struct identity *identity)
{
  char text[STATUS_SIZE];

  memset(identity, 0, sizeof *identity);
  if (sys_read_file("/proc/self/status", text, sizeof text) <= 0)
    return false;
  if (parse_numbers(text, "\nUid:", identity->uid, 3) < 3 || parse_numbers(text, "\nGid:", identity->gid, 3) < 3)
    return false;
  identity->group_count = parse_numbers(text, "\nGroups:", identity->groups, GROUPS_MAX);
  identity->permitted = parse_set(text, "\nCapPrm:");
  return true;
}

/* This thread's, which was the program's a moment ago: cheaper than the file, which most processes never get to read.
 */
static void own_identity(struct identity *identity, uint64_t permitted)
{
  uint32_t *uid = identity->uid, *gid = identity->gid;
  long groups;

  memset(identity, 0, sizeof *identity);
  groups = sys_call(SYS_getgroups, GROUPS_MAX, (long)identity->groups, 0, 0, 0, 0);
  if (groups < 0) {
    read_identity(identity);
    return;
  }
  identity->permitted = permitted;
  identity->group_count = (unsigned)groups;
  sys_call(SYS_getresuid, (long)&uid[0], (long)&uid[1], (long)&uid[2], 0, 0, 0);
  sys_call(SYS_getresgid, (long)&gid[0], (long)&gid[1], (long)&gid[2], 0, 0, 0);
}

void privileges_reduce(void)
{
  uint64_t permitted = permitted_capabilities();

  __atomic_store_n(&state.any, permitted != 0, __ATOMIC_RELAXED);
  if (!permitted)
    return;
  own_identity(&state.program, permitted);
  drop_effective(permitted);
}

bool privileges_changed(void)
{
  struct identity now;

  return state.any && read_identity(&now) && memcmp(&now, &state.program, sizeof now) != 0;
}

bool privileges_to_lose(void)
{
  return __atomic_load_n(&state.any, __ATOMIC_RELAXED);
}
