/*
 * The library's descriptors.  See own_fds.h; called by the hooks of hook_fd.c
 * and hook_fd_state.c.
 *
 * libunwind tells by a pipe whether memory can be read; it reads and writes it
 * by numbers that it keeps.  They are made high ones and kept open: were they
 * the program's next descriptors, a byte of ours could end in a file of the
 * program's.
 */
#include "entry/own_fds.h"

#include <sys/stat.h>

#include "base/high_fd.h"
#include "base/sys.h"

int own_fds_pipe[2] = {-1, -1};
static ino_t pipe_inode;

bool own_fds_keep_pipe(int fds[2])
{
  struct stat st;
  int high[2] = {high_fd(fds[0]), high_fd(fds[1])};

  /* One end alone would be a SIGPIPE. */
  if (high[0] < 0 || high[1] < 0 || sys_fstat(high[0], &st) != 0) {
    for (int i = 0; i < 2; i++)
      if (high[i] >= 0)
        sys_close(high[i]);
    return false;
  }
  pipe_inode = st.st_ino;
  for (int i = 0; i < 2; i++)
    own_fds_pipe[i] = fds[i] = high[i];
  return true;
}

bool own_fds_is_pipe_slow(int fd)
{
  struct stat st;

  return fd >= 0 && sys_fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_ino == pipe_inode;
}

int own_fds_lowest(unsigned first, unsigned last)
{
  const int candidates[] = {trace_fd(), own_fds_pipe[0], own_fds_pipe[1]};
  int lowest = -1;

  for (unsigned i = 0; i < sizeof candidates / sizeof *candidates; i++) {
    int fd = candidates[i];

    if (fd >= 0 && (unsigned)fd >= first && (unsigned)fd <= last && (lowest < 0 || fd < lowest) && own_fds_has(fd))
      lowest = fd;
  }
  return lowest;
}
