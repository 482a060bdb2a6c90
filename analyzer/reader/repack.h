/*
 * Writing a trace anew, packed: the chunks of each stream joined and packed.
 */
#ifndef VMTRACE_REPACK_H
#define VMTRACE_REPACK_H

#include <stdbool.h>
#include <stdint.h>

enum repack_result {
  REPACK_DONE,
  REPACK_ALREADY, /* it is packed: nothing was written */
  REPACK_FAILED   /* after one line on stderr */
};

/* Called now and then with how far it has come, 0 to 1. */
typedef void repack_step(void *arg, double done);

/*
 * Writes the trace at path to fd, an empty file, named name in messages.  A
 * damaged trace is refused: what cannot be read would be gone.  The file is complete and on
 * its disk when this returns REPACK_DONE, and not a trace (no magic) before.
 */
enum repack_result repack_file(const char *path, int fd, const char *name, int level, repack_step *step, void *arg);

/* Whether both traces hold the same: header, streams, every event.  Else one line on stderr. */
bool repack_same(const char *path, const char *packed, repack_step *step, void *arg);

#endif
