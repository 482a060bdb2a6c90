/*
 * Writing a trace anew, packed: the chunks of each stream joined and packed.
 */
#ifndef VMTRACE_REPACK_H
#define VMTRACE_REPACK_H

#include <stdint.h>

enum repack_result {
  REPACK_DONE,
  REPACK_ALREADY, /* it is packed: nothing was written */
  REPACK_FAILED   /* after one line on stderr */
};

/* Called now and then with how far it has come, 0 to 1. */
typedef void repack_step(void *arg, double done);

/*
 * Writes the trace that is open as trace, path in messages, to fd, an empty file, named name in messages.  A
 * damaged trace is refused: what cannot be read would be gone.  The file is complete, read back and on
 * its disk when this returns REPACK_DONE, and not a trace (no magic) before.  Takes two threads.
 */
enum repack_result repack_file(int trace, const char *path, int fd, const char *name, int level, repack_step *step,
                               void *arg);

#endif
