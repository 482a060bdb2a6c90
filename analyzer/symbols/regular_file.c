/*
 * Regular files and nothing else.  See regular_file.h.
 *
 * O_PATH names a file without opening it: what it is can be asked before a
 * device's driver, or a FIFO, learns anything.  It is then opened by that
 * descriptor, so that nothing can be exchanged in between.
 */
#include "symbols/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int root_fd = -1;

bool regular_file_root(const char *directory)
{
  int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return false;
  if (root_fd >= 0)
    close(root_fd);
  root_fd = fd;
  return true;
}

/* A descriptor that only names the file. */
static int name_file(const char *path)
{
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

  if (root_fd < 0)
    return open(path, O_PATH | O_CLOEXEC);
  return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

int regular_file_open(const char *path, struct stat *st)
{
  char link[64];
  int named, fd = -1;

  /* The working directory is the reader's, and not what the trace meant. */
  if (path[0] != '/' || strlen(path) >= PATH_MAX) {
    errno = ENOENT;
    return -1;
  }
  named = name_file(path);
  if (named < 0)
    return -1;
  /* Files of /proc, of which reading some takes the kernel's messages away or waits for them, are empty. */
  if (fstat(named, st) < 0 || !S_ISREG(st->st_mode) || st->st_size == 0) {
    close(named);
    errno = S_ISREG(st->st_mode) ? ENODATA : EINVAL;
    return -1;
  }
  snprintf(link, sizeof link, "/proc/self/fd/%d", named);
  fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  close(named);
  return fd;
}
