/*
 * The files around packing: the new one without a name until it is complete,
 * then in the place of the old one.  Called by cmd/pack.c and cmd/run.c.
 */
#include "cmd/pack_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/command.h"
#include "reader/repack.h"
#include "reader/xalloc.h"
#include "report/progress.h"

/* The new file.  path names it in every state: while it has no other name, by its descriptor. */
struct fresh {
  int fd;
  bool named; /* it has a name of its own, which is to be removed when it is not wanted */
  char path[PATH_MAX];
};

static void step(void *arg, double done)
{
  progress_step(arg, done);
}

/*
 * A file that has it open for writing, or mapped, holds no lease for readers:
 * fcntl(2).  True only when that is certain; not every file system knows leases.
 */
static bool is_being_written(const char *path)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  bool busy = false;

  if (fd < 0)
    return false;
  if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
    fcntl(fd, F_SETLEASE, F_UNLCK);
  else
    busy = errno == EAGAIN;
  close(fd);
  return busy;
}

/* In the directory of target, with the permissions of like; without a name where the file system can do that. */
static int fresh_open(struct fresh *fresh, const char *target, const struct stat *like)
{
  char dir[PATH_MAX];

  fresh->named = false;
  if (snprintf(dir, sizeof dir, "%s", target) >= (int)sizeof dir - 8)
    return command_error(-1, "%s: the path is too long", target);
  fresh->fd = open(dirname(dir), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fresh->fd >= 0) {
    snprintf(fresh->path, sizeof fresh->path, "/proc/self/fd/%d", fresh->fd);
  } else {
    snprintf(fresh->path, sizeof fresh->path, "%s.XXXXXX", target);
    fresh->fd = mkostemp(fresh->path, O_CLOEXEC);
    fresh->named = true;
  }
  if (fresh->fd < 0)
    return command_error(-1, "%s: no new file can be made beside it: %s", target, strerror(errno));
  /* Another owner's trace stays readable for him where we may see to it. */
  if (fchown(fresh->fd, like->st_uid, like->st_gid) < 0 && errno != EPERM)
    return command_error(-1, "%s: %s", target, strerror(errno));
  fchmod(fresh->fd, like->st_mode & 07777);
  return 0;
}

static void fresh_close(struct fresh *fresh)
{
  if (fresh->fd >= 0)
    close(fresh->fd);
  if (fresh->named)
    unlink(fresh->path);
}

/* Gives a file without a name one beside target. */
static int fresh_name(struct fresh *fresh, const char *target)
{
  char path[PATH_MAX + 32];

  for (unsigned i = 0; i < 100; i++) {
    snprintf(path, sizeof path, "%s.%d.%u", target, (int)getpid(), i);
    if (linkat(AT_FDCWD, fresh->path, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0) {
      memcpy(fresh->path, path, sizeof fresh->path);
      fresh->named = true;
      return 0;
    }
    if (errno != EEXIST)
      break;
  }
  return -1;
}

static void sync_directory(const char *target)
{
  char dir[PATH_MAX];
  int fd;

  snprintf(dir, sizeof dir, "%s", target);
  fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
}

/* The new file becomes target; an existing one is replaced only when it is the trace itself. */
static int fresh_place(struct fresh *fresh, const char *target, bool replace)
{
  int result;

  if (!fresh->named && fresh_name(fresh, target) < 0)
    return command_error(-1, "%s: %s", target, strerror(errno));
  result = replace ? rename(fresh->path, target) : renameat2(AT_FDCWD, fresh->path, AT_FDCWD, target, RENAME_NOREPLACE);
  if (result < 0 && !replace && errno == EINVAL)
    result = link(fresh->path, target); /* a file system without RENAME_NOREPLACE; fresh_close removes the other name */
  else if (result == 0)
    fresh->named = false;
  if (result < 0)
    return command_error(-1, "%s: %s", target, strerror(errno));
  sync_directory(target);
  return 0;
}

static int pack_into(struct fresh *fresh, const char *path, const char *target, const struct pack_wish *wish,
                     struct pack_outcome *outcome)
{
  struct progress progress;
  enum repack_result result;
  struct stat st;

  progress_begin(&progress, path);
  result = repack_file(path, fresh->fd, target, wish->level, step, &progress);
  progress_end(&progress);
  if (result == REPACK_ALREADY) {
    if (!wish->quietly)
      command_error(0, "%s: is packed already", path);
    return 0;
  }
  if (result != REPACK_DONE)
    return -1;
  if (fstat(fresh->fd, &st) < 0 || fresh_place(fresh, target, !wish->output) < 0)
    return -1;
  outcome->packed = true;
  outcome->after = (uint64_t)st.st_size;
  return 0;
}

int pack_trace(const char *path, const struct pack_wish *wish, struct pack_outcome *outcome)
{
  char *target = wish->output ? xstrdup(wish->output) : realpath(path, NULL);
  struct fresh fresh = {.fd = -1};
  struct stat st;
  int code = EXIT_UNREADABLE;

  *outcome = (struct pack_outcome){0};
  if (!target || stat(path, &st) < 0) {
    command_error(0, "%s: cannot be opened: %s", path, strerror(errno));
  } else if (!S_ISREG(st.st_mode)) {
    command_error(0, "%s: not a regular file: name a trace, a file that ends in .vmt", path);
  } else if (is_being_written(path)) {
    code = wish->quietly ? EXIT_FINE
                         : command_error(code, "%s: is still being written: pack it when its program has ended", path);
  } else {
    outcome->before = (uint64_t)st.st_size;
    if (fresh_open(&fresh, target, &st) == 0 && pack_into(&fresh, path, target, wish, outcome) == 0)
      code = EXIT_FINE;
    fresh_close(&fresh);
  }
  free(target);
  return code;
}
