/*
 * The descriptors in the process that the program did not open: the trace's.
 * Safe in signal handlers and in children of vfork.
 */
#ifndef VMTRACE_OWN_FDS_H
#define VMTRACE_OWN_FDS_H

#include <stdbool.h>

#include "trace/trace.h"

/* Whether the program did not open fd. */
static inline bool own_fds_has(int fd)
{
  return trace_owns_fd(fd);
}

/* The lowest of them in [first, last]; -1: there is none. */
int own_fds_lowest(unsigned first, unsigned last);

#endif
