/*
 * See successor.h.  Called by report/info_*.c and cmd/run/run_traces.c.
 */
#include "query/successor.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool successor_is(const struct vt_file_header *h, const struct vt_file_header *next)
{
  return next->pid == h->pid && next->origin != VT_ORIGIN_FORK &&
         !memcmp(next->parent_id, h->trace_id, sizeof h->trace_id) && next->start_ns >= h->start_ns;
}

/* The library's names hold the pid, or differ from each other by a number only. */
static bool may_be(const char *name, const char *own, int pid)
{
  size_t stem = strcspn(own, ".");
  char number[16];

  snprintf(number, sizeof number, "%d", pid);
  return strstr(name, number) != NULL || (stem && !strncmp(name, own, stem));
}

static bool holds_successor(int directory, const char *name, const struct vt_file_header *h)
{
  int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
  struct vt_file_header next;
  struct stat st;
  bool found;

  if (fd < 0)
    return false;
  found = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && pread(fd, &next, sizeof next, 0) == (ssize_t)sizeof next &&
          !memcmp(next.magic, VT_MAGIC, sizeof next.magic) && next.version == VT_VERSION && successor_is(h, &next);
  close(fd);
  return found;
}

bool successor_find(const char *path, const struct vt_file_header *h, char *next, size_t size)
{
  const char *slash = strrchr(path, '/'), *own = slash ? slash + 1 : path;
  int prefix = (int)(own - path);
  const struct dirent *entry;
  bool found = false;
  DIR *directory;

  if (snprintf(next, size, "%.*s", prefix, path) >= (int)size)
    return false;
  directory = opendir(prefix ? next : ".");
  if (!directory)
    return false;
  while (!found && (entry = readdir(directory))) {
    if (may_be(entry->d_name, own, h->pid) && holds_successor(dirfd(directory), entry->d_name, h))
      found = snprintf(next, size, "%.*s%s", prefix, path, entry->d_name) < (int)size;
  }
  closedir(directory);
  return found;
}
