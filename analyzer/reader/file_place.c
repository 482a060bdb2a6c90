/*
 * Files by descriptor.  See file_place.h.  Called by trace_file.c and by what
 * writes into directories: cmd/pack_trace.c, cmd/run/run_traces.c.
 */
#include "reader/file_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MOST 8

/* O_PATH names a file without opening it, so that what it is can be asked first; then it is opened by that descriptor.
 * Without /proc by its name again, and compared. */
static int reopen(int named, int dir, const char *name, int flags, struct stat *st)
{
  struct stat now;
  char link[64];
  int fd;

  if (fstat(named, st) < 0)
    return -errno;
  if (S_ISLNK(st->st_mode))
    return -ELOOP;
  if (!S_ISREG(st->st_mode))
    return -EINVAL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", named);
  fd = open(link, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 && errno == ENOENT)
    fd = openat(dir, name, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
  if (fd < 0)
    return -errno;
  if (fstat(fd, &now) == 0 && now.st_dev == st->st_dev && now.st_ino == st->st_ino)
    return fd;
  close(fd);
  return -ESTALE;
}

int file_open_at(int dir, const char *name, int flags, struct stat *st)
{
  int named = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd;

  if (named < 0)
    return -errno;
  fd = reopen(named, dir, name, flags, st);
  close(named);
  return fd;
}

int file_open_path(const char *path, struct stat *st)
{
  int named = open(path, O_PATH | O_CLOEXEC), fd;

  if (named < 0)
    return -errno;
  fd = reopen(named, AT_FDCWD, path, O_RDONLY, st);
  close(named);
  return fd;
}

int file_directory(const char *path, char name[NAME_MAX + 1])
{
  const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
  char dir[PATH_MAX] = ".";
  int fd;

  if (!*last)
    return -EISDIR;
  if (strlen(last) > NAME_MAX || (slash && slash - path >= PATH_MAX - 1))
    return -ENAMETOOLONG;
  strcpy(name, last);
  if (slash)
    snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
  fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno == EACCES)
    fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/* Where the caller's own link leads, as a path; -ELOOP for another user's. */
static int link_target(const struct file_place *place, char target[PATH_MAX])
{
  int link = openat(place->dir, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC), start = 0;
  struct stat st;
  ssize_t n = -1;

  if (link < 0)
    return -errno;
  if (fstat(link, &st) == 0 && S_ISLNK(st.st_mode) && st.st_uid == geteuid()) {
    start = snprintf(target, PATH_MAX, "/proc/self/fd/%d/", place->dir);
    n = readlinkat(link, "", target + start, (size_t)(PATH_MAX - start));
  }
  close(link);
  if (n <= 0 || n == PATH_MAX - start)
    return -ELOOP;
  target[start + n] = '\0';
  if (target[start] == '/')
    memmove(target, target + start, (size_t)n + 1);
  return 0;
}

static int open_once(struct file_place *place, const char *path)
{
  *place = (struct file_place){.dir = -1, .fd = -1};
  place->dir = file_directory(path, place->name);
  if (place->dir < 0)
    return place->dir;
  place->fd = file_open_at(place->dir, place->name, O_RDONLY, &place->st);
  return place->fd < 0 ? place->fd : 0;
}

int file_place_open(struct file_place *place, const char *path)
{
  int error = open_once(place, path);

  for (int links = 0; error == -ELOOP && links < LINKS_MOST; links++) {
    char target[PATH_MAX];
    struct file_place next;

    error = link_target(place, target);
    if (error)
      return error;
    error = open_once(&next, target);
    file_place_close(place);
    *place = next;
  }
  return error;
}

void file_place_close(struct file_place *place)
{
  if (place->fd >= 0)
    close(place->fd);
  if (place->dir >= 0)
    close(place->dir);
  place->fd = place->dir = -1;
}

bool file_is_at(int dir, const char *name, const struct stat *st)
{
  struct stat now;

  return fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_dev == st->st_dev && now.st_ino == st->st_ino;
}
