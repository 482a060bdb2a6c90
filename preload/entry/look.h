/*
 * Whether a path leads to something that tells how many threads the process
 * has.  When the program looks, the helper steps aside (sampler_life.h).
 */
#ifndef VMTRACE_LOOK_H
#define VMTRACE_LOOK_H

#include <stdbool.h>

/* The first, cheap question, for every path that the program uses: whether it may be one of those. */
static inline bool look_is_possible(const char *path)
{
  for (; *path; path++)
    if (path[0] == 't' ? path[1] == 'a' && path[2] == 's' && path[3] == 'k'
                       : path[0] == 's' && path[1] == 't' && path[2] == 'a' && path[3] == 't')
      return true;
  return false;
}

/*
 * The program has opened path, relative to dir, as fd (negative: it is not known), or is about to use it.  If that is
 * the list of the process's own threads, or a file with their number, the helper is gone on return.  True: it was such
 * a path.  Keeps errno.
 */
bool look_at_threads_slow(int dir, const char *path, int fd);

/* The same for a path that can be read: the kernel has read it. */
static inline bool look_at_threads(int dir, const char *path, int fd)
{
  return look_is_possible(path) && look_at_threads_slow(dir, path, fd);
}
/* The same questions for a path that nobody has read yet. */
bool look_is_possible_unread(const char *path);
bool look_at_unread(int dir, const char *path);

#endif
