/*
 * Files of modules.  See module_file.h.  Called by module_list.c.
 */
#include "entry/module_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/sys.h"

void module_file_look(const char *path, struct module_file *file)
{
  struct stat st;

  *file = (struct module_file){0};
  if (sys_filtered() || sys_call(SYS_newfstatat, AT_FDCWD, (long)path, (long)&st, 0, 0, 0) < 0)
    return;
  file->size = (uint64_t)st.st_size;
  file->mtime_ns = (uint64_t)st.st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)st.st_mtim.tv_nsec;
  file->device = st.st_dev;
  file->inode = st.st_ino;
}

static const char *last_part(const char *path)
{
  const char *slash = strrchr(path, '/');

  return slash ? slash + 1 : path;
}

size_t module_file_started_as(const struct module_file *executable, const char *path, char *name, size_t size)
{
  const char *started = (const char *)getauxval(AT_EXECFN);
  struct module_file file;
  size_t length;

  /* A script's own name is there for its interpreter's: another file. */
  if (!started || !executable->mtime_ns || !strcmp(last_part(started), last_part(path)))
    return 0;
  module_file_look(started, &file);
  if (!file.mtime_ns || file.device != executable->device || file.inode != executable->inode)
    return 0;
  length = strnlen(last_part(started), size);
  memcpy(name, last_part(started), length);
  return length;
}
