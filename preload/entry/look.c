/*
 * See look.h.  Called by hook_look.c and hook_syscall.c.  Paths are told by
 * their text: /proc/self, /proc/thread-self or /proc/ID of a thread of this process, then task, stat or
 * status; relative ones count where the directory is one of /proc.
 */
#include "entry/look.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/peek.h"
#include "base/sys.h"
#include "entry/sampler_life.h"

#define LIST_NS UINT64_C(500000000) /* who waits for other threads to end asks again in less */
#define STATE_NS UINT64_C(20000000) /* programs read their memory use in these files ten times a second */

enum look { LOOK_NONE, LOOK_STATE, LOOK_LIST };

struct component {
  const char *text;
  size_t length;
};

/* The next component of *path that is not empty and not ".". */
static struct component component_next(const char **path)
{
  struct component c = {*path, 0};

  do {
    for (c.text = *path; *c.text == '/'; c.text++)
      ;
    c.length = strcspn(c.text, "/");
    *path = c.text + c.length;
  } while (c.length == 1 && *c.text == '.');
  return c;
}

static bool component_is(struct component c, const char *text)
{
  return strlen(text) == c.length && memcmp(text, c.text, c.length) == 0;
}

static bool component_is_own_process(struct component c)
{
  long id = 0;

  if (component_is(c, "self") || component_is(c, "thread-self"))
    return true;
  for (size_t i = 0; i < c.length; i++) {
    if (c.text[i] < '0' || c.text[i] > '9' || i > 9)
      return false;
    id = id * 10 + (c.text[i] - '0');
  }
  return id && sys_call(SYS_tgkill, sys_getpid(), id, 0, 0, 0, 0) == 0;
}

/* What is below the directory of the process; relative: perhaps also above. */
static enum look look_below(const char *path)
{
  struct component c = component_next(&path), before = {"", 0};

  while (c.length) {
    before = c;
    c = component_next(&path);
  }
  if (component_is(before, "task"))
    return LOOK_LIST;
  return component_is(before, "stat") || component_is(before, "status") ? LOOK_STATE : LOOK_NONE;
}

static bool is_in_proc(int dir)
{
  struct statfs fs;
  long error = dir == AT_FDCWD ? sys_call(SYS_statfs, (long)".", (long)&fs, 0, 0, 0, 0)
                               : sys_call(SYS_fstatfs, dir, (long)&fs, 0, 0, 0, 0);

  return error == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

static enum look look_of(int dir, const char *path)
{
  enum look look;

  if (*path == '/') {
    if (!component_is(component_next(&path), "proc") || !component_is_own_process(component_next(&path)))
      return LOOK_NONE;
    return look_below(path);
  }
  look = look_below(path);
  return look != LOOK_NONE && is_in_proc(dir) ? look : LOOK_NONE;
}

bool look_at_threads_slow(int dir, const char *path, int fd)
{
  enum look look = look_of(dir, path);

  if (look == LOOK_NONE)
    return false;
  if (look == LOOK_LIST)
    sampler_life_away(LIST_NS, fd);
  else
    sampler_life_away_until_closed(STATE_NS, fd);
  return true;
}

bool look_is_possible_unread(const char *path)
{
  return peek_string_length(path, PATH_MAX) >= 0 && look_is_possible(path);
}

bool look_at_unread(int dir, const char *path)
{
  return peek_string_length(path, PATH_MAX) >= 0 && look_at_threads(dir, path, -1);
}
