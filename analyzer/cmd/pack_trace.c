/*
 * The files around packing: the new one without a name until it is complete,
 * then in the place of the old one.  Called by cmd/pack.c and cmd/run/run.c.
 *
 * The directory may be one that another user writes in, and the caller root.
 * So each name is looked up once, in a directory that is open, and what
 * happens afterwards happens to descriptors; the two files change places in
 * one step, and only then is it looked what the name meant at that moment.
 */
#include "cmd/pack_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/command.h"
#include "pack/pack_file.h"
#include "query/session/progress.h"
#include "reader/file_place.h"
#include "reader/xalloc.h"

#define TRIES 100

/* The new file. */
struct fresh {
  int dir, fd;
  bool named; /* it has a name in dir, to be removed when it is not wanted */
  char name[40];
  struct stat st;
};

static struct fresh *unfinished; /* whose name goes when the program ends for want of memory */

static void step(void *arg, double done)
{
  progress_step(arg, done);
}

/*
 * A file that has it open for writing, or mapped, holds no lease for readers:
 * fcntl(2).  True only when that is certain; not every file system knows leases.
 */
static bool is_being_written(int fd)
{
  if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
  }
  return errno == EAGAIN;
}

static void choose_name(struct fresh *fresh)
{
  uint64_t number = 0;

  if (getrandom(&number, sizeof number, 0) != sizeof number)
    number = (uint64_t)getpid();
  snprintf(fresh->name, sizeof fresh->name, ".vmtrace-%016llx", (unsigned long long)number);
}

/* In dir; without a name where the file system can do that. */
static int fresh_open(struct fresh *fresh, int dir, const char *target)
{
  *fresh = (struct fresh){.dir = dir, .fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  for (int i = 0; fresh->fd < 0 && i < TRIES; i++) {
    choose_name(fresh);
    fresh->fd = openat(dir, fresh->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    fresh->named = fresh->fd >= 0;
    if (!fresh->named && errno != EEXIST)
      break;
  }
  if (fresh->fd < 0 || fstat(fresh->fd, &fresh->st) < 0)
    return command_error(-1, "%s: no new file can be made beside it: %s", target, strerror(errno));
  return 0;
}

/* Removes the name again, if it still means what it is to be removed for: the new file or, after it took its place, the
 * old one. */
static void fresh_unname(struct fresh *fresh, const struct stat *what)
{
  if (fresh->named && file_is_at(fresh->dir, fresh->name, what))
    unlinkat(fresh->dir, fresh->name, 0);
  fresh->named = false;
}

static void fresh_close(struct fresh *fresh)
{
  fresh_unname(fresh, &fresh->st);
  if (fresh->fd >= 0)
    close(fresh->fd);
}

static void remove_unfinished(void)
{
  if (unfinished)
    fresh_unname(unfinished, &unfinished->st);
}

/* Gives the new file that name; -1 with errno. */
static int fresh_link(const struct fresh *fresh, const char *name)
{
  char path[64];

  if (fresh->named)
    return linkat(fresh->dir, fresh->name, fresh->dir, name, 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fresh->fd);
  if (linkat(AT_FDCWD, path, fresh->dir, name, AT_SYMLINK_FOLLOW) == 0)
    return 0;
  return errno == ENOENT ? linkat(fresh->fd, "", fresh->dir, name, AT_EMPTY_PATH) : -1;
}

static int fresh_name(struct fresh *fresh)
{
  for (int i = 0; !fresh->named && i < TRIES; i++) {
    choose_name(fresh);
    if (fresh_link(fresh, fresh->name) == 0)
      fresh->named = true;
    else if (errno != EEXIST)
      return -1;
  }
  return fresh->named ? 0 : -1;
}

static int exchanged(const char *path)
{
  return command_error(-1, "%s: another file has taken its place meanwhile: it is left as it is", path);
}

/*
 * Puts the new file in the trace's place.  Both change places; what the name
 * meant at that moment is then under the other one, and is removed if it is the trace, else put back.
 */
static int replace(struct fresh *fresh, const struct file_place *trace, const char *path)
{
  if (fresh_name(fresh) < 0)
    return command_error(-1, "%s: %s", path, strerror(errno));
  if (!file_is_at(trace->dir, trace->name, &trace->st))
    return exchanged(path);
  if (renameat2(trace->dir, fresh->name, trace->dir, trace->name, RENAME_EXCHANGE) == 0) {
    if (!file_is_at(trace->dir, fresh->name, &trace->st) || !file_is_at(trace->dir, trace->name, &fresh->st)) {
      renameat2(trace->dir, fresh->name, trace->dir, trace->name, RENAME_EXCHANGE);
      return exchanged(path);
    }
    fresh_unname(fresh, &trace->st);
  } else if (errno != EINVAL || renameat(trace->dir, fresh->name, trace->dir, trace->name) < 0) {
    return command_error(-1, "%s: %s", path, strerror(errno)); /* EINVAL: a file system that cannot exchange names */
  }
  fresh->named = false;
  return 0;
}

/* The new file gets owner and permissions of the trace, then its place. */
static int place_over(struct fresh *fresh, const struct file_place *trace, const char *path)
{
  if ((trace->st.st_uid != fresh->st.st_uid || trace->st.st_gid != fresh->st.st_gid) &&
      fchown(fresh->fd, trace->st.st_uid, trace->st.st_gid) < 0 && errno != EPERM)
    return command_error(-1, "%s: %s", path, strerror(errno));
  fchmod(fresh->fd, trace->st.st_mode & 0777);
  if (replace(fresh, trace, path) < 0)
    return -1;
  fsync(trace->dir);
  return 0;
}

static int place_beside(const struct fresh *fresh, const char *name, const struct stat *like, const char *target)
{
  fchmod(fresh->fd, like->st_mode & 0777);
  if (fresh_link(fresh, name) < 0)
    return command_error(-1, "%s: %s", target, strerror(errno));
  fsync(fresh->dir);
  return 0;
}

static int pack_into(struct fresh *fresh, const struct file_place *trace, const char *path, const char *name,
                     const struct pack_wish *wish, struct pack_outcome *outcome)
{
  const char *target = wish->output ? wish->output : path;
  struct progress progress;
  enum pack_file_result result;
  struct stat st;

  progress_begin(&progress, path);
  result = pack_file(trace->fd, path, fresh->fd, target, wish->level, step, &progress);
  progress_end(&progress);
  if (result == PACK_FILE_ALREADY) {
    if (!wish->quietly)
      command_error(0, "%s: is packed already", path);
    return 0;
  }
  if (result != PACK_FILE_DONE || fstat(fresh->fd, &st) < 0)
    return -1;
  if ((wish->output ? place_beside(fresh, name, &trace->st, target) : place_over(fresh, trace, path)) < 0)
    return -1;
  outcome->packed = true;
  outcome->after = (uint64_t)st.st_size;
  return 0;
}

/* With the trace open: makes the new file where it belongs. */
static int pack_open(const struct file_place *trace, const char *path, const struct pack_wish *wish,
                     struct pack_outcome *outcome)
{
  char name[NAME_MAX + 1];
  int dir = wish->output ? file_directory(wish->output, name) : trace->dir, result = -1;
  struct fresh fresh = {.fd = -1};

  if (dir < 0)
    return command_error(-1, "%s: %s", wish->output, strerror(-dir));
  unfinished = &fresh;
  xalloc_on_failure(remove_unfinished);
  if (fresh_open(&fresh, dir, wish->output ? wish->output : path) == 0)
    result = pack_into(&fresh, trace, path, name, wish, outcome);
  unfinished = NULL;
  xalloc_on_failure(NULL);
  fresh_close(&fresh);
  if (wish->output)
    close(dir);
  return result;
}

/* Why a trace is not to be packed: an exit code, EXIT_FINE for nothing to be done; -1: it is. */
static int refuse(const struct file_place *trace, const char *path, const struct pack_wish *wish)
{
  uid_t user = geteuid();

  if (wish->only && (wish->only->st_dev != trace->st.st_dev || wish->only->st_ino != trace->st.st_ino)) {
    exchanged(path);
    return EXIT_UNREADABLE;
  }
  if (!wish->output && user != 0 && trace->st.st_uid != user)
    return command_error(EXIT_UNREADABLE, "%s: belongs to another user: pack a copy, with --output", path);
  if (is_being_written(trace->fd))
    return wish->quietly
               ? EXIT_FINE
               : command_error(EXIT_UNREADABLE, "%s: is still being written: pack it when its program has ended", path);
  return -1;
}

static int say_not_opened(const char *path, int error)
{
  switch (error) {
  case -EINVAL:
  case -EISDIR:
    return command_error(EXIT_UNREADABLE, "%s: not a regular file: name a trace, a file that ends in .vmt", path);
  case -ELOOP:
    return command_error(EXIT_UNREADABLE, "%s: a symbolic link of another user: name the trace itself", path);
  default:
    return command_error(EXIT_UNREADABLE, "%s: cannot be opened: %s", path, strerror(-error));
  }
}

int pack_trace(const char *path, const struct pack_wish *wish, struct pack_outcome *outcome)
{
  struct file_place trace;
  int error = file_place_open(&trace, path), code;

  *outcome = (struct pack_outcome){0};
  if (error) {
    code = say_not_opened(path, error);
  } else {
    outcome->before = (uint64_t)trace.st.st_size;
    code = refuse(&trace, path, wish);
    if (code < 0)
      code = pack_open(&trace, path, wish, outcome) == 0 ? EXIT_FINE : EXIT_UNREADABLE;
  }
  file_place_close(&trace);
  return code;
}
