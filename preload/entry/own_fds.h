/*
 * The descriptors in the process that the program did not open: the trace's,
 * and a pipe of libunwind's.  Safe in signal handlers and in children of vfork.
 */
#ifndef VMTRACE_OWN_FDS_H
#define VMTRACE_OWN_FDS_H

#include <stdbool.h>

#include "base/lock.h"
#include "trace/trace.h"

/* libunwind has made its pipe: both ends get other numbers, which are put into fds.  False: there are none, and the
 * pipe is closed again. */
bool own_fds_keep_pipe(int fds[2]);

bool own_fds_is_pipe_slow(int fd);
extern int own_fds_pipe[2] __attribute__((visibility("hidden"))); /* -1: none */

/* Whether the program did not open fd. */
static inline bool own_fds_has(int fd)
{
  if (unlikely(fd == own_fds_pipe[0]) || unlikely(fd == own_fds_pipe[1]))
    return own_fds_is_pipe_slow(fd);
  return trace_owns_fd(fd);
}

/* The lowest of them in [first, last]; -1: there is none. */
int own_fds_lowest(unsigned first, unsigned last);

#endif
