/*
 * The library's descriptors.  See own_fds.h; called by the hooks of hook_fd.c
 * and hook_fd_state.c.
 */
#include "entry/own_fds.h"

int own_fds_lowest(unsigned first, unsigned last)
{
  int fd = trace_fd();

  return fd >= 0 && (unsigned)fd >= first && (unsigned)fd <= last && own_fds_has(fd) ? fd : -1;
}
