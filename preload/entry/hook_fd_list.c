/*
 * Hooks on the calls by which a program lists its descriptors: /proc/self/fd
 * and fdinfo do not show those of the library, as fstat and fcntl say that they are not open (hook_fd_state.c).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "base/sys.h"
#include "entry/hook.h"
#include "entry/hook_fd_list.h"
#include "entry/libc_names.h"
#include "entry/next_libc.h"
#include "entry/own_fds.h"

/* The number that a name is; -1: none. */
static int parse_fd(const char *name)
{
  int fd = 0;

  for (; *name >= '0' && *name <= '9' && fd < 100000000; name++)
    fd = fd * 10 + (*name - '0');
  return *name ? -1 : fd;
}

/* Whether a directory lists descriptors of this process: /proc/ID/fd, /proc/ID/fdinfo, or a thread's. */
static bool lists_descriptors(int dir)
{
  char name[64], link[128];
  const char *last;
  long n;

  text_format(name, sizeof name, "/proc/self/fd/%d", dir);
  n = sys_call(SYS_readlinkat, AT_FDCWD, (long)name, (long)link, sizeof link - 1, 0, 0);
  if (n <= 0)
    return false;
  link[n] = '\0';
  last = strrchr(link, '/');
  if (!last || (strcmp(last, "/fd") != 0 && strcmp(last, "/fdinfo") != 0))
    return false;
  text_format(name, sizeof name, "/proc/%d/", sys_getpid());
  return strncmp(link, name, strlen(name)) == 0;
}

bool fd_list_hides(int dir, const char *name)
{
  int fd = *name == '.' ? -1 : parse_fd(name), error = errno;
  bool hides = fd >= 0 && own_fds_has(fd) && lists_descriptors(dir);

  errno = error;
  return hides;
}

#define READDIR_HOOK(name, entry)                                                                                      \
  EXPORT struct entry *name(DIR *dir)                                                                                  \
  {                                                                                                                    \
    struct entry *e;                                                                                                   \
                                                                                                                       \
    hook_thread();                                                                                                     \
    do                                                                                                                 \
      e = next_libc.name(dir);                                                                                         \
    while (e && unlikely(fd_list_hides(dirfd(dir), e->d_name)));                                                       \
    return e;                                                                                                          \
  }

READDIR_HOOK(readdir, dirent)
READDIR_HOOK(readdir64, dirent64)

#define READDIR_R_HOOK(name, entry)                                                                                    \
  EXPORT int name(DIR *dir, struct entry *e, struct entry **result)                                                    \
  {                                                                                                                    \
    int error;                                                                                                         \
                                                                                                                       \
    hook_thread();                                                                                                     \
    do                                                                                                                 \
      error = next_libc.name(dir, e, result);                                                                          \
    while (error == 0 && *result && unlikely(fd_list_hides(dirfd(dir), e->d_name)));                                   \
    return error;                                                                                                      \
  }

READDIR_R_HOOK(readdir_r, dirent)
READDIR_R_HOOK(readdir64_r, dirent64)

/* As the kernel writes it; libc's struct dirent64 is the same. */
ssize_t fd_list_filter(int dir, void *entries, ssize_t size)
{
  char *p = entries;
  ssize_t at = 0;

  while (at < size) {
    struct dirent64 *e = (struct dirent64 *)(p + at);
    unsigned short length = e->d_reclen;

    if (fd_list_hides(dir, e->d_name)) {
      memmove(p + at, p + at + length, (size_t)(size - at - length));
      size -= length;
    } else {
      at += length;
    }
  }
  return size;
}

EXPORT ssize_t getdents64(int dir, void *entries, size_t size)
{
  ssize_t n;

  hook_thread();
  do
    n = next_libc.getdents64(dir, entries, size);
  while (n > 0 && (n = fd_list_filter(dir, entries, n)) == 0);
  return n;
}
