/*
 * Paths of mapped files.  See mapped_path.h.
 */
#include "frames/mapped_path.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "base/own.h"
#include "base/sys.h"
#include "frames/vmas.h"

#define BUFFER_SIZE 16384u /* more than a line: a path has at most 4,096 bytes */

/* Looks at the lines that are whole in the buffer; what is left of it moves to the front, and its length is returned.
 * *length becomes the path's where it is found. */
static size_t scan_lines(char *buffer, size_t filled, uint64_t addr, char *path, size_t size, size_t *length)
{
  char *line = buffer, *end;

  while ((end = memchr(line, '\n', filled - (size_t)(line - buffer)))) {
    const char *name;
    struct vma vma;

    *end = '\0';
    if (vmas_parse_line(line, &vma, &name) && addr >= vma.start && addr < vma.end && name[0] == '/') {
      *length = strnlen(name, size - 1);
      memcpy(path, name, *length);
      path[*length] = '\0';
      return 0;
    }
    line = end + 1;
  }
  filled -= (size_t)(line - buffer);
  memmove(buffer, line, filled);
  return filled;
}

size_t mapped_path(uint64_t addr, char *path, size_t size)
{
  char *buffer = own_map(BUFFER_SIZE);
  int fd = buffer ? sys_open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0) : -1;
  size_t filled = 0, length = 0;

  while (fd >= 0 && !length && filled < BUFFER_SIZE) {
    long n = sys_call(SYS_read, fd, (long)(buffer + filled), (long)(BUFFER_SIZE - filled), 0, 0, 0);

    if (n <= 0)
      break;
    filled = scan_lines(buffer, filled + (size_t)n, addr, path, size, &length);
  }
  if (fd >= 0)
    sys_close(fd);
  if (buffer)
    own_unmap(buffer, BUFFER_SIZE);
  return length;
}

size_t mapped_executable(char *path, size_t size)
{
  long n;

  /* Without a loader's base the kernel was told to run the loader itself; that then corrects where the program is. */
  if (getauxval(AT_BASE) == 0)
    return mapped_path(getauxval(AT_PHDR), path, size);
  n = sys_call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)path, (long)(size - 1), 0, 0);
  if (n <= 0)
    return 0;
  path[n] = '\0';
  return (size_t)n;
}
